package import Domain
import GRDB
package import Query
import Synchronization

/// A database in one SQLite file, or in memory for tests.
///
/// Readers run beside the one writer; see `GroupCommit` for how writes reach the disk.
package final class SQLiteDatabase: Query.MigratableDatabase {
    package let engine = Engine.sqlite
    /// The file, or `nil` for a database in memory.
    package let path: String?

    /// The writing connection; in memory the one for everything.
    private let pool: any GRDB.DatabaseWriter
    /// `nil` in memory.
    private let readers: ReaderPool?
    private let writer: GroupCommit
    private let hub = SignalHub()
    private let time: TimeSource
    private let isClosed = Atomic(false)

    /// Opens the file, creating it if it is missing.
    ///
    /// Throws ``Query/DatabaseError``: `.corrupt` for a damaged file, which is never replaced or repaired here.
    package convenience init(
        path: String,
        configuration: SQLiteConfiguration = SQLiteConfiguration(),
        time: TimeSource
    ) throws {
        do {
            let settings = Self.settings(for: configuration)
            let pool = try DatabasePool(path: path, configuration: settings)
            // GRDB lowers `synchronous` when it turns on the write-ahead log.
            try pool.writeWithoutTransaction { connection in
                try SQLiteSession(connection: connection).run(
                    "PRAGMA synchronous = \(configuration.synchronous.rawValue)"
                )
            }
            let readers = ReaderPool(
                path: path, configuration: settings, mostReaders: configuration.readerCount, time: time)
            self.init(pool: pool, readers: readers, path: path, configuration: configuration, time: time)
        } catch {
            throw SQLiteFailure.error(from: error)
        }
    }

    /// A database that lives as long as this object.
    package convenience init(
        inMemory configuration: SQLiteConfiguration = SQLiteConfiguration(),
        time: TimeSource
    ) throws {
        do {
            let queue = try DatabaseQueue(configuration: Self.settings(for: configuration))
            self.init(pool: queue, readers: nil, path: nil, configuration: configuration, time: time)
        } catch {
            throw SQLiteFailure.error(from: error)
        }
    }

    private init(
        pool: any GRDB.DatabaseWriter,
        readers: ReaderPool?,
        path: String?,
        configuration: SQLiteConfiguration,
        time: TimeSource
    ) {
        self.pool = pool
        self.readers = readers
        self.path = path
        self.time = time
        writer = GroupCommit(writer: pool, configuration: configuration, time: time, hub: hub)
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any Query.Transaction) throws -> Result
    ) async throws -> Result {
        try requireOpen()
        do {
            if let readers { return try await readers.read(body) }
            return try await pool.read { [time] connection in
                try body(SQLiteTransaction(session: SQLiteSession(connection: connection), now: time.now))
            }
        } catch let error as GRDB.DatabaseError {
            try Task.checkCancellation()
            throw SQLiteFailure.error(from: error)
        } catch let error as Query.DatabaseError where error.sqlState == "SQLITE_INTERRUPT" {
            try Task.checkCancellation()
            throw error
        }
    }

    @discardableResult
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any Query.Transaction) throws -> Result
    ) async throws -> Result {
        try await writer.write(.immediate, body)
    }

    @discardableResult
    package func writeTogether<Result: Sendable>(
        about subject: String,
        durability: Durability,
        _ body: @escaping @Sendable (any Query.Transaction) throws -> Result
    ) async throws -> Result {
        try await writer.write(durability, body)
    }

    package func signals(on channel: SignalChannel) -> AsyncStream<String> { hub.stream(on: channel) }

    package func ping() async throws {
        _ = try await read { try $0.rows("SELECT 1") }
    }

    package func migrate<Result: Sendable>(
        _ body: @escaping @Sendable (any MigrationConnection) throws -> Result
    ) async throws -> Result {
        try requireOpen()
        do {
            return try await pool.writeWithoutTransaction { [time, path] connection in
                let session = SQLiteMigrationConnection(
                    session: SQLiteSession(connection: connection),
                    path: path,
                    time: time
                )
                defer { session.finish() }
                return try body(session)
            }
        } catch let error as GRDB.DatabaseError {
            throw SQLiteFailure.error(from: error)
        }
    }

    /// Writes finish, the log is merged into the file, and every connection closes.
    package func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        writer.close()
        hub.close()
        await readers?.close()
        // A file that cannot be merged now is merged by the next process that opens it.
        try? await pool.barrierWriteWithoutTransaction { [writer] connection in
            writer.forgetStatements()
            try SQLiteSession(connection: connection).run("PRAGMA wal_checkpoint(TRUNCATE)", keepsPrepared: false)
        }
        // One in memory goes with this object: GRDB's queue does not survive a read after closing.
        if path != nil { try? pool.close() }
    }

    private func requireOpen() throws(Query.DatabaseError) {
        guard !isClosed.load(ordering: .acquiring) else {
            throw Query.DatabaseError(kind: .unavailable, sqlState: "SQLITE_MISUSE", message: "the database is closed")
        }
    }

    /// Runs statements on the writer outside any transaction.
    func exclusively<Result: Sendable>(
        _ body: @escaping @Sendable (SQLiteSession) throws -> Result
    ) async throws -> Result {
        try requireOpen()
        do {
            return try await pool.writeWithoutTransaction { try body(SQLiteSession(connection: $0)) }
        } catch let error as GRDB.DatabaseError {
            throw SQLiteFailure.error(from: error)
        }
    }

    private static func settings(for configuration: SQLiteConfiguration) -> GRDB.Configuration {
        var settings = GRDB.Configuration()
        settings.label = "certctl.sqlite"
        settings.foreignKeysEnabled = true
        settings.maximumReaderCount = max(1, configuration.readerCount)
        settings.persistentReadOnlyConnections = true
        settings.busyMode = .timeout(configuration.busyTimeout.inSeconds)
        settings.prepareDatabase { connection in
            let session = SQLiteSession(connection: connection)
            try session.distrustSchema()
            guard !connection.configuration.readonly else { return }
            // Takes effect in an empty file only.
            try session.run("PRAGMA auto_vacuum = INCREMENTAL", keepsPrepared: false)
            try session.run("PRAGMA secure_delete = FAST", keepsPrepared: false)
            try session.run("PRAGMA journal_size_limit = 67108864", keepsPrepared: false)
            // Pages that change all the time are merged into the file once in 16 MiB of log instead of once in four, and
            // the writer finds them in its own memory (ADR-0041).
            try session.run("PRAGMA wal_autocheckpoint = 4000", keepsPrepared: false)
            try session.run("PRAGMA cache_size = -16000", keepsPrepared: false)
            // Every savepoint of a group keeps the pages that it changes until it ends: in memory, not in a file.
            try session.run("PRAGMA temp_store = MEMORY", keepsPrepared: false)
            try session.run("PRAGMA synchronous = \(configuration.synchronous.rawValue)", keepsPrepared: false)
        }
        return settings
    }
}
