/// Ends what takes too long.
package enum TimeLimit {
    /// What `body` comes to within `limit`; otherwise `body` is cancelled.
    ///
    /// The limit is of real time, whatever clock the caller goes by: what the network may take is real. It holds as far as
    /// `body` ends when it is cancelled, as everything in this module does.
    ///
    /// - Throws: What `body` throws, or `late` when it took too long. Being cancelled from outside looks like either.
    package static func run<Value: Sendable, Failure: Error>(
        _ limit: Duration, orThrow late: @autoclosure () -> Failure,
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let outcome = await withTaskGroup(of: Result<Value, Failure>?.self) { group in
            group.addTask {
                do throws(Failure) {
                    return Result<Value, Failure>.success(try await body())
                } catch {
                    return Result<Value, Failure>.failure(error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let outcome else { throw late() }
        return try outcome.get()
    }
}
