import Domain
import GRDB
import Query
import Synchronization

/// The one writer of a database file. What queues up while a commit runs is committed together by the next.
///
/// Each body has a savepoint of its own: one that throws takes back its own changes alone. Nobody is answered
/// before the commit of its group has reached the disk, unless nobody of it wants that; if that commit fails, nobody of the
/// group succeeds.
final class GroupCommit: Sendable {
    private struct Entry {
        let work: any QueuedWork
        let durability: Durability
    }

    private struct State {
        var waiting: [Entry] = []
        var isDraining = false
        var isClosed = false
    }

    private let writer: any GRDB.DatabaseWriter
    private let time: TimeSource
    private let largestBatch: Int
    private let synchronous: SQLiteConfiguration.Synchronous
    private let onCommitBatch: (@Sendable (Int) -> Void)?
    private let hub: SignalHub
    private let statements = PreparedStatements()
    /// Of the connection; it is written where that is used.
    private let waitsForDisk = Atomic(true)
    private let state = Mutex(State())

    init(writer: any GRDB.DatabaseWriter, configuration: SQLiteConfiguration, time: TimeSource, hub: SignalHub) {
        self.writer = writer
        self.time = time
        self.hub = hub
        largestBatch = max(1, configuration.largestBatch)
        synchronous = configuration.synchronous
        onCommitBatch = configuration.onCommitBatch
    }

    func write<Result: Sendable>(
        _ durability: Durability,
        _ body: @escaping @Sendable (any Query.Transaction) throws -> Result
    ) async throws -> Result {
        let work = QueuedCall(body)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard work.wait(with: continuation) else { return }
                enqueue(Entry(work: work, durability: durability))
            }
        } onCancel: {
            cancel(work)
        }
    }

    /// Refuses work from now on; what is queued still runs.
    func close() { state.withLock { $0.isClosed = true } }

    /// Lets go of what is prepared, without which the connection can't be closed. To be called where it is used.
    func forgetStatements() { statements.forgetAll() }

    private func enqueue(_ entry: Entry) {
        enum Step { case refuse, start, wait }
        let step: Step = state.withLock { state in
            guard !state.isClosed else { return .refuse }
            state.waiting.append(entry)
            if state.isDraining { return .wait }
            state.isDraining = true
            return .start
        }
        switch step {
        case .refuse:
            entry.work.finish(
                Query.DatabaseError(kind: .unavailable, sqlState: "SQLITE_MISUSE", message: "the database is closed")
            )
        case .start: writer.asyncWriteWithoutTransaction { [self] connection in drain(connection) }
        case .wait: break
        }
    }

    /// Takes a body out of the queue if it has not started; afterwards it runs to its end.
    private func cancel<Result>(_ work: QueuedCall<Result>) {
        work.markCancelled()
        let wasWaiting = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.work === work }) else { return false }
            state.waiting.remove(at: index)
            return true
        }
        if wasWaiting { work.finish(CancellationError()) }
    }

    private func drain(_ connection: GRDB.Database) {
        let session = SQLiteSession(connection: connection, statements: statements)
        while let batch = nextBatch() {
            let waits = batch.contains { $0.durability == .immediate }
            do {
                try setWaiting(waits, session)
            } catch {
                for entry in batch { entry.work.finish(error) }
                continue
            }
            var rest = batch.map(\.work)[...]
            while !rest.isEmpty { rest = commit(rest, in: session) }
            // Others who use the connection find it as it was opened.
            try? setWaiting(true, session)
        }
    }

    /// Whether a commit waits for the disk. The log is one file: what reaches the disk takes along what came before it.
    private func setWaiting(_ waits: Bool, _ session: SQLiteSession) throws(Query.DatabaseError) {
        guard waitsForDisk.load(ordering: .relaxed) != waits else { return }
        try session.setSynchronous(waits ? synchronous : .normal)
        waitsForDisk.store(waits, ordering: .relaxed)
    }

    private func nextBatch() -> [Entry]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isDraining = false
                return nil
            }
            let batch = Array(state.waiting.prefix(largestBatch))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    /// Commits a group; returns what has not run because SQLite gave up the transaction before its turn.
    private func commit(
        _ batch: ArraySlice<any QueuedWork>,
        in session: SQLiteSession
    ) -> ArraySlice<any QueuedWork> {
        var group = CommitGroup(session: session, now: time.now, usesSavepoints: batch.count > 1)
        do {
            try session.run("BEGIN IMMEDIATE")
        } catch {
            for work in batch { work.finish(error) }
            return []
        }
        var rest = batch
        while let work = rest.popFirst() {
            guard group.run(work) else { break }
        }
        let committed = group.finish()
        if committed > 0 { onCommitBatch?(committed) }
        for signal in group.signals { hub.deliver(signal.payload, on: signal.channel) }
        group.answer()
        return rest
    }
}
