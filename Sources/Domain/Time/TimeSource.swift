/// The clock of a component: wall time for dates, and a sleep that tests can advance by hand.
package struct TimeSource: Sendable {
    private let read: @Sendable () -> Timestamp
    private let wait: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> Timestamp,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        read = now
        wait = sleep
    }

    /// The current wall-clock time.
    package var now: Timestamp { read() }

    /// Suspends for `duration`; throws `CancellationError` at once when the task is cancelled.
    package func sleep(_ duration: Duration) async throws { try await wait(duration) }
}
