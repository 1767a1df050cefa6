import Encoding
import MigrationLint
import Testing

@Suite("Names, numbers, pairs and released files")
struct LadderFileTests {
    private static func file(
        _ name: String, _ dialect: SQLDialect = .postgres, text: String = "-- Data loss: none.\n", sum: String = ""
    ) -> LintFile {
        LintFile(dialect: dialect, name: name, text: text, sha256: sum)
    }

    private static func rules(_ files: [LintFile], released: String = "") -> [String] {
        LadderLint.check(files, released: released).failures.map { "\($0.file) \($0.rule.rawValue)" }
    }

    @Test(
        "a name that the runner does not take",
        arguments: [
            ("7_add.up.sql", "000002_add.up.sql"), ("000002-Add Column.up.sql", "000002_add_column.up.sql"),
            ("000002_Add.down.sql", "000002_add.down.sql"), ("000002_add.sql", "000002_add.up.sql"),
            ("0000002_add.notx.up.sql", "000002_add.notx.up.sql"), ("000002_.up.sql", "000002_name.up.sql"),
            ("000002_füge.up.sql", "000002_f_ge.up.sql"),
        ])
    func misnamed(name: String, suggestion: String) {
        let report = LadderLint.check(Self.pair("000001_a") + [Self.file(name)])
        #expect(report.failures.map(\.rule) == [.fileName])
        #expect(report.failures.first?.correction.advice.contains("Call it \(suggestion):") == true, "\(report.text)")
    }

    private static func pair(_ stem: String, _ dialect: SQLDialect = .postgres, text: String = "-- Data loss: none.\n")
        -> [LintFile]
    {
        [file(stem + ".up.sql", dialect, text: text), file(stem + ".down.sql", dialect)]
    }

    @Test("a gap, a duplicate, a first number that is not one")
    func numbers() {
        #expect(Self.rules(Self.pair("000001_a") + Self.pair("000003_c")) == ["postgres/000003_c.up.sql numbering"])
        #expect(Self.rules(Self.pair("000002_a")) == ["postgres/000002_a.up.sql numbering"])
        #expect(Self.rules(Self.pair("000001_a") + Self.pair("000001_b")) == ["postgres/000001_b.up.sql numbering"])
    }

    @Test("a version that has nothing to do on one engine is no gap")
    func nothingToDo() {
        let both =
            Self.pair("000001_a", .sqlite) + Self.pair("000001_a") + Self.pair("000002_b")
            + Self.pair("000003_c", .sqlite)
        #expect(Self.rules(both + Self.pair("000003_c")).isEmpty)
        #expect(Self.rules([Self.file("000001_a.up.sql", text: "")]).isEmpty)
    }

    @Test("one number, two names on the two engines")
    func pairs() {
        let files = Self.pair("000001_a", .sqlite) + Self.pair("000001_b")
        #expect(Self.rules(files) == ["sqlite/000001_a.up.sql engine-pair"])
    }

