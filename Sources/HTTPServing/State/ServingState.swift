import Synchronization

/// Where the process stands between start and stop: decides what requests are answered with.
package final class ServingState: Sendable {
    package enum Phase: Hashable, Sendable {
        /// Probes are answered, everything else is 503 with the step in progress.
        case starting(step: String)
        case ready
        case draining
    }

    private let current: Mutex<Phase>
    private let waitsForMigrations = Atomic(false)

    package init(step: String = "starting") { current = Mutex(.starting(step: step)) }

    package var phase: Phase { current.withLock { $0 } }

    package var isDraining: Bool { phase == .draining }

    /// Whether start-up goes on only when another process has applied migrations.
    package var awaitsMigrations: Bool { waitsForMigrations.load(ordering: .relaxed) }

    /// Says what start-up is doing; without effect once it is over.
    package func setStep(_ step: String, awaitsMigrations: Bool = false) {
        waitsForMigrations.store(awaitsMigrations, ordering: .relaxed)
        current.withLock { phase in
            if case .starting = phase { phase = .starting(step: step) }
        }
    }

    package func markReady() {
        current.withLock { phase in
            if case .starting = phase { phase = .ready }
        }
    }

    package func beginDrain() { current.withLock { $0 = .draining } }
}
