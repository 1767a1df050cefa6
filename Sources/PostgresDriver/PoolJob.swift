import CLibPQ
import Query
import Synchronization

/// Work that waits for a connection, without the type of its result.
protocol PoolJob: AnyObject, Sendable {
    /// When the wait for a connection ends in failure.
    var deadline: ContinuousClock.Instant { get }
    var cancellation: Cancellation { get }

    /// Runs on the thread that owns `worker`'s connection and answers the waiting task.
    func run(on worker: ConnectionWorker)

    func fail(_ error: any Error)
}

/// Whether a job was cancelled, and the connection that runs it at the moment.
final class Cancellation: Sendable {
    private struct State {
        var isCancelled = false
        /// The bits of libpq's cancel handle, zero when no connection runs the job.
        var token: UInt = 0
    }

    private let state = Mutex(State())

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Names the connection that works for the job from now on; zero says that none does.
    func attach(_ token: UInt) { state.withLock { $0.token = token } }

    /// Marks the job; true when a connection runs it, which ``interrupt()`` should stop.
    func cancel() -> Bool {
        state.withLock { state in
            state.isCancelled = true
            return state.token != 0
        }
    }

    /// Whether a connection works for the job.
    var isAttached: Bool { state.withLock { $0.token != 0 } }

    /// Asks the server to stop what the job runs. Blocks while it connects, hence only on a thread of ours; the
    /// lock keeps the connection from passing to another job in between.
    func interrupt() {
        state.withLock { state in
            guard let handle = OpaquePointer(bitPattern: state.token) else { return }
            var message = [CChar](repeating: 0, count: 256)
            _ = PQcancel(handle, &message, CInt(message.count))
        }
    }
}

/// A write that may share its transaction with others.
protocol GroupJob: PoolJob {
    /// Runs the body and keeps its result; the error that it threw, if any.
    func attempt(in transaction: any Transaction) -> (any Error)?

    /// Answers the waiting task with the kept result, which is committed now.
    func succeed()
}

/// One call of `read` or `write`: its body and the task that waits for the result.
final class TransactionJob<Result: Sendable>: GroupJob {
    private struct State {
        var continuation: CheckedContinuation<Result, any Error>?
        /// Of a body that ran in a group which has not been committed.
        var result: Result?
    }

    let deadline: ContinuousClock.Instant
    let cancellation = Cancellation()

    private let mode: TransactionMode
    private let body: @Sendable (any Transaction) throws -> Result
    private let announce: @Sendable ([Signal]) -> Void
    private let state = Mutex(State())

    init(
        mode: TransactionMode,
        deadline: ContinuousClock.Instant,
        announce: @escaping @Sendable ([Signal]) -> Void,
        body: @escaping @Sendable (any Transaction) throws -> Result
    ) {
        self.mode = mode
        self.deadline = deadline
        self.announce = announce
        self.body = body
    }

    func wait(with waiter: CheckedContinuation<Result, any Error>) { state.withLock { $0.continuation = waiter } }

    func run(on worker: ConnectionWorker) {
        guard !cancellation.isCancelled else { return fail(CancellationError()) }
        var attempt = TransactionAttempt(mode: mode, worker: worker, cancellation: cancellation)
        do {
            let (result, signals) = try attempt.run(body)
            if !signals.isEmpty { announce(signals) }
            answer(.success(result))
        } catch {
            fail(cancellation.isCancelled ? CancellationError() : error)
        }
    }

    func attempt(in transaction: any Transaction) -> (any Error)? {
        do {
            let result = try body(transaction)
            state.withLock { $0.result = result }
            return nil
        } catch {
            return error
        }
    }

    func succeed() {
        guard let result = state.withLock({ $0.result }) else { return fail(CancellationError()) }
        answer(.success(result))
    }

    func fail(_ error: any Error) { answer(.failure(error)) }

    private func answer(_ outcome: Swift.Result<Result, any Error>) {
        let waiter = state.withLock { state in
            defer { state = State() }
            return state.continuation
        }
        waiter?.resume(with: outcome)
    }
}
