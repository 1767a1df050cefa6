import Domain
import GRDB
import Query
import Synchronization

/// The connections that read beside the writer of a database file, each with a thread of its own for as long as it has work.
///
/// A read costs one change of threads there and one back, and no statement that is prepared anew. The pool of GRDB changes
/// threads twice as often, and prepares the beginning and the end of each transaction again.
final class ReaderPool: Sendable {
    private struct Reader: Sendable {
        let queue: DatabaseQueue
        let statements = PreparedStatements()
    }

    private struct State {
        var waiting: [any QueuedRead] = []
        /// Where in `waiting` the first one is that has not begun.
        var first = 0
        /// Those without work; the last one to finish is the next to begin, since its pages are the freshest.
        var idle: [Reader] = []
        var opened = 0
        var busy = 0
        var isClosed = false
        var closing: [CheckedContinuation<Void, Never>] = []

        var hasWork: Bool { first < waiting.count }

        mutating func next() -> (any QueuedRead)? {
            guard hasWork else { return nil }
            let work = waiting[first]
            first += 1
            // Moved up once in a while, not for each.
            if first == waiting.count || first >= 64 {
                waiting.removeFirst(first)
                first = 0
            }
            return work
        }

        mutating func takeAll() -> [any QueuedRead] {
            defer { (waiting, first) = ([], 0) }
            return Array(waiting[first...])
        }

        mutating func remove(_ work: any QueuedRead) -> Bool {
            guard let index = waiting[first...].firstIndex(where: { $0 === work }) else { return false }
            waiting.remove(at: index)
            return true
        }
    }

    private let path: String
    private let configuration: GRDB.Configuration
    private let mostReaders: Int
    private let time: TimeSource
    private let state = Mutex(State())

    /// - `configuration`: That of the writer, whose file has a write-ahead log by now.
    init(path: String, configuration: GRDB.Configuration, mostReaders: Int, time: TimeSource) {
        self.path = path
        var configuration = configuration
        configuration.readonly = true
        self.configuration = configuration
        self.mostReaders = max(1, mostReaders)
        self.time = time
    }

    /// Runs a body in a transaction of its own, from a consistent snapshot.
    ///
    /// Throws `CancellationError` when the task was cancelled: what waits is taken out, and a statement that runs is interrupted.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Query.Transaction) throws -> Result
    ) async throws -> Result {
        let work = PendingRead(body)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard work.wait(with: continuation) else { return }
                enqueue(work)
            }
        } onCancel: {
            work.cancel()
            if state.withLock({ $0.remove(work) }) { work.finish(CancellationError()) }
        }
    }

    /// Refuses reads from now on, lets those run that were asked for, and closes every connection.
    func close() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                state.isClosed = true
                guard state.busy > 0 || state.hasWork else { return true }
                state.closing.append(continuation)
                return false
            }
            if isIdle { continuation.resume() }
        }
        let readers = state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
        for reader in readers {
            // Nobody uses the connections any more.
            reader.statements.forgetAll()
            try? reader.queue.close()
        }
    }

    private func enqueue(_ work: any QueuedRead) {
        enum Step {
            case refuse, wait, open
            case wake(Reader)
        }
        let step: Step = state.withLock { state in
            guard !state.isClosed else { return .refuse }
            state.waiting.append(work)
            if let reader = state.idle.popLast() {
                state.busy += 1
                return .wake(reader)
            }
            guard state.opened < mostReaders else { return .wait }
            state.opened += 1
            state.busy += 1
            return .open
        }
        switch step {
        case .refuse: work.finish(Self.closed)
        case .wait: break
        case .wake(let reader): reader.queue.asyncWriteWithoutTransaction { [self] in drain(reader, $0) }
        case .open: open()
        }
    }

    /// Opens one more connection, which begins with what waits. Where that fails, those who wait are told, unless other
    /// connections will come to them.
    private func open() {
        do {
            let reader = Reader(queue: try DatabaseQueue(path: path, configuration: configuration))
            reader.queue.asyncWriteWithoutTransaction { [self] in drain(reader, $0) }
        } catch {
            let refused = state.withLock { state in
                state.opened -= 1
                state.busy -= 1
                return state.busy == 0 ? state.takeAll() : []
            }
            for work in refused { work.finish(SQLiteFailure.error(from: error)) }
            endIfClosing()
        }
    }

    private func drain(_ reader: Reader, _ connection: GRDB.Database) {
        let session = SQLiteSession(connection: connection, statements: reader.statements)
        while let work = next(for: reader) {
            guard work.begin(interrupting: { reader.queue.interrupt() }) else {
                work.finish(CancellationError())
                continue
            }
            work.finish(run(work, in: session))
        }
        endIfClosing()
    }

    private func next(for reader: Reader) -> (any QueuedRead)? {
        state.withLock { state in
            if let work = state.next() { return work }
            state.busy -= 1
            state.idle.append(reader)
            return nil
        }
    }

    private func run(_ work: any QueuedRead, in session: SQLiteSession) -> (any Error)? {
        do {
            try session.run("BEGIN")
        } catch {
            work.end()
            return error
        }
        let error = work.run(in: SQLiteTransaction(session: session, now: time.now))
        work.end()
        // Nothing was changed; the transaction only has to end, also after an interruption.
        do { try session.run("COMMIT") } catch { if !session.isAutocommit { try? session.run("ROLLBACK") } }
        return error
    }

    private func endIfClosing() {
        let closing = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.busy == 0, !state.hasWork else { return [] }
            defer { state.closing = [] }
            return state.closing
        }
        for continuation in closing { continuation.resume() }
    }

    private static let closed = Query.DatabaseError(
        kind: .unavailable, sqlState: "SQLITE_MISUSE", message: "the database is closed")
}
