import APIContract
import ConnectorKit
import Domain
import Settings
import Synchronization

/// What a deployment does where its target says nothing: as this host's settings say, else as the control plane
/// prescribes for its fleet, else as the program has it.
final class LiveTargetDefaults: Sendable {
    /// What a fleet may prescribe for a look at an endpoint, and for the wait before it.
    private static let longest = Duration.minutes(10)
    private static let program = TargetDefaults(verifyDelay: .seconds(2))

    private let overrides: AgentDeploymentOverrides
    private let fleet = Mutex(program)

    init(_ overrides: AgentDeploymentOverrides) { self.overrides = overrides }

    var current: TargetDefaults {
        let fleet = fleet.withLock { $0 }
        return TargetDefaults(
            verifies: overrides.verifies ?? fleet.verifies,
            verifyDelay: overrides.verifyDelay ?? fleet.verifyDelay,
            verifyTimeout: overrides.verifyTimeout ?? fleet.verifyTimeout,
            backupRetention: overrides.backups.map(Self.retention) ?? fleet.backupRetention
        )
    }

    /// Takes what a heartbeat answer prescribes; what is absent or makes no sense falls back to the program's default.
    ///
    /// - Returns: Whether anything changed for this host.
    func apply(_ config: AgentRuntimeConfig) -> Bool {
        let before = current
        let prescribed = TargetDefaults(
            verifies: config.verifiesDeployment ?? Self.program.verifies,
            verifyDelay: Self.duration(config.verifyDelay, from: .zero) ?? Self.program.verifyDelay,
            verifyTimeout: Self.duration(config.verifyTimeout, from: .milliseconds(100)) ?? Self.program.verifyTimeout,
            backupRetention: config.backupRetention.flatMap { (-1...1000).contains($0) ? $0 : nil }
                ?? Self.program.backupRetention
        )
        fleet.withLock { $0 = prescribed }
        return current != before
    }

    private static func duration(_ text: String?, from least: Duration) -> Duration? {
        guard let duration = text.flatMap(ConnectorKit.DurationText.duration) else { return nil }
        return (least...longest).contains(duration) ? duration : nil
    }

    private static func retention(_ backups: AgentDeploymentOverrides.Backups) -> Int {
        switch backups {
        case .none: -1
        case .keep(let count): count
        }
    }
}
