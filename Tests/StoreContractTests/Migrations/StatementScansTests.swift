import Store
import Testing

@Suite("Operations §17.2: the time of a migration is that of the rows that it goes through")
struct StatementScansTests {
    @Test(
        "tables that a statement goes through",
        arguments: [
            ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON jobs (id)", ["jobs"]),
            ("ALTER TABLE IF EXISTS ONLY teams VALIDATE CONSTRAINT c", ["teams"]),
            ("ALTER TABLE teams ADD CONSTRAINT c UNIQUE (name)", ["teams"]),
            ("ALTER TABLE teams ADD CONSTRAINT c CHECK (name <> '') NOT VALID", []),
            ("ALTER TABLE teams ADD COLUMN IF NOT EXISTS motto TEXT", []),
            ("ALTER TABLE teams ALTER COLUMN size TYPE BIGINT", ["teams"]),
            ("UPDATE \"Teams\" SET a = 1 WHERE b IS NULL -- FROM jobs", ["teams"]),
            ("DELETE FROM events WHERE seq < 3", ["events"]),
            ("INSERT INTO a (id) SELECT id FROM owners", ["owners"]),
            ("INSERT INTO a (id) VALUES ('SELECT x FROM y')", []),
            ("CREATE TABLE IF NOT EXISTS t (id TEXT)", []),
            ("DO $$ BEGIN IF TRUE THEN UPDATE a SET x = 1; END IF; DELETE FROM b; END $$", ["a", "b"]),
            ("", []),
        ]
    )
    func scans(statement: String, tables: [String]) {
        #expect(StatementScans.of(statement) == Set(tables))
    }
}
