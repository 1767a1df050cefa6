import Query
import Synchronization

/// A call of the database that waits for its turn, without the type of its result.
protocol QueuedWork: AnyObject, Sendable {
    /// Runs the body and keeps its result; the error that it threw, if any.
    func run(in transaction: any Query.Transaction) -> (any Error)?

    /// Answers the waiting task, with the kept result or with `error`.
    func finish(_ error: (any Error)?)
}

/// One call of `read` or `write`: its body, its result, and the task that waits for it.
final class QueuedCall<Result: Sendable>: QueuedWork {
    private struct State {
        var result: Result?
        var continuation: CheckedContinuation<Result, any Error>?
        var isCancelled = false
    }

    private let body: @Sendable (any Query.Transaction) throws -> Result
    private let state = Mutex(State())

    init(_ body: @escaping @Sendable (any Query.Transaction) throws -> Result) { self.body = body }

    /// Keeps the task that waits; false when it was cancelled before it could wait.
    func wait(with continuation: CheckedContinuation<Result, any Error>) -> Bool {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.continuation = continuation }
            return state.isCancelled
        }
        if isCancelled { continuation.resume(throwing: CancellationError()) }
        return !isCancelled
    }

    func markCancelled() { state.withLock { $0.isCancelled = true } }

    func run(in transaction: any Query.Transaction) -> (any Error)? {
        do {
            let result = try body(transaction)
            state.withLock { $0.result = result }
            return nil
        } catch {
            return error
        }
    }

    func finish(_ error: (any Error)?) {
        let (continuation, result) = state.withLock { state in
            defer { state.continuation = nil }
            return (state.continuation, state.result)
        }
        if let error {
            continuation?.resume(throwing: error)
        } else if let result {
            continuation?.resume(returning: result)
        } else {
            continuation?.resume(throwing: CancellationError())
        }
    }
}
