package import Domain

extension Database {
    /// Waits for a database that refuses connections, as one does that is just starting.
    ///
    /// Only that is worth waiting for: a wrong password, a missing database or a damaged file is reported at once.
    ///
    /// - Parameters:
    ///   - budget: how long to try; the last error is thrown after it.
    ///   - time: sleeps between two tries, which grow from 100 ms to 2 s.
    ///   - onRetry: told of every refusal, for the log.
    /// - Throws: the last ``DatabaseError`` when the budget is spent, or one that is not worth waiting for.
    package func awaitAvailability(
        within budget: Duration,
        time: TimeSource,
        onRetry: @Sendable (DatabaseError) -> Void
    ) async throws {
        let deadline = time.now + budget
        var pause = Duration.milliseconds(100)
        while true {
            do {
                return try await ping()
            } catch let error as DatabaseError where error.kind == .unavailable && error.sqlState != "3D000" {
                guard time.now + pause <= deadline else { throw error }
                onRetry(error)
            }
            try await time.sleep(pause)
            pause = min(pause * 2, .seconds(2))
        }
    }
}