    @Test("a down file without its up file")
    func orphan() {
        #expect(
            Self.rules(Self.pair("000001_a") + [Self.file("000002_b.down.sql")]) == [
                "postgres/000002_b.down.sql down-orphan"
            ])
    }

    @Test("a missing down file is written out, and undoes what the up file makes")
    func missingDown() throws {
        let up = """
            CREATE TABLE IF NOT EXISTS a (id TEXT NOT NULL CONSTRAINT a_pkey PRIMARY KEY);
            CREATE INDEX IF NOT EXISTS a_idx ON a (id);
            ALTER TABLE teams ADD COLUMN IF NOT EXISTS motto TEXT;
            CREATE OR REPLACE FUNCTION f(x INTEGER) RETURNS integer LANGUAGE sql AS 'SELECT 1';
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 't_check' AND conrelid = 'teams'::regclass) THEN
                    ALTER TABLE teams ADD CONSTRAINT t_check CHECK (motto <> '');
                END IF;
            END $$;
            CREATE INDEX IF NOT EXISTS teams_idx ON teams (motto);
            """
        let files = BadCase.pair(.postgres, "000001_base", base(.postgres), isTransactional: true)
        let report = LadderLint.check(files + [Self.file("000002_a.up.sql", text: up)])
        #expect(report.failures.map(\.rule) == [.downMissing])
        let down = try #require(report.failures.first?.correction.pieces.first)
        #expect(down.place == .down)
        #expect(
            down.sql == """
                -- Data loss: state here what an operator loses.

                DROP INDEX IF EXISTS teams_idx;
                ALTER TABLE IF EXISTS teams DROP CONSTRAINT IF EXISTS t_check;
                DROP FUNCTION IF EXISTS f(x INTEGER);
                ALTER TABLE IF EXISTS teams DROP COLUMN IF EXISTS motto;
                DROP TABLE IF EXISTS a;

                """)
        let both = [Self.file("000002_a.up.sql", text: up), Self.file("000002_a.down.sql", text: down.sql)]
        #expect(LadderLint.check(files + both).isClean)
    }

    @Test(
        "a down file runs again too",
        arguments: [
            ("DROP TABLE teams;", "drop-unguarded", 1),
            ("ALTER TABLE teams DROP COLUMN IF EXISTS note;\nDROP TABLE IF EXISTS teams;", "uses-dropped-table", 1),
            ("DROP TABLE IF EXISTS logs;\nALTER TABLE teams ADD CONSTRAINT a CHECK (TRUE);", "add-constraint", 2),
            ("UPDATE teams SET size = size - 1;", "update-not-idempotent", 1),
        ])
    func downFiles(text: String, rule: String, line: Int) {
        let files = BadCase.pair(.postgres, "000001_base", base(.postgres), isTransactional: true).dropLast()
        let report = LadderLint.check(files + [Self.file("000001_base.down.sql", text: text)])
        #expect(
            report.failures.map { "\($0.rule.rawValue) \($0.position.line)" } == ["\(rule) \(line)"], "\(report.text)")
    }

    @Test("a down file takes what an up file may not: locks and lost rows")
    func downFilesMayLose() {
        let text =
            "DELETE FROM jobs; TRUNCATE teams; CREATE INDEX IF NOT EXISTS a ON jobs (kind); DROP TABLE IF EXISTS logs;"
        let files = BadCase.pair(.postgres, "000001_base", base(.postgres), isTransactional: true).dropLast()
        #expect(LadderLint.check(files + [Self.file("000001_base.down.sql", text: text)]).isClean)
    }

    @Test("a rebuild in a down file does not read what it takes away")
    func rebuildReadsOld() throws {
        let down = """
            DROP TABLE IF EXISTS teams_rebuild;
            CREATE TABLE IF NOT EXISTS teams_rebuild (id TEXT NOT NULL, name TEXT NOT NULL) STRICT;
            INSERT INTO teams_rebuild (id, name) SELECT id, name FROM teams WHERE note = 'kept' ON CONFLICT DO NOTHING;
            DROP TABLE IF EXISTS teams;
            ALTER TABLE teams_rebuild RENAME TO teams;
            """
        let up = BadCase.pair(.sqlite, "000001_base", base(.sqlite), isTransactional: true).dropLast()
        let report = LadderLint.check(up + [Self.file("000001_base.down.sql", .sqlite, text: down)])
        let finding = try #require(report.failures.first)
        #expect(report.failures.map(\.rule) == [.rebuildReads])
        #expect((finding.position.line, finding.position.column) == (3, 71))
        var octets = Array(down.utf8)
        octets.replaceSubrange(finding.range, with: Array((finding.correction.pieces.first?.sql ?? "").utf8))
        let corrected = String(decoding: octets, as: UTF8.self)
        #expect(
            LadderLint.check(up + [Self.file("000001_base.down.sql", .sqlite, text: corrected)]).isClean, "\(corrected)"
        )
    }

    // MARK: - Released files

    private static let sum = String(repeating: "a", count: 64)
    private static let other = String(repeating: "b", count: 64)

    @Test("a released file may not change, go, or get a predecessor")
    func released() {
        let list = ReleasedFiles.text(Self.pair("000001_a").map { Self.file($0.name, sum: Self.sum) })
        #expect(list.contains("\(Self.sum)  postgres/000001_a.down.sql\n"))
        let same = Self.pair("000001_a").map { Self.file($0.name, sum: Self.sum) }
        #expect(Self.rules(same, released: list).isEmpty)
        #expect(Self.rules(same + Self.pair("000002_b"), released: list).isEmpty)
        let changed = Self.pair("000001_a").map { Self.file($0.name, sum: Self.other) }
        #expect(
            Self.rules(changed, released: list) == [
                "postgres/000001_a.down.sql released-edit", "postgres/000001_a.up.sql released-edit",
            ])
        let renamed = Self.pair("000001_b").map { Self.file($0.name, sum: Self.sum) }
        #expect(
            Self.rules(renamed, released: list) == [
                "postgres/000001_b.down.sql released-order", "postgres/000001_b.up.sql released-order",
                "released.txt released-missing", "released.txt released-missing",
            ])
        #expect(Self.rules(same, released: list + "nonsense\n") == ["released.txt syntax"])
    }

    @Test("the migration that spoils a released seed is the one to blame")
    func laterChangeOfReleased() {
        let seed = "INSERT INTO teams (id, name) VALUES ('a', 'b') ON CONFLICT DO NOTHING;"
        let files =
            BadCase.pair(.postgres, "000001_base", base(.postgres), isTransactional: true)
            + BadCase.pair(.postgres, "000002_seed", seed, isTransactional: true)
        let change =
            "\nALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_pkey;\nALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_name_key;"
        let ladder = files + BadCase.pair(.postgres, "000003_change", change, isTransactional: true)
        #expect(Self.rules(ladder) == ["postgres/000002_seed.up.sql conflict-target-changed"])
        let list = ReleasedFiles.text(files.map { Self.file($0.name, text: $0.text, sum: Self.sum) })
        let released = ladder.map { Self.file($0.name, text: $0.text, sum: Self.sum) }
        #expect(Self.rules(released, released: list) == ["postgres/000003_change.up.sql conflict-target-changed"])
    }

    // MARK: - Reports

    @Test("an allowance is shown with its reason and does not count")
    func allowance() {
        let text =
            "-- certctl:lint-allow drop-unguarded the table is there since 1.0\nDROP TABLE logs; DROP TABLE teams;"
        let files =
            BadCase.pair(.postgres, "000001_base", base(.postgres), isTransactional: true)
            + BadCase.pair(.postgres, "000002_a", text, isTransactional: true)
        let report = LadderLint.check(files)
        #expect(report.findings.map(\.allowance) == ["the table is there since 1.0", nil])
        #expect(report.failures.map(\.position.column) == [18])
        #expect(
            report.text.contains("postgres/000002_a.up.sql:2:1: allowed drop-unguarded: the table is there since 1.0\n")
        )
        #expect(report.text.hasSuffix("4 files, 6 statements: 1 finding, 1 allowed"))
    }

    @Test("the report shows place, rule, and the corrected form")
    func text() {
        let files = BadCase.pair(.postgres, "000001_a", "\n  DROP TABLE a;", isTransactional: true)
        #expect(
            LadderLint.check(files).text == """
                postgres/000001_a.up.sql:2:3: drop-unguarded: a second run fails: there is nothing left to drop
                    write instead:
                        DROP TABLE IF EXISTS a;
                2 files, 1 statements: 1 finding
                """)
    }

    @Test("JSON for programs")
    func json() {
        let files = BadCase.pair(.postgres, "000001_a", "DROP TABLE a;", isTransactional: true)
        #expect(
            LadderLint.check(files).json.text == """
                {"files":2,"statements":1,"clean":false,"findings":[{"file":"postgres/000001_a.up.sql","line":1,"column":1,\
                "rule":"drop-unguarded","message":"a second run fails: there is nothing left to drop","advice":"",\
                "correction":[{"place":"here","sql":"DROP TABLE IF EXISTS a;"}],"allowed":null}]}
                """)
    }
}
