import Domain
import Query

/// A transaction on the connection of the thread that runs it. It begins with its first statement, in one round trip.
final class PostgresTransaction: Transaction {
    let engine = Engine.postgres
    /// What waits to be told once the transaction has committed.
    private(set) var signals: [Signal] = []
    /// The first statement that failed: PostgreSQL refuses everything after it.
    private(set) var failure: DatabaseError?

    private let mode: TransactionMode
    private let worker: ConnectionWorker
    private let session: PostgresSession
    private var start: Timestamp?

    init(_ mode: TransactionMode, worker: ConnectionWorker, session: PostgresSession) {
        self.mode = mode
        self.worker = worker
        self.session = session
    }

    /// Whether there is something to commit.
    var isBegun: Bool { start != nil }

    /// The time of a transaction that could not begin means nothing: no statement of it is run, and it fails.
    var now: Timestamp {
        if let start { return start }
        guard failure == nil else { return Timestamp(secondsSinceEpoch: 0) }
        do throws(DatabaseError) {
            let began = try worker.begin(mode, in: session)
            start = began
            return began
        } catch {
            failure = error
            return Timestamp(secondsSinceEpoch: 0)
        }
    }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] { try run(sql).rows() }

    @discardableResult
    func execute(_ sql: SQL) throws(DatabaseError) -> Int { try run(sql).changes }

    private func run(_ sql: SQL) throws(DatabaseError) -> PostgresResult {
        do throws(DatabaseError) {
            let rendered = try Dialect.render(sql, for: .postgres)
            if start != nil { return try session.run(rendered) }
            if let failure { throw failure }
            let (began, result) = try worker.begin(mode, followedBy: rendered, in: session)
            start = began
            return result
        } catch {
            throw noted(error)
        }
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
