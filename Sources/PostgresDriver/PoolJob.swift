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

/// One call of `read` or `write`: its body and the task that waits for the result.
final class TransactionJob<Result: Sendable>: PoolJob {
    let deadline: ContinuousClock.Instant
    let cancellation = Cancellation()

    private let mode: TransactionMode
    private let body: @Sendable (any Transaction) throws -> Result
    private let announce: @Sendable ([Signal]) -> Void
    private let continuation = Mutex<CheckedContinuation<Result, any Error>?>(nil)

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

    func wait(with waiter: CheckedContinuation<Result, any Error>) { continuation.withLock { $0 = waiter } }

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

    func fail(_ error: any Error) { answer(.failure(error)) }

    private func answer(_ outcome: Swift.Result<Result, any Error>) {
        let waiter = continuation.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        waiter?.resume(with: outcome)
    }
}
