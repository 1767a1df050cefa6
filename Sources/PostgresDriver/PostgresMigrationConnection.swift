import Domain
import Query
import Threads

/// A connection of its own for migrations.
final class PostgresMigrationConnection: MigrationConnection {
    /// Class and key of certctl's migration lock (operations §7.4).
    private static let lockClass = 0x6372_7463
    private static let lockKey = 1

    let engine = Engine.postgres

    private let session: PostgresSession

    init(_ session: PostgresSession) { self.session = session }

    var engineVersion: String { session.serverVersion }

    func currentTime() throws(DatabaseError) -> Timestamp {
        guard let row = try session.rows("SELECT clock_timestamp() AS now").first else {
            throw DatabaseError(kind: .statement, sqlState: "certctl", message: "PostgreSQL gave no time")
        }
        return try row.time("now")
    }

    func run(_ statement: String) throws(DatabaseError) { try session.command(statement) }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] { try session.rows(sql) }

    @discardableResult
    func execute(_ sql: SQL) throws(DatabaseError) -> Int { try session.execute(sql) }

    func begin() throws(DatabaseError) { try session.command("BEGIN") }

    func commit() throws(DatabaseError) { try session.commit() }

    func rollback() {
        guard session.isAlive, session.isInTransaction else { return }
        // If it fails the connection is broken, and the server has rolled back.
        _ = try? session.command("ROLLBACK")
    }

    /// Tried and never waited for: a statement that waits for the lock would itself hold up the holder's
    /// `CREATE INDEX CONCURRENTLY`.
    func tryLock() throws(DatabaseError) -> MigrationLock {
        try refusePooler()
        let answer = try session.rows(
            "SELECT pg_try_advisory_lock(\(Self.lockClass), \(Self.lockKey)) AS locked"
        ).first
        if try answer?.bool("locked") == true { return .acquired }
        let holder = try session.rows(
            """
            SELECT a.application_name AS name, a.pid AS pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND l.classid = \(Self.lockClass) AND l.objid = \(Self.lockKey)
            """
        ).first
        guard let holder else { return .heldBy("a process that has just finished") }
        return .heldBy("\(try holder.text("name")) (backend \(try holder.int("pid")))")
    }

    func unlock() {
        // The lock goes with the session if the statement cannot be run.
        _ = try? session.rows("SELECT pg_advisory_unlock(\(Self.lockClass), \(Self.lockKey)) AS released")
    }

    func pause(_ duration: Duration) { BlockingThread.pause(duration) }

    /// A transaction-pooling proxy gives itself out as a backend, but the backend that answers knows its own number.
    private func refusePooler() throws(DatabaseError) {
        guard let row = try session.rows("SELECT pg_backend_pid() AS pid").first else { return }
        guard try row.int("pid") != Int(session.backendID) else { return }
        throw DatabaseError(
            kind: .statement,
            sqlState: "certctl",
            message: "a connection pooler is between certctl and PostgreSQL, where the migration lock cannot be kept; "
                + "run `certctl db migrate --url …` with a URL that reaches PostgreSQL itself"
        )
    }
}
