import Domain
import HostEffects
import Logging
import Query
import SQLiteDriver
package import Settings
import Store
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `certctl db` does with a database, apart from a running server.
package struct SchemaTool: Sendable {
    /// What a ledger says, line by line.
    package struct Report: Sendable {
        package let current: String?
        package let lines: [String]
    }

    let open: OpenDatabase
    let opening: DatabaseOpening

    /// Opens the database and waits until it answers.
    ///
    /// - Throws: ``StartUpFailure``.
    package init(_ configuration: DatabaseConfiguration, for use: DatabaseUse) async throws {
        let time = TimeSource.system
        let logs = LogBootstrap(format: .text, instance: "db", time: time, sink: LogSink(descriptor: STDERR_FILENO))
        opening = DatabaseOpening(
            configuration: configuration, instance: "db", metrics: MetricsRegistry(time: time), fileSystem: .live,
            time: time, log: logs.logger("db")
        )
        open = try opening.open(for: use)
        try await opening.awaitAnswer(of: open.database)
    }

    /// Applies what is pending; the versions that this call applied.
    package func migrate() async throws -> [String] {
        let before = Set(try await ledger().applied.map(\.version))
        try await opening.migrate(open.database)
        return try await ledger().applied.map(\.version).filter { !before.contains($0) }
    }

    package func status() async throws -> Report {
        let status = try await ledger()
        return Report(
            current: status.applied.last?.version,
            lines: Self.lines(status) + (try await backfillLines().text) + (try await tableLines())
        )
    }

    /// The statements that ``migrate()`` would run, with the locks that they take; nothing is locked for it.
    package func plan() async throws -> [String] { try await migrationPlan().lines }

    func migrationPlan() async throws -> MigrationPlan {
        let status = try await ledger()
        do {
            try status.verify(binaryVersion: Version.number)
            return try MigrationPlan(status, engine: open.database.engine)
        } catch {
            throw StartUpFailure(.failure, "\(error)")
        }
    }

    /// What taking back the newest `count` migrations would lose, for a person who has to agree.
    package func revertNotice(_ count: Int) async throws -> [String] {
        do {
            let migrations = try await ledger().newest(count, of: opening.ladder(for: open.database.engine))
            let losses = migrations.map { "\($0.version): \($0.dataLoss)" }
            return losses + [Self.backupHint(for: open.database.engine, configuration: opening.configuration)]
        } catch let error as MigrationError {
            throw StartUpFailure(.failure, "\(error)")
        }
    }

    /// Takes back the newest `count` migrations; the versions that are gone.
    package func revert(_ count: Int) async throws -> [String] {
        do {
            return try await runner().revert(count)
        } catch let error as MigrationError {
            throw StartUpFailure(error.kind.exitStatus, "\(error)")
        }
    }

    /// What is wrong with schema, file or rows; empty when nothing is. `isFull` also compares every index of an SQLite
    /// file with its table.
    package func findings(isFull: Bool) async throws -> [String] {
        let status = try await ledger()
        var findings = status.pending.map { "migration \($0.version) is pending; run certctl db migrate" }
        findings += status.unknown.map { "migration \($0.version) is of a newer release; upgrade this program" }
        findings += status.mismatched.map { "migration \($0) was changed after it was applied; restore its file" }
        if let file = open.database as? SQLiteDatabase {
            findings += isFull ? try await file.integrityCheck() : try await file.quickCheck()
        }
        // The rows are those of the newest schema or cannot be judged.
        guard status.pending.isEmpty else { return findings }
        let rows = try await open.database.read { try SemanticChecks.findings(in: $0) }
        return findings + rows.map { "\($0.check)  \($0.table)  \($0.row): \($0.what). \($0.remedy)" }
    }

    /// Repairs rows that other rows tell how, in one transaction; a line for each kind. The schema has to be the newest.
    package func repair() async throws -> [String] {
        guard try await ledger().pending.isEmpty else { return [] }
        return try await open.database.write { try SemanticChecks.repair(in: $0) }.map {
            "\($0.check)  \($0.rows) rows"
        }
    }

    package func close() async { await open.database.close() }

    func ledger() async throws -> MigrationStatus { try await runner().status() }

    private func runner() throws -> MigrationRunner {
        MigrationRunner(
            database: open.database, ladder: try opening.ladder(for: open.database.engine),
            binaryVersion: Version.number, time: opening.time, log: opening.log
        )
    }

    // MARK: - Words

    private static func lines(_ status: MigrationStatus) -> [String] {
        var lines = status.applied.map { "applied     \($0.version)  \(provenance(of: $0))" }
        lines += status.pending.map { "pending     \($0.version)" }
        lines += status.unknown.map { "unknown     \($0.version)  \(provenance(of: $0))" }
        lines += status.mismatched.map { "drift       \($0)  its file is no longer the one that was applied" }
        if let skipped = status.pending.first, let last = status.applied.last, skipped.version < last.version {
            lines.append("drift       \(skipped.version)  is not applied although \(last.version) is")
        }
        return lines
    }

    private static func provenance(of migration: AppliedMigration) -> String {
        let milliseconds = migration.duration.wholeMicroseconds / 1000
        return "\(migration.appliedAt.rfc3339)  \(milliseconds) ms  by \(migration.binaryVersion) on "
            + "\(migration.engineVersion)" + (migration.state == .running ? "  unfinished" : "")
    }

    private static func backupHint(for engine: Engine, configuration: DatabaseConfiguration) -> String {
        switch engine {
        case .sqlite:
            if case .sqlite(let path) = configuration.location {
                return "Make a backup first: stop the server and copy \(path)."
            }
            return "The database is in memory: there is nothing to back up."
        case .postgres: return "Make a backup first: pg_dump --format=custom --file=certctl.dump …"
        }
    }
}
