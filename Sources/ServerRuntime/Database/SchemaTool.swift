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

    private let open: OpenDatabase
    private let opening: DatabaseOpening

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
        var lines = status.applied.map { "applied     \($0.version)  \($0.appliedAt.rfc3339)" }
        lines += status.pending.map { "pending     \($0.version)" }
        lines += status.unknown.map { "unknown     \($0.version)" }
        lines += status.mismatched.map { "mismatched  \($0)" }
        return Report(current: status.applied.last?.version, lines: lines)
    }

    /// What is wrong with schema or file; empty when nothing is.
    package func findings() async throws -> [String] {
        let status = try await ledger()
        var findings = status.pending.map { "migration \($0.version) is pending; run certctl db migrate" }
        findings += status.unknown.map { "migration \($0.version) is of a newer release; upgrade this program" }
        findings += status.mismatched.map { "migration \($0) was changed after it was applied; restore its file" }
        if let file = open.database as? SQLiteDatabase { findings += try await file.quickCheck() }
        return findings
    }

    package func close() async { await open.database.close() }

    private func ledger() async throws -> MigrationStatus {
        let ladder = try opening.ladder(for: open.database.engine)
        return try await MigrationRunner(
            database: open.database, ladder: ladder, binaryVersion: Version.number, time: opening.time,
            log: opening.log
        ).status()
    }
}
