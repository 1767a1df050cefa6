import Domain
import Lifecycle
import Logging
import Query
import ServiceLifecycle
import Synchronization
import Telemetry

/// Follows rotations of the encryption key on every replica, and goes on with one on the leader.
struct SealingWatch: Sendable {
    /// How often this replica says which keys it holds, and looks whether another one seals.
    private static let interval = Duration.seconds(15)
    /// The same while a rotation goes on.
    private static let busyInterval = Duration.seconds(2)
    private static let slice = Duration.milliseconds(500)
    /// How often values that do not open are complained about.
    private static let complaintInterval = Duration.hours(1)

    let keeper: KeyKeeper
    let flow: RekeyFlow
    let database: any Database
    let leadership: Leadership
    let time: TimeSource
    let metrics: SealingMetrics
    /// Told of the key that alone seals from now on.
    let settle: @Sendable (String) throws -> Void
    let log: Logger

    /// Until the process stops.
    ///
    /// - Throws: ``KeyFailure`` when the key was replaced by one that this process does not have.
    func run() async throws {
        let isPoked = Poke()
        do {
            try await cancelWhenGracefulShutdown { try await watch(isPoked) }
        } catch is CancellationError {
            // The server stops.
        }
        do {
            try await keeper.leave()
        } catch {
            log.warn("other servers count this one as running for a minute more", .error(error))
        }
    }

    private func watch(_ isPoked: Poke) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in database.signals(on: .sealing) {
                    try await step { try await keeper.refresh() }
                    isPoked.set()
                }
            }
            group.addTask { try await follow(isPoked) }
            try await group.waitForAll()
        }
    }

    private func follow(_ isPoked: Poke) async throws {
        var complainedAt: Timestamp?
        while true {
            var isBusy = false
            try await step {
                try await keeper.refresh()
                guard leadership.currentEpoch != nil, try await flow.isUnfinished() else { return }
                isBusy = true
                let failures = try await advance()
                guard !failures.isEmpty else { return }
                isBusy = false
                if let last = complainedAt, time.now - last < Self.complaintInterval { return }
                complainedAt = time.now
                for failure in failures.prefix(20) {
                    log.error("a sealed value does not open", LogField("error", failure))
                }
            }
            try await pause(isBusy ? Self.busyInterval : Self.interval, isPoked)
        }
    }

    private func advance() async throws -> [String] {
        metrics.set(remaining: try await flow.status().remaining)
        let (outcome, retired) = try await flow.advance(observe: metrics.resealed)
        let status = try await flow.status()
        metrics.set(remaining: status.remaining)
        if !retired.isEmpty {
            log.notice(
                "the encryption key is rotated: nothing is sealed with the old one any more",
                metadata: ["active": "\(status.activeID)", "retired": "\(retired.joined(separator: " "))"])
            try settle(status.activeID)
        }
        return outcome.failures
    }

    /// What the database says no to today it may say yes to in a moment.
    private func step(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as KeyFailure {
            throw StartUpFailure(.configuration, error.description)
        } catch let error as CancellationError {
            throw error
        } catch {
            log.warn("the state of encryption keys could not be read or written", .error(error))
        }
    }

    private func pause(_ length: Duration, _ isPoked: Poke) async throws {
        var waited = Duration.zero
        while waited < length, !isPoked.take() {
            try await time.sleep(Self.slice)
            waited += Self.slice
        }
    }
}

/// That somebody wants the next look at once.
private final class Poke: Sendable {
    private let isSet = Mutex(false)

    func set() { isSet.withLock { $0 = true } }

    func take() -> Bool {
        isSet.withLock { flag in
            defer { flag = false }
            return flag
        }
    }
}

/// How far a rotation is.
struct SealingMetrics: Sendable {
    private let remainingGauge: MetricFamily<Gauge>
    private let resealedCounter: MetricFamily<Counter>

    init(_ registry: MetricsRegistry) {
        remainingGauge = registry.gauge(
            "certctl_crypto_rekey_remaining", "Values that are not sealed with the active key; known to the leader.")
        resealedCounter = registry.counter(
            "certctl_crypto_resealed_total", "Values that were sealed again.")
        set(remaining: 0)
    }

    func set(remaining: Int) { remainingGauge.with().set(Double(remaining)) }

    @Sendable
    func resealed(_ count: Int) {
        resealedCounter.with().add(count)
    }
}
