package import Domain

/// One connection that is used for migrations alone, with raw statement text and explicit transactions.
///
/// Nothing else may take text that was not written in this package's source: migration files are checked by
/// checksum, everything a user sends goes through ``SQL``.
package protocol MigrationConnection: AnyObject {
    var engine: Engine { get }

    /// The version that the database reports, for the ledger: `15.14`, `3.40.1`.
    var engineVersion: String { get }

    /// The database's clock on PostgreSQL, the injected one on SQLite.
    func currentTime() throws(DatabaseError) -> Timestamp

    /// Runs one statement of a migration file.
    func run(_ statement: String) throws(DatabaseError)

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row]

    @discardableResult
    func execute(_ sql: SQL) throws(DatabaseError) -> Int

    func begin() throws(DatabaseError)
    func commit() throws(DatabaseError)
    /// Gives up the open transaction, if there is one.
    func rollback()

    /// Tries to become the one process that migrates this database; held until the connection closes or
    /// ``unlock()`` is called. Never waits.
    func tryLock() throws(DatabaseError) -> MigrationLock

    func unlock()

    /// Blocks the thread that owns this connection, while another process holds the lock.
    func pause(_ duration: Duration)
}

/// The answer to ``MigrationConnection/tryLock()``.
package enum MigrationLock: Hashable, Sendable {
    case acquired
    /// Another process migrates: its `application_name`, or what is known of it.
    case heldBy(String)
}

/// A database whose schema certctl itself can bring up to date.
package protocol MigratableDatabase: Database {
    /// Lends a connection that no other work uses, and closes or returns it afterwards.
    func migrate<Result: Sendable>(
        _ body: @escaping @Sendable (any MigrationConnection) throws -> Result
    ) async throws -> Result
}
