import Query
import Store
import Testing

@Suite("Migration files are cut into statements by the engine's own lexical rules")
struct StatementSplitterTests {
    private static func texts(_ source: String, _ engine: Engine) throws -> [String] {
        try StatementSplitter.split(source, for: engine).map(\.text)
    }

    @Test(
        "semicolons in quotations, comments and names do not end a statement",
        arguments: Engine.allCases,
        [
            ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
            ("SELECT 1;;; ;SELECT 2;", ["SELECT 1", "SELECT 2"]),
            ("SELECT 'a;b'; SELECT 2", ["SELECT 'a;b'", "SELECT 2"]),
            ("SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", "SELECT 2"]),
            (#"SELECT 'back\'; SELECT 2"#, [#"SELECT 'back\'"#, "SELECT 2"]),
            (#"SELECT "odd;""name"; SELECT 2"#, [#"SELECT "odd;""name""#, "SELECT 2"]),
            ("-- a; b\nSELECT 1 -- c; d\n; SELECT 2", ["SELECT 1 -- c; d", "SELECT 2"]),
            ("/* a; b */ SELECT 1 /* ; */; SELECT 2", ["SELECT 1 /* ; */", "SELECT 2"]),
            ("SELECT 1 - -1; SELECT 4 / 2 * 1", ["SELECT 1 - -1", "SELECT 4 / 2 * 1"]),
            ("", []), ("  \n -- nothing\n /* at all */ ;", []),
            ("SELECT '';SELECT ''''", ["SELECT ''", "SELECT ''''"]),
            ("SELECT 'ü;' ; SELECT 'ö'", ["SELECT 'ü;'", "SELECT 'ö'"]),
            ("SELECT 1;\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2"]),
        ]
    )
    func bothEngines(engine: Engine, example: (source: String, statements: [String])) throws {
        #expect(try Self.texts(example.source, engine) == example.statements)
    }

    @Test(
        "PostgreSQL: dollar quoting, escape strings, nested comments, parentheses",
        arguments: [
            ("DO $$ BEGIN a; b; END $$; SELECT 2", ["DO $$ BEGIN a; b; END $$", "SELECT 2"]),
            ("DO $x$ a; $$ ; $y$ ; $x$; SELECT 2", ["DO $x$ a; $$ ; $y$ ; $x$", "SELECT 2"]),
            ("SELECT $1; SELECT $2", ["SELECT $1", "SELECT $2"]),
            ("SELECT a$b$; SELECT c$b$", ["SELECT a$b$", "SELECT c$b$"]),
            ("SELECT $ü1$;$ü1$; SELECT 2", ["SELECT $ü1$;$ü1$", "SELECT 2"]),
            (#"SELECT E'a\';b'; SELECT 2"#, [#"SELECT E'a\';b'"#, "SELECT 2"]),
            (#"SELECT e'\\'; SELECT 2"#, [#"SELECT e'\\'"#, "SELECT 2"]),
            (#"SELECT someE'a\'; SELECT 2"#, [#"SELECT someE'a\'"#, "SELECT 2"]),
            ("/* a /* b; */ c; */ SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
            ("CREATE RULE r AS ON INSERT TO t DO (a; b); X", ["CREATE RULE r AS ON INSERT TO t DO (a; b)", "X"]),
            ("SELECT ']';SELECT a[1];SELECT '`'", ["SELECT ']'", "SELECT a[1]", "SELECT '`'"]),
        ]
    )
    func postgres(source: String, statements: [String]) throws {
        #expect(try Self.texts(source, .postgres) == statements)
    }

    @Test(
        "SQLite: trigger bodies, backticks, brackets, plain comments",
        arguments: [
            (
                "CREATE TRIGGER a BEFORE UPDATE ON t BEGIN SELECT 1; SELECT CASE WHEN y THEN 1 ELSE 2 END; END; SELECT 2",
                [
                    "CREATE TRIGGER a BEFORE UPDATE ON t BEGIN SELECT 1; SELECT CASE WHEN y THEN 1 ELSE 2 END; END",
                    "SELECT 2",
                ]
            ),
            (
                "create temp trigger a after insert on t begin select 1; /* ; end; */ end ;\nselect 2",
                ["create temp trigger a after insert on t begin select 1; /* ; end; */ end", "select 2"]
            ),
            ("SELECT `a;b`; SELECT [c;d]", ["SELECT `a;b`", "SELECT [c;d]"]),
            ("/* a /* b */ SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
            ("CREATE TABLE trigger_log (a); SELECT 2", ["CREATE TABLE trigger_log (a)", "SELECT 2"]),
            ("SELECT '$$;'; SELECT $a", ["SELECT '$$;'", "SELECT $a"]),
        ]
    )
    func sqlite(source: String, statements: [String]) throws {
        #expect(try Self.texts(source, .sqlite) == statements)
    }

    @Test("statements carry their number and the line of their first word")
    func places() throws {
        let source = "-- head\nSELECT 1;\n\n/* two\nlines */ SELECT\n 2;\nSELECT '\n;';SELECT 4"
        let statements = try StatementSplitter.split(source, for: .postgres)
        #expect(statements.map(\.number) == [1, 2, 3, 4])
        #expect(statements.map(\.line) == [2, 5, 7, 8])
    }

    @Test(
        "what is not closed is an error with its line",
        arguments: [
            ("SELECT 1;\nSELECT 'a", Engine.postgres, 2), ("\n\nDO $x$ a; $X$", .postgres, 3),
            ("/* a /* b */", .postgres, 1), ("SELECT \"a", .sqlite, 1), ("SELECT [a", .sqlite, 1),
            ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1;", .sqlite, 1),
        ]
    )
    func unclosed(source: String, engine: Engine, line: Int) {
        let error = #expect(throws: StatementSyntaxError.self) { try StatementSplitter.split(source, for: engine) }
        #expect(error?.line == line)
    }

    @Test(
        "statements about transactions are the runner's",
        arguments: Engine.allCases,
        ["BEGIN", "commit", "ROLLBACK", "START TRANSACTION", "SAVEPOINT a", "END", "/* x */ begin immediate"]
    )
    func transactionControl(engine: Engine, statement: String) {
        #expect(throws: StatementSyntaxError.self) { try StatementSplitter.split(statement + ";", for: engine) }
    }

    @Test("the directive for SQLite's missing ADD COLUMN IF NOT EXISTS belongs to the next statement")
    func directive() throws {
        let source = """
            SELECT 1;
            -- certctl:unless-column jobs.lease
            ALTER TABLE jobs ADD COLUMN lease TEXT;
            SELECT 2; -- certctl is great
            """
        let statements = try StatementSplitter.split(source, for: .sqlite)
        #expect(statements.map(\.unlessColumn) == [nil, ColumnReference(table: "jobs", column: "lease"), nil])
    }

    @Test(
        "a misspelt or misplaced directive is an error and not a comment",
        arguments: [
            ("-- certctl:unless-colum a.b\nSELECT 1;", Engine.sqlite),
            ("-- certctl:unless-column a\nSELECT 1;", .sqlite),
            ("-- certctl:unless-column a.b\n", .sqlite), ("-- certctl:unless-column a.b\nSELECT 1;", .postgres),
            ("-- certctl:unless-column a.b\n-- certctl:unless-column a.c\nSELECT 1;", .sqlite),
        ]
    )
    func wrongDirectives(source: String, engine: Engine) {
        #expect(throws: StatementSyntaxError.self) { try StatementSplitter.split(source, for: engine) }
    }
}
