import Domain
import HostEffects
import Logging
import PostgresDriver
import Query
import SQLiteDriver
import Settings
import Store
import Telemetry

/// An open database with what keeps it open.
struct OpenDatabase: Sendable {
    let database: any MigratableDatabase
    /// Held while this process uses an SQLite file; `nil` on PostgreSQL.
    let fileLock: HeldLock?
}

/// A process lock that lasts as long as somebody refers to it.
final class HeldLock: Sendable {
    private let lock: ProcessLock

    init(path: String, fileSystem: FileSystem) throws { lock = try ProcessLock(path: path, fileSystem: fileSystem) }
}

/// What a process does with the database that it opens.
package enum DatabaseUse: Sendable {
    /// Serving or migrating: an SQLite file belongs to this process alone.
    case exclusive
    /// Looking only, beside a server if there is one; nothing is created.
    case inspection
}

/// Opens the database that the configuration names.
struct DatabaseOpening: Sendable {
    let configuration: DatabaseConfiguration
    let instance: String
    let metrics: MetricsRegistry
    let fileSystem: FileSystem
    let time: TimeSource
    let log: Logger

    /// Opens a file, or prepares a pool; PostgreSQL is not asked yet.
    ///
    /// - Throws: ``StartUpFailure``.
    func open(for use: DatabaseUse = .exclusive) throws -> OpenDatabase {
        switch configuration.location {
        case .sqlite(let path):
            switch use {
            case .exclusive: return try openFile(path)
            case .inspection: return try openExistingFile(path)
            }
        case .sqliteInMemory:
            return OpenDatabase(database: try SQLiteDatabase(inMemory: sqlite(), time: time), fileLock: nil)
        case .postgres(let url): return OpenDatabase(database: try openPool(url), fileLock: nil)
        }
    }

    private func openFile(_ path: String) throws -> OpenDatabase {
        let lock: HeldLock
        do {
            lock = try HeldLock(path: "\(path).lock", fileSystem: fileSystem)
        } catch let error as ProcessLockError {
            let holder = error.holder.map { " by process \($0)" } ?? ""
            throw StartUpFailure(
                .unavailable,
                "the database file \(path) is in use\(holder); SQLite serves one server. Stop the other one, or use "
                    + "PostgreSQL (CERTCTL_DATABASE_URL) for several"
            )
        } catch let error as FileError {
            throw StartUpFailure(.permission, "\(error); choose a writable place in CERTCTL_DATABASE_URL")
        }
        do {
            let database = try SQLiteDatabase(path: path, configuration: sqlite(), time: time)
            try fileSystem.changeMode(path, to: 0o600)
            return OpenDatabase(database: database, fileLock: lock)
        } catch let error as DatabaseError {
            throw Self.failure(error, of: path)
        }
    }

    private func openExistingFile(_ path: String) throws -> OpenDatabase {
        do {
            guard try fileSystem.status(path) != nil else {
                throw StartUpFailure(
                    .failure, "there is no database at \(path); the server or `certctl db migrate` makes it"
                )
            }
            return OpenDatabase(
                database: try SQLiteDatabase(path: path, configuration: sqlite(), time: time), fileLock: nil
            )
        } catch let error as FileError {
            throw StartUpFailure(.permission, "\(error)")
        } catch let error as DatabaseError {
            throw Self.failure(error, of: path)
        }
    }

    private func sqlite() -> SQLiteConfiguration {
        let batches = metrics.histogram(
            "certctl_sqlite_commit_batch_size", "Transactions that one commit made durable.",
            bounds: [1, 2, 4, 8, 16, 32, 64, 128]
        ).with()
        var settings = SQLiteConfiguration()
        settings.synchronous = configuration.sqliteSynchronous == .full ? .full : .normal
        settings.readerCount = configuration.maxConnections
        settings.onCommitBatch = { batches.observe(Double($0)) }
        return settings
    }

