package import Domain
package import HostEffects
package import Outbound

/// Everything that a deployment touches, as arguments: the files, the commands, the network and the clock of
/// the host it runs on.
package struct DeploymentHost: Sendable {
    /// Runs an argument vector that passed the command rules; the duration is its time limit.
    package typealias Runner = @Sendable ([String], Duration) async throws -> ProcessOutcome
    /// Handshakes with every address of an endpoint; the duration limits each.
    package typealias Prober = @Sendable (TLSEndpoint, Duration) async throws -> [ProbedAddress]

    package let fileSystem: FileSystem
    package let policy: HostPolicy
    /// Holds journals, locks and backups; private to this process's user.
    package let stateDirectory: String
    package let time: TimeSource
    /// Waits in full even when the task is cancelled: a deployment that has begun ends one way or the other.
    let pause: @Sendable (Duration) async -> Void
    let run: Runner
    let probe: Prober

    package init(
        stateDirectory: String,
        policy: HostPolicy = .unrestricted,
        time: TimeSource = .system,
        fileSystem: FileSystem = .live,
        pause: @escaping @Sendable (Duration) async -> Void = { await BlockingWork.pause($0) },
        run: @escaping Runner = { try await ChildProcess.run(argv: $0, timeout: $1) },
        probe: @escaping Prober = { try await TLSProbe.probe($0, purpose: .target, timeout: $1) }
    ) {
        self.stateDirectory = stateDirectory
        self.policy = policy
        self.time = time
        self.fileSystem = fileSystem
        self.pause = pause
        self.run = run
        self.probe = probe
    }

    /// Runs blocking file work away from the cooperative pool. It is not cancelled once begun.
    func blocking<Success: Sendable>(
        _ body: @escaping @Sendable (FileSystem) throws -> Success
    ) async throws -> Success {
        let files = fileSystem
        return try await BlockingWork.run { try body(files) }
    }

    var journalDirectory: String { PathText.join(stateDirectory, "deploy") }
    var recordDirectory: String { PathText.join(journalDirectory, "last") }
    var lockDirectory: String { PathText.join(stateDirectory, "locks") }
    var backupDirectory: String { PathText.join(stateDirectory, "backups") }

    /// Unix time in nanoseconds, which makes names of temporaries and backups unique and sortable.
    var stamp: Int64 { time.now.microsecondsSinceEpoch * 1000 }
}
