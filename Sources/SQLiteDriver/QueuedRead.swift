import Query
import Synchronization

/// A read that waits for a connection, without the type of its result.
protocol QueuedRead: QueuedWork {
    /// Notes that a connection runs it; false when it was cancelled before.
    ///
    /// - `interrupt`: Ends the statement that the connection runs.
    func begin(interrupting interrupt: @escaping @Sendable () -> Void) -> Bool

    /// The connection is done with it: nothing is interrupted for it any more.
    func end()
}

/// One call of `read`: its body, its result, and the task that waits for it.
final class PendingRead<Result: Sendable>: QueuedRead {
    private struct State {
        var interrupt: (@Sendable () -> Void)?
        var isCancelled = false
    }

    private let call: QueuedCall<Result>
    private let state = Mutex(State())

    init(_ body: @escaping @Sendable (any Query.Transaction) throws -> Result) { call = QueuedCall(body) }

    /// Keeps the task that waits; false when it was cancelled before it could wait.
    func wait(with continuation: CheckedContinuation<Result, any Error>) -> Bool { call.wait(with: continuation) }

    /// Whoever runs it is interrupted, under the lock: by the time that another read runs there, it is too late for this one.
    func cancel() {
        call.markCancelled()
        state.withLock { state in
            state.isCancelled = true
            state.interrupt?()
        }
    }

    func begin(interrupting interrupt: @escaping @Sendable () -> Void) -> Bool {
        state.withLock { state in
            if !state.isCancelled { state.interrupt = interrupt }
            return !state.isCancelled
        }
    }

    func end() { state.withLock { $0.interrupt = nil } }

    func run(in transaction: any Query.Transaction) -> (any Error)? { call.run(in: transaction) }
    func finish(_ error: (any Error)?) { call.finish(error) }
}
