import Domain
import Query

/// The bodies of one commit and what became of each.
struct CommitGroup {
    private struct Outcome {
        let work: any QueuedWork
        var error: (any Error)?
    }

    private let session: SQLiteSession
    private let now: Timestamp
    private let usesSavepoints: Bool
    private var outcomes: [Outcome] = []
    /// What the committed bodies want to tell.
    private(set) var signals: [(channel: SignalChannel, payload: String)] = []

    init(session: SQLiteSession, now: Timestamp, usesSavepoints: Bool) {
        self.session = session
        self.now = now
        self.usesSavepoints = usesSavepoints
    }

    /// Runs one body; false when SQLite rolled back the whole transaction, as it does when the disk is full.
    mutating func run(_ work: any QueuedWork) -> Bool {
        let transaction = SQLiteTransaction(session: session, now: now)
        let error = attempt(work, in: transaction)
        outcomes.append(Outcome(work: work, error: error))
        if error == nil { signals += transaction.signals }
        guard session.isAutocommit else { return true }
        failAll(error ?? Self.lost)
        return false
    }

    /// Commits; the number of bodies whose changes are committed now.
    mutating func finish() -> Int {
        guard !session.isAutocommit else { return 0 }
        let succeeded = outcomes.count { $0.error == nil }
        do {
            try session.run(succeeded == 0 ? "ROLLBACK" : "COMMIT")
            return succeeded
        } catch {
            if !session.isAutocommit { try? session.run("ROLLBACK") }
            failAll(error)
            return 0
        }
    }

    func answer() {
        for outcome in outcomes { outcome.work.finish(outcome.error) }
    }

    private func attempt(_ work: any QueuedWork, in transaction: SQLiteTransaction) -> (any Error)? {
        do {
            if usesSavepoints { try session.run("SAVEPOINT member") }
        } catch {
            return error
        }
        var failure = work.run(in: transaction) ?? transaction.failure
        if failure == nil, session.hasDeferredViolation { failure = Self.deferredViolation }
        // Without savepoints the body is alone, and `finish` rolls everything back.
        guard usesSavepoints, !session.isAutocommit else { return failure }
        do {
            if failure != nil { try session.run("ROLLBACK TO member") }
            try session.run("RELEASE member")
            return failure
        } catch {
            return failure ?? error
        }
    }

    private mutating func failAll(_ error: any Error) {
        signals = []
        for index in outcomes.indices where outcomes[index].error == nil { outcomes[index].error = error }
    }

    private static let lost = DatabaseError(
        kind: .unavailable,
        sqlState: "SQLITE_ABORT",
        message: "SQLite rolled the transaction back"
    )

    private static let deferredViolation = DatabaseError(
        kind: .foreignKeyViolation(constraint: ""),
        sqlState: "SQLITE_CONSTRAINT_3",
        message: "FOREIGN KEY constraint failed"
    )
}
