import DatabaseTestSupport
import PostgresDriver
import Query
import Store
import Testing

@Suite(
    "The locks that a dry run names are those that PostgreSQL takes", .enabled(if: Engine.available.contains(.postgres))
)
struct StatementLocksTests {
    /// Runs the ladder statement by statement, each in a transaction of its own, and asks `pg_locks` before the commit.
    @Test("for every statement of the ladder, on the tables that exist before it")
    func ladder() async throws {
        let database = try await TestDatabase.makeEmpty(.postgres)
        var compared = 0
        for migration in try MigrationLadder.embedded(for: .postgres).migrations {
            for statement in try StatementSplitter.split(migration.up, for: .postgres) {
                let claimed = Dictionary(
                    uniqueKeysWithValues: StatementLocks.of(statement.text).map { ($0.relation, $0.mode) })
                guard migration.isTransactional else {
                    try await database.migrate { try $0.run(statement.text) }
                    #expect(claimed.values.allSatisfy { $0 == .shareUpdateExclusive }, "\(statement.excerpt)")
                    continue
                }
                for (relation, mode) in try await Self.locks(of: statement, on: database) {
                    // Dropping a foreign key also locks the table that it refers to, which the statement does not name.
                    if claimed[relation] == nil, statement.text.contains("DROP CONSTRAINT"),
                        statement.text.contains("_fkey")
                    {
                        continue
                    }
                    // So does dropping an index lock its table, for a moment.
                    if claimed[relation] == nil, statement.text.hasPrefix("DROP INDEX") { continue }
                    #expect(claimed[relation] == mode, "\(relation): \(statement.excerpt)")
                    compared += 1
                }
            }
        }
        #expect(compared > 80, "\(compared) locks compared")
        await database.close()
    }

    private static func locks(
        of statement: MigrationStatement, on database: any MigratableDatabase
    ) async throws -> [(String, StatementLock.Mode)] {
        let rows = try await database.migrate { connection in
            let known = Set(try connection.rows(Self.relations).map { try $0.text("name") })
            try connection.begin()
            try connection.run(statement.text)
            let held = try connection.rows(Self.held).map { (try $0.text("name"), try $0.text("mode")) }
            try connection.commit()
            return held.filter { known.contains($0.0) }
        }
        var strongest: [String: StatementLock.Mode] = [:]
        for (relation, name) in rows {
            guard let mode = StatementLock.Mode.allCases.first(where: { Self.same($0.name, name) }) else { continue }
            strongest[relation] = max(strongest[relation] ?? mode, mode)
        }
        return strongest.map { ($0.key, $0.value) }
    }

    /// `ACCESS EXCLUSIVE` and `AccessExclusiveLock`.
    private static func same(_ mode: String, _ lock: String) -> Bool {
        mode.filter { $0 != " " }.lowercased() + "lock" == lock.lowercased()
    }

    private static let relations: SQL = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    private static let held: SQL = """
        SELECT relation::regclass::text AS name, mode FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
        """

    @Test(
        "statements that the ladder does not have",
        arguments: [
            ("ALTER TABLE ONLY jobs ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES teams (id)", ["jobs", "teams"]),
            ("-- ALTER TABLE x\nSELECT 'ALTER TABLE y'", []), ("DROP TABLE IF EXISTS jobs", ["jobs"]),
            ("UPDATE jobs SET a = 1", ["jobs"]), ("alter table Jobs alter column a set not null", ["jobs"]),
        ]
    )
    func others(statement: String, relations: [String]) {
        #expect(StatementLocks.of(statement).map(\.relation) == relations)
    }
}
