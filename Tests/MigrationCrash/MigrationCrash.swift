import Domain
import Logging
import PostgresDriver
import Query
import SQLiteDriver
import Store

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Applies one migration of the built-in ladder and is killed (SIGKILL) before a given effect of it: the process that a
/// power failure would leave behind. Only tests build and run this.
///
///     MigrationCrash URL EFFECT
///     MigrationCrash URL EFFECT backfill
///
/// With `backfill` it does backfills in batches of 100 rows; the effects of a batch are its transaction, its commit, and
/// what follows.
///
/// URL is `sqlite:PATH` or `postgres://…`; effects of the first pending file are counted from 0. Exits 0 when the file
/// was applied because it has fewer effects, 3 when nothing is pending.
@main
enum MigrationCrash {
    static func main() async throws {
        guard CommandLine.arguments.count >= 3, let effect = Int(CommandLine.arguments[2]) else { exit(2) }
        let base = try open(CommandLine.arguments[1])
        if CommandLine.arguments.last == "backfill" {
            _ = try await BackfillRunner(
                database: CrashingDatabase(base, at: effect), time: .system, name: "crash", batch: 100, pause: .zero
            ).run()
            return await base.close()
        }
        let ladder = try MigrationLadder.embedded(for: base.engine)
        guard let next = try await runner(base, ladder).status().pending.first else { exit(3) }
        let files = ladder.migrations.filter { $0.version <= next.version }.map { ($0.fileName, $0.up) }
        let upToNext = try MigrationLadder(engine: base.engine, files: Dictionary(uniqueKeysWithValues: files))
        try await runner(CrashingDatabase(base, at: effect), upToNext).migrate()
        await base.close()
    }

    private static func open(_ url: String) throws -> any MigratableDatabase {
        let prefix = "sqlite:"
        guard url.hasPrefix(prefix) else { return try PostgresDatabase(PostgresConfiguration(url: Secret(url))) }
        return try SQLiteDatabase(path: String(url.dropFirst(prefix.count)), time: .system)
    }

    private static func runner(_ database: any MigratableDatabase, _ ladder: MigrationLadder) -> MigrationRunner {
        var log = Logger(label: "crash")
        log.logLevel = .critical
        return MigrationRunner(
            database: database, ladder: ladder, binaryVersion: Version.number, time: .system, log: log
        )
    }
}
