import DatabaseTestSupport
import Domain
import Foundation
import Logging
import PostgresDriver
import Query
import SQLiteDriver
import Store
import Testing

@Suite("Migrations (domain §14.2, operations §7.4)")
struct MigrationRunnerTests {
    /// Three steps: one of several statements, one non-transactional, one with a trigger or function body.
    static func files(_ engine: Engine) -> [String: String] {
        let body =
            engine == .sqlite
            ? "CREATE TRIGGER IF NOT EXISTS a_t AFTER INSERT ON a BEGIN UPDATE a SET n = 1; END;"
            : "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN NULL; RETURN 1; END $$;"
        let index = engine == .sqlite ? "" : "CONCURRENTLY"
        let type = engine == .sqlite ? "INTEGER" : "bigint"
        let column =
            engine == .sqlite
            ? "-- certctl:unless-column a.extra\nALTER TABLE a ADD COLUMN extra TEXT;"
            : "ALTER TABLE a ADD COLUMN IF NOT EXISTS extra text;"
        return [
            "000001_first.up.sql": """
            -- Two statements.
            CREATE TABLE IF NOT EXISTS a (id \(type) PRIMARY KEY, n \(type) NOT NULL DEFAULT 0);
            INSERT INTO a (id) VALUES (1) ON CONFLICT DO NOTHING;
            """,
            "000002_second.notx.up.sql": """
            DROP INDEX IF EXISTS a_n;
            CREATE INDEX \(index) a_n ON a (n);
            """,
            "000003_third.up.sql": column + "\n" + body,
        ]
    }

    static func runner(
        _ database: any MigratableDatabase,
        files: [String: String]? = nil,
        version: String = "1.2.0",
        _ change: (inout MigrationRunner.Patience) -> Void = { _ in }
    ) throws -> MigrationRunner {
        var patience = MigrationRunner.Patience()
        patience.check = .milliseconds(200)
        patience.poll = .milliseconds(20)
        change(&patience)
        var log = Logger(label: "test")
        log.logLevel = .critical
        return MigrationRunner(
            database: database,
            ladder: try MigrationLadder(engine: database.engine, files: files ?? Self.files(database.engine)),
            binaryVersion: version,
            patience: patience,
            time: .system,
            log: log
        )
    }

    static let versions = ["000001_first", "000002_second", "000003_third"]

    @Test("a cold start applies everything, a warm one nothing", arguments: Engine.available)
    func coldAndWarm(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        let runner = try Self.runner(database)
        #expect(try await runner.status().pending.map(\.version) == Self.versions)
        #expect(try await runner.migrate() == Self.versions)
        #expect(try await runner.migrate() == [])
        let status = try await runner.status()
        #expect(status.isUpToDate)
        #expect(status.applied.map(\.version) == Self.versions)
        #expect(status.applied.allSatisfy { $0.binaryVersion == "1.2.0" && $0.state == .done })
        #expect(status.applied.allSatisfy { !$0.engineVersion.isEmpty && $0.checksum.count == 64 })
        #expect(status.applied.allSatisfy { TimeSource.system.now - $0.appliedAt < .minutes(1) })
        try await runner.run(.check)
        try await runner.run(.off)
        await database.close()
    }

    @Test("an up-to-date start takes no lock, so another's lock does not hold it up", arguments: Engine.available)
    func noLockWhenUpToDate(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        try await Self.runner(database).migrate()
        let counting = CountingDatabase(database, failAt: nil)
        #expect(try await Self.runner(counting).migrate() == [])
        #expect(counting.migrations == 0)
        await database.close()
    }

    @Test("a statement that fails takes its whole step back and is named", arguments: Engine.available)
    func failure(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        var files = Self.files(engine)
        files["000003_third.up.sql"] = "INSERT INTO a (id) VALUES (7);\n\nINSERT INTO a (id) VALUES (1);"
        let broken = try Self.runner(database, files: files)
        let error = try await #require(throws: MigrationError.self) { try await broken.migrate() }
        #expect(error.subject == "000003_third.up.sql")
        #expect(error.what.contains("statement 2 (line 3)"))
        #expect(error.what.contains(engine == .sqlite ? "SQLITE_CONSTRAINT" : "23505"))
        #expect(error.what.contains("a_pkey"))
        #expect(try await broken.status().applied.map(\.version) == Array(Self.versions.prefix(2)))
        #expect(try await database.read { try $0.rows("SELECT id FROM a").count } == 1)
        #expect(try await Self.runner(database).migrate() == ["000003_third"])
        await database.close()
    }

    @Test("a crash at any point leaves a state from which the next start completes", arguments: Engine.available)
    func crashes(engine: Engine) async throws {
        var point = 0
        var crashes = 0
        while point < 60 {
            let database = try await TestDatabase.makeEmpty(engine)
            let failing = CountingDatabase(database, failAt: point)
            do {
                try await Self.runner(failing).migrate()
                await database.close()
                break
            } catch {
                crashes += 1
            }
            _ = try await Self.runner(database).migrate()
            #expect(try await Self.runner(database).status().isUpToDate, "after a crash at effect \(point)")
            let rows = try await database.read { try $0.rows("SELECT id, extra FROM a").count }
            #expect(rows == 1)
            await database.close()
            point += 1
        }
        #expect(crashes >= 12, "only \(crashes) effects were interrupted")
    }

    @Test("with an emptied ledger every statement can run again", arguments: Engine.available)
    func emptiedLedger(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        try await Self.runner(database).migrate()
        try await database.write { try $0.execute("DELETE FROM schema_migrations") }
        #expect(try await Self.runner(database).migrate() == Self.versions)
        #expect(try await database.read { try $0.rows("SELECT id FROM a").count } == 1)
        await database.close()
    }

    @Test("the built-in ladder applies twice, and its down files take everything back", arguments: Engine.available)
    func builtInLadder(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        let ladder = try MigrationLadder.embedded(for: engine)
        let files = Dictionary(uniqueKeysWithValues: ladder.migrations.map { ($0.fileName, $0.up) })
        try await Self.runner(database, files: files).migrate()
        let before = try await Self.schema(of: database)
        try await database.write { try $0.execute("DELETE FROM schema_migrations") }
        try await Self.runner(database, files: files).migrate()
        #expect(try await Self.schema(of: database) == before)
        try await database.migrate { connection in
            for migration in ladder.migrations.reversed() {
                for statement in try StatementSplitter.split(try #require(migration.down), for: engine) {
                    try connection.run(statement.text)
                }
            }
        }
        let left = try await Self.schema(of: database).filter { !$0.contains("schema_migrations") }
        #expect(left == [])
        try await database.write { try $0.execute("DELETE FROM schema_migrations") }
        try await Self.runner(database, files: files).migrate()
        #expect(try await Self.schema(of: database) == before)
        await database.close()
    }

    /// Every table, index, trigger, function, column and constraint by name and definition.
    static func schema(of database: any Database) async throws -> [String] {
        let query: SQL =
            switch database.engine {
            case .sqlite:
                """
                SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS line FROM sqlite_schema
                WHERE name NOT LIKE 'sqlite_%' ORDER BY 1
                """
            case .postgres:
                """
                SELECT line FROM (
                SELECT concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default) AS line
                FROM information_schema.columns WHERE table_schema = 'public'
                UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
                UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass::text, conname,
                    pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
                UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                ) everything ORDER BY line
                """
            }
        return try await database.read { try $0.rows(query).map { try $0.text("line") } }
    }
}
