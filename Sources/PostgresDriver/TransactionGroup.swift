import Domain
import Query

/// Bodies of different subjects in one transaction.
///
/// They are run on the assumption that all will succeed. When one fails after it changed something, or the commit
/// does, the whole transaction is rolled back and every body is left ``unsettled``, to be run by itself.
final class TransactionGroup {
    /// A group does not wait long for a row that somebody else has locked: all its members would wait.
    private static let opening: SQL = """
        SELECT transaction_timestamp() AS now, set_config('lock_timeout', '200ms', true) AS lock_timeout
        """

    /// Where nobody of the group waits for the disk. The log is flushed in its order: whatever is flushed later takes it along.
    private static let unhurried: SQL = """
        SELECT transaction_timestamp() AS now, set_config('lock_timeout', '200ms', true) AS lock_timeout,
            set_config('synchronous_commit', 'off', true) AS synchronous_commit
        """

    private enum Outcome {
        case succeeded
        /// The body threw before it changed anything.
        case refused(any Error)
    }

    /// Bodies whose changes are committed.
    private(set) var committed = 0
    /// What the committed bodies want to tell.
    private(set) var signals: [Signal] = []
    /// Bodies of which nothing was done.
    private(set) var unsettled: [any GroupJob] = []

    private let entries: [CommitLane.Entry]
    private let worker: ConnectionWorker
    private var answers: [(job: any GroupJob, error: (any Error)?)] = []

    init(_ entries: [CommitLane.Entry], worker: ConnectionWorker) {
        self.entries = entries
        self.worker = worker
    }

    func run() {
        let session: PostgresSession
        do throws(DatabaseError) { session = try worker.session() } catch {
            answers = entries.map { ($0.job, error) }
            return
        }
        let opening = waitsForDisk ? Self.opening : Self.unhurried
        guard let now = try? worker.begin(.write, opening: opening, in: session) else { return giveUp(session) }
        let changes = DeferredChanges(session: session)
        var outcomes: [(job: any GroupJob, outcome: Outcome)] = []
        var members: [GroupTransaction] = []
        for entry in entries {
            guard !entry.job.cancellation.isCancelled else {
                outcomes.append((entry.job, .refused(CancellationError())))
                continue
            }
            // A body sees what an earlier one of its subject did.
            guard changes.settle(ifNoted: entry.subject) else { return giveUp(session) }
            let member = GroupTransaction(session: session, now: now, changes: changes, subject: entry.subject)
            if let error = entry.job.attempt(in: member) {
                guard member.isUntouched else { return giveUp(session) }
                outcomes.append((entry.job, .refused(error)))
            } else {
                guard member.failure == nil else { return giveUp(session) }
                outcomes.append((entry.job, .succeeded))
                members.append(member)
            }
        }
        guard changes.settle() else { return giveUp(session) }
        commit(outcomes, members, in: session)
    }

    private var waitsForDisk: Bool { entries.contains { $0.durability == .immediate } }

    /// Tells every waiting task that is not ``unsettled``.
    func answer() {
        for (job, error) in answers {
            if let error { job.fail(error) } else { job.succeed() }
        }
    }

    private func commit(
        _ outcomes: [(job: any GroupJob, outcome: Outcome)],
        _ members: [GroupTransaction],
        in session: PostgresSession
    ) {
        var failure: DatabaseError?
        do throws(DatabaseError) { try session.commit() } catch {
            // Nobody may run a body again whose commit may have happened.
            guard !session.isAlive else { return giveUp(session) }
            failure = TransactionAttempt.unknownOutcome
        }
        for (job, outcome) in outcomes {
            switch outcome {
            case .refused(let error): answers.append((job, error))
            case .succeeded: answers.append((job, failure))
            }
        }
        guard failure == nil else { return }
        committed = members.count
        signals = members.flatMap(\.signals)
    }

    private func giveUp(_ session: PostgresSession) {
        if session.isAlive, session.isInTransaction { _ = try? session.command("ROLLBACK") }
        unsettled = entries.map(\.job)
    }
}

/// The transaction of a group as one of its bodies sees it.
private final class GroupTransaction: Transaction {
    let engine = Engine.postgres
    let now: Timestamp
    private(set) var signals: [Signal] = []
    /// The first statement that failed; the body cannot ignore it.
    private(set) var failure: DatabaseError?
    /// Whether the body did nothing but read.
    private(set) var isUntouched = true

    private let session: PostgresSession
    private let changes: DeferredChanges
    private let subject: String

    init(session: PostgresSession, now: Timestamp, changes: DeferredChanges, subject: String) {
        self.session = session
        self.now = now
        self.changes = changes
        self.subject = subject
    }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] {
        let rendered = try Dialect.render(sql, for: .postgres)
        // A lock that a refused body leaves behind ends with the group.
        if !rendered.text.hasPrefix("SELECT ") { isUntouched = false }
        return try run(rendered).rows()
    }

    @discardableResult
    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        isUntouched = false
        return try run(try Dialect.render(sql, for: .postgres)).changes
    }

    func submit(_ statement: DeferredStatement) throws {
        guard failure == nil else { throw Self.aborted }
        isUntouched = false
        changes.append(statement, of: subject)
    }

    func notify(_ channel: SignalChannel, payload: String) throws(DatabaseError) {
        signals.append(try Signal(checking: payload, for: channel))
    }

    private func run(_ rendered: RenderedStatement) throws(DatabaseError) -> PostgresResult {
        guard failure == nil, changes.settle(ifNoted: subject) else { throw noted(Self.aborted) }
        do throws(DatabaseError) {
            guard let result = try session.runTogether([rendered]).first else { throw Self.aborted }
            return result
        } catch {
            isUntouched = false
            throw noted(error)
        }
    }

    private func noted(_ error: DatabaseError) -> DatabaseError {
        if failure == nil { failure = error }
        return error
    }

    private static let aborted = DatabaseError(
        kind: .statement,
        sqlState: "25P02",
        message: "an earlier statement of this transaction has failed"
    )
}
