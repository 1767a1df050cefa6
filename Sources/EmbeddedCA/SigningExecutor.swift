package import PKI
import Synchronization
import Threads

/// Threads for signatures that take long: RSA in this process, a token, another process.
///
/// At most `threads` run at once and at most `waiting` wait for their turn; whoever comes then is refused at once, as a
/// failure that is worth a retry, so that a slow device costs its callers time and the server no memory. Who is cancelled
/// while it waits leaves the line. A thread ends when nothing waits.
///
/// An executor for a device has a deadline: who waited so long is failed as worth a retry, whether the work stands in line
/// or hangs in the device. Work that hangs keeps its thread until the device lets it go, and its result is thrown away; so
/// a device that stalls holds its own threads and nobody else's.
package final class SigningExecutor: Sendable {
    private struct Job: Sendable {
        let id: Int
        /// Does the work, or fails it with what is given.
        let run: @Sendable (SignerError?) -> Void
    }

    private struct State {
        var line: [Job] = []
        var running = 0
        var nextID = 0
        /// Cancelled before they came to stand in line.
        var cancelled: Set<Int> = []
    }

    /// For keys in this process: as many threads as there are processors.
    package static let computing = SigningExecutor(threads: max(1, BlockingThread.processors), waiting: 4096)

    private let threads: Int
    private let waiting: Int
    private let deadline: Duration?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - threads: How many run at once.
    ///   - waiting: How many may wait besides.
    ///   - deadline: How long a caller waits, in line and for the work; `nil` for work that always ends.
    package init(threads: Int, waiting: Int, deadline: Duration? = nil) {
        self.threads = threads
        self.waiting = waiting
        self.deadline = deadline
    }

    /// How many wait for their turn now.
    package var queueLength: Int { state.withLock { $0.line.count } }

    /// How many threads work or hang now.
    package var busyThreads: Int { state.withLock { $0.running } }

    /// Runs `body` on one of the threads, and waits for it no longer than the deadline.
    ///
    /// - `deadline`: Another one than that of the executor, for work that takes longer by its nature.
    package func run<Success: Sendable>(
        within deadline: Duration?,
        _ body: @escaping @Sendable () throws(SignerError) -> Success
    ) async throws(SignerError) -> Success {
        guard let deadline = deadline ?? self.deadline else { return try await run(body) }
        let ticket = Ticket<Success>()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let late = SignerError.transient("the device that signs did not answer within \(deadline)")
        let result = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // What a device may take is real time, whatever clock the server goes by.
                // Cancelled when there is a result, and with the caller: then nobody waits any more either.
                let isLate = (try? await Task.sleep(for: deadline)) != nil
                self.leaveLine(id)
                ticket.settle(.failure(isLate ? late : Self.abandoned))
            }
            let result = await withCheckedContinuation { continuation in
                ticket.wait(continuation)
                self.enqueue(
                    Job(id: id) { refusal in
                        ticket.settle(refusal.map { .failure($0) } ?? Self.result(body))
                    })
            }
            group.cancelAll()
            return result
        }
        return try result.get()
    }

    /// Whoever settles it first decides.
    private final class Ticket<Success: Sendable>: Sendable {
        private enum State {
            case open
            case waiting(CheckedContinuation<Result<Success, SignerError>, Never>)
            case settled(Result<Success, SignerError>)
        }
        private let state = Mutex(State.open)

        func wait(_ continuation: CheckedContinuation<Result<Success, SignerError>, Never>) {
            let early = state.withLock { state -> Result<Success, SignerError>? in
                if case .settled(let result) = state { return result }
                state = .waiting(continuation)
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }

        func settle(_ result: Result<Success, SignerError>) {
            let waiting = state.withLock { state -> CheckedContinuation<Result<Success, SignerError>, Never>? in
                switch state {
                case .settled: return nil
                case .open:
                    state = .settled(result)
                    return nil
                case .waiting(let continuation):
                    state = .settled(result)
                    return continuation
                }
            }
            waiting?.resume(returning: result)
        }
    }

    private func leaveLine(_ id: Int) {
        state.withLock { state in
            if let index = state.line.firstIndex(where: { $0.id == id }) { state.line.remove(at: index) }
        }
    }

    /// Runs `body` on one of the threads; the caller suspends.
    package func run<Success: Sendable>(
        _ body: @escaping @Sendable () throws(SignerError) -> Success
    ) async throws(SignerError) -> Success {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let result: Result<Success, SignerError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enqueue(
                    Job(id: id) { refusal in
                        if let refusal { return continuation.resume(returning: .failure(refusal)) }
                        continuation.resume(returning: Self.result(body))
                    })
            }
        } onCancel: {
            cancel(id)
        }
        state.withLock { _ = $0.cancelled.remove(id) }
        return try result.get()
    }

    private static func result<Success>(
        _ body: () throws(SignerError) -> Success
    ) -> Result<Success, SignerError> {
        do throws(SignerError) { return .success(try body()) } catch { return .failure(error) }
    }

    private enum Admission { case stands, startsThread, refused(SignerError) }

    private func enqueue(_ job: Job) {
        let admission = state.withLock { state -> Admission in
            if state.cancelled.contains(job.id) { return .refused(Self.abandoned) }
            if state.running < threads {
                state.running += 1
                return .startsThread
            }
            guard state.line.count < waiting else { return .refused(Self.full) }
            state.line.append(job)
            return .stands
        }
        switch admission {
        case .stands: return
        case .refused(let error): job.run(error)
        case .startsThread:
            if BlockingThread.start({ [self] in work(job) }) { return }
            let stranded = state.withLock { state -> [Job] in
                state.running -= 1
                guard state.running == 0 else { return [job] }
                defer { state.line = [] }
                return [job] + state.line
            }
            for job in stranded { job.run(Self.noThread) }
        }
    }

    private func work(_ first: Job) {
        first.run(nil)
        while let job = next() { job.run(nil) }
    }

    private func next() -> Job? {
        state.withLock { state in
            if state.line.isEmpty {
                state.running -= 1
                return nil
            }
            return state.line.removeFirst()
        }
    }

    private func cancel(_ id: Int) {
        let job = state.withLock { state -> Job? in
            guard let index = state.line.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.line.remove(at: index)
        }
        job?.run(Self.abandoned)
    }

    private static let abandoned = SignerError.transient("the wait for the signature was cancelled")
    private static let full = SignerError.transient("too many signatures wait for this key")
    private static let noThread = SignerError.transient("the system has no thread to sign on")
}