    private func openPool(_ url: Secret) throws -> PostgresDatabase {
        let waits = metrics.histogram(
            "certctl_db_pool_wait_seconds", "Time that work waited for a connection."
        ).with()
        let batches = metrics.histogram(
            "certctl_postgres_commit_batch_size", "Transactions that one commit of a group made durable.",
            bounds: [1, 2, 4, 8, 16, 32, 64]
        ).with()
        var settings = PostgresConfiguration(url: url)
        settings.applicationName = "certctl/server/\(instance)"
        settings.maxConnections = configuration.maxConnections
        settings.connectTimeout = configuration.connectTimeout
        settings.statementTimeout = configuration.statementTimeout
        settings.maxLifetime = configuration.connectionLifetime
        // The configuration has refused unprotected transport, or the operator has acknowledged it.
        settings.acceptsInsecureTransport = true
        settings.onCommitBatch = { batches.observe(Double($0)) }
        settings.onPoolWait = { waits.observe($0.inSeconds) }
        do {
            return try PostgresDatabase(settings)
        } catch let error as DatabaseError {
            throw Self.failure(error, of: "CERTCTL_DATABASE_URL")
        }
    }

    /// Asks the database until it answers or `CERTCTL_DATABASE_STARTUP_WAIT` is over.
    func awaitAnswer(of database: any Database) async throws {
        let deadline = time.now + configuration.startupWait
        var isFirst = true
        while true {
            do {
                return try await database.ping()
            } catch let error as DatabaseError {
                guard error.kind == .unavailable, time.now < deadline else {
                    throw Self.failure(error, of: "the database")
                }
                if isFirst { log.warn("waiting for the database", .error(error)) }
                isFirst = false
                try await time.sleep(.milliseconds(500))
            }
        }
    }

    /// Logs how durable commits are, as SQLite itself sees it.
    func describe(_ database: any Database) async throws {
        guard let file = database as? SQLiteDatabase else { return }
        log.info(
            "SQLite is open", LogField("journal_mode", try await file.setting(.journalMode)),
            LogField("synchronous", try await file.setting(.synchronous) == "2" ? "full" : "normal")
        )
    }

    /// Brings the schema up to date, as `CERTCTL_MIGRATIONS` says.
    func migrate(
        _ database: any MigratableDatabase,
        observe: @escaping @Sendable (MigrationEvent) -> Void = { _ in }
    ) async throws {
        let figures = SchemaMetrics(metrics)
        do {
            let runner = MigrationRunner(
                database: database, ladder: try ladder(for: database.engine), binaryVersion: Version.number, time: time,
                log: log, prepare: preparation
            ) { event in
                if case .finished(let status) = event { figures.record(status) }
                observe(event)
            }
            let mode: Store.MigrationMode =
                switch configuration.migrations {
                case .auto: .auto
                case .check: .check
                case .off: .off
                }
            let applied = try await runner.run(mode)
            if !applied.isEmpty { log.info("migrations applied", LogField("count", applied.count)) }
        } catch let error as MigrationError {
            throw StartUpFailure(error.kind.exitStatus, "\(error)")
        } catch let error as DatabaseError {
            throw Self.failure(error, of: "the database")
        }
    }

    private var preparation: @Sendable (MigrationStatus, any MigrationConnection) -> Void {
        guard case .sqlite(let path) = configuration.location else { return { _, _ in } }
        return UpgradeCopy(file: path, fileSystem: fileSystem, log: log).make
    }

    /// The embedded migrations, or those of the directory that `CERTCTL_DATABASE_MIGRATIONS_PATH` names.
    func ladder(for engine: Engine) throws(MigrationError) -> MigrationLadder {
        guard let path = configuration.migrationsPath else { return try MigrationLadder.embedded(for: engine) }
        return try MigrationLadder.directory(path, for: engine)
    }

    static func failure(_ error: DatabaseError, of subject: String) -> StartUpFailure {
        switch error.kind {
        case .unavailable:
            StartUpFailure(.unavailable, "\(subject) cannot be reached: \(error)")
        case .authenticationFailed, .permissionDenied, .readOnly:
            StartUpFailure(.permission, "\(subject): \(error)")
        case .corrupt:
            StartUpFailure(
                .failure, "\(subject) is damaged: \(error). It was not touched; restore it from the newest backup"
            )
        case .uniqueViolation, .foreignKeyViolation, .checkViolation, .notNullViolation, .retryable, .diskFull,
            .statement:
            StartUpFailure(.failure, "\(subject): \(error)")
        }
    }
}

extension MigrationError.Kind {
    /// What a supervisor should make of the failure.
    var exitStatus: ExitStatus {
        switch self {
        case .locked, .pending, .unavailable: .unavailable
        case .permission: .permission
        case .ladder, .history, .newerSchema, .statement: .failure
        }
    }
}
