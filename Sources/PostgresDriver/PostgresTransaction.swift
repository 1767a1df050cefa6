import Domain
import Query

/// A transaction on the connection of the thread that runs it.
final class PostgresTransaction: Transaction {
    let engine = Engine.postgres
    let now: Timestamp
    /// What waits to be told once the transaction has committed.
    private(set) var signals: [Signal] = []
    /// The first statement that failed: PostgreSQL refuses everything after it.
    private(set) var failure: DatabaseError?

    private let session: PostgresSession

    init(session: PostgresSession, now: Timestamp) {
        self.session = session
        self.now = now
    }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] {
        do throws(DatabaseError) { return try session.rows(sql) } catch { throw noted(error) }
    }

    @discardableResult
    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        do throws(DatabaseError) { return try session.execute(sql) } catch { throw noted(error) }
    }

    func notify(_ channel: SignalChannel, payload: String) throws(DatabaseError) {
        signals.append(try Signal(checking: payload, for: channel))
    }

    private func noted(_ error: DatabaseError) -> DatabaseError {
        if failure == nil { failure = error }
        return error
    }
}

/// One wake-up that is to be sent.
struct Signal: Hashable, Sendable {
    let channel: SignalChannel
    let payload: String

    /// `pg_notify` takes payloads shorter than 8000 octets.
    init(checking payload: String, for channel: SignalChannel) throws(DatabaseError) {
        guard payload.utf8.count < 8000, !payload.utf8.contains(0) else {
            throw DatabaseError(kind: .statement, sqlState: "22023", message: "a signal payload is too long")
        }
        self.channel = channel
        self.payload = payload
    }
}
