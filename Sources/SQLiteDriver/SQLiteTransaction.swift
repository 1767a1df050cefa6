import Domain
import GRDB
import Query

/// A transaction, or one savepoint of a group that is committed together.
final class SQLiteTransaction: Query.Transaction {
    let engine = Engine.sqlite
    let now: Timestamp
    /// What waits to be told once the transaction has committed.
    private(set) var signals: [(channel: SignalChannel, payload: String)] = []

    /// The first statement that failed. As on PostgreSQL, nothing can follow it, and a body that catches it does not
    /// commit: otherwise code would work on one engine alone.
    private(set) var failure: Query.DatabaseError?

    private let session: SQLiteSession

    init(session: SQLiteSession, now: Timestamp) {
        self.session = session
        self.now = now
    }

    func rows(_ sql: Query.SQL) throws(Query.DatabaseError) -> [Query.Row] {
        try requireSound()
        do throws(Query.DatabaseError) { return try session.rows(sql) } catch { throw noted(error) }
    }

    @discardableResult
    func execute(_ sql: Query.SQL) throws(Query.DatabaseError) -> Int {
        try requireSound()
        do throws(Query.DatabaseError) { return try session.execute(sql) } catch { throw noted(error) }
    }

    func notify(_ channel: SignalChannel, payload: String) { signals.append((channel, payload)) }

    private func requireSound() throws(Query.DatabaseError) {
        guard failure == nil else {
            throw Query.DatabaseError(
                kind: .statement,
                sqlState: "25P02",
                message: "an earlier statement of this transaction has failed"
            )
        }
    }

    private func noted(_ error: Query.DatabaseError) -> Query.DatabaseError {
        if failure == nil { failure = error }
        return error
    }
}
