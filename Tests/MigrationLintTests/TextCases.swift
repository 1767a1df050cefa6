import MigrationLint

/// Statements that hide, and text that is none.
extension Corpus {
    static let text: [BadCase] = [
        BadCase(
            "behind a nested comment", .postgres,
            "/* outer /* inner; */ still a comment; */ «CREATE TABLE a (id TEXT);", .createUnguarded, fails: true),
        BadCase(
            "after a comment that only looks nested on SQLite", .sqlite,
            "/* outer /* inner; */ «CREATE TABLE a (id TEXT);", .createUnguarded, fails: true),
        BadCase(
            "between comments in the middle of a statement", .postgres,
            "«CREATE /* IF NOT EXISTS */ TABLE -- IF NOT EXISTS\n a (id TEXT);", .createUnguarded, fails: true),
        BadCase(
            "behind a string that holds quotes and semicolons", .postgres,
            "COMMENT ON TABLE teams IS 'it''s; DROP TABLE teams'; «CREATE TABLE a (id TEXT);", .createUnguarded,
            fails: true),
        BadCase(
            "behind an escape string", .postgres,
            #"COMMENT ON TABLE teams IS E'\'; /* \\'; «CREATE TABLE a (id TEXT);"#, .createUnguarded, fails: true),
        BadCase(
            "behind a backslash that escapes nothing", .postgres,
            #"COMMENT ON TABLE teams IS 'C:\'; «CREATE TABLE a (id TEXT);"#, .createUnguarded, fails: true),
        BadCase(
            "behind a Unicode string", .postgres,
            #"COMMENT ON TABLE teams IS U&'d\0061t\+000061; it''s'; «CREATE TABLE a (id TEXT);"#, .createUnguarded,
            fails: true),
        BadCase(
            "behind a dollar quote with another inside", .postgres,
            "COMMENT ON TABLE teams IS $a$ ; $$ ; $b$ ; $a$; «CREATE TABLE a (id TEXT);", .createUnguarded, fails: true),
        BadCase(
            "in a dollar quote that EXECUTE runs", .postgres,
            "DO $do$ BEGIN EXECUTE $x$ALTER TABLE actor_roles «ADD CONSTRAINT c CHECK (id <> '')$x$; END $do$;",
            .addConstraint, fails: true),
        BadCase(
            "in a string that EXECUTE runs", .postgres, "DO $$ BEGIN «EXECUTE 'CREATE TABLE a (id TEXT)'; END $$;",
            .createUnguarded, fails: true),
        BadCase(
            "in a block whose body is a plain string", .postgres,
            "«DO 'BEGIN CREATE TABLE a (note TEXT DEFAULT ''x''); END';", .createUnguarded, fails: true),
        BadCase(
            "in a block with a tag and a declaration", .postgres,
            """
            DO LANGUAGE plpgsql $body_1$
            <<outer>>
            DECLARE n INTEGER := 1;
            BEGIN
                n := n + 1;
                FOR n IN 1..2 LOOP
                    «CREATE TABLE a (id TEXT);
                END LOOP;
                CASE n WHEN 1 THEN NULL; ELSE «DROP TABLE a; END CASE;
            END outer
            $body_1$;
            """, .createUnguarded, .dropUnguarded),
        BadCase(
            "a dollar inside a word opens no quotation", .postgres,
            "CREATE TABLE IF NOT EXISTS a$b$ (id TEXT); «CREATE TABLE b (id TEXT); COMMENT ON TABLE a$b$ IS 'x';",
            .createUnguarded, fails: true),
        BadCase(
            "behind identifiers with semicolons", .postgres,
            "CREATE TABLE IF NOT EXISTS \"a;b\"\"--\" (id TEXT); «CREATE TABLE b (id TEXT);", .createUnguarded,
            fails: true),
        BadCase(
            "behind SQLite's own quotes", .sqlite,
            "CREATE TABLE IF NOT EXISTS [a;b'] (`c;\"` TEXT); «CREATE TABLE b (id TEXT);", .createUnguarded, fails: true
        ),
        BadCase(
            "behind a trigger body of SQLite", .sqlite,
            """
            CREATE TRIGGER IF NOT EXISTS t AFTER INSERT ON teams BEGIN
                UPDATE logs SET line = CASE WHEN 1 THEN 'x;END;' END; SELECT 1;
            END; «CREATE TABLE b (id TEXT);
            """, .createUnguarded, fails: true),
        BadCase(
            "columns count characters", .postgres, "/* Žluťoučký 🐎 */ «CREATE TABLE b (id TEXT);", .createUnguarded,
            fails: true),
        BadCase(
            "without a final semicolon", .postgres, "\n\n  «CREATE TABLE b (id TEXT)", .createUnguarded, fails: true),
        BadCase("an open quotation", .postgres, "COMMENT ON TABLE teams IS «'open; CREATE TABLE a (id TEXT);", .syntax),
        BadCase("an open dollar quote", .postgres, "DO «$x$ BEGIN NULL; END $y$;", .syntax),
        BadCase("an open comment", .postgres, "«/* /* */ CREATE TABLE a (id TEXT);", .syntax),
        BadCase("an open bracket", .sqlite, "DROP TABLE IF EXISTS «[a;", .syntax),
        BadCase("an open parenthesis", .postgres, "«CREATE TABLE IF NOT EXISTS a (id TEXT;\nDROP TABLE b;", .syntax),
        BadCase(
            "an open trigger body", .sqlite, "«CREATE TRIGGER IF NOT EXISTS t AFTER INSERT ON teams BEGIN SELECT 1;",
            .syntax),
        BadCase("a byte order mark", .postgres, "«\u{FEFF}CREATE TABLE IF NOT EXISTS a (id TEXT);", .syntax),
        BadCase("a block that ends nowhere", .postgres, "DO $$ BEGIN IF TRUE THEN NULL; «END $$;", .syntax),
        BadCase(
            "a BEGIN ATOMIC body", .postgres,
            "«CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN TRUE THEN 1 END; END;",
            .syntax),
        BadCase(#"a meta command"#, .postgres, "«\\i other.sql\nDROP TABLE IF EXISTS a;", .metaCommand),
        BadCase("a parameter", .postgres, "UPDATE teams SET note = «$1 WHERE note = '';", .parameter),
        BadCase("a parameter of SQLite", .sqlite, "UPDATE teams SET note = «:note WHERE note = '';", .parameter),
        BadCase("an unknown directive", .postgres, "«-- certctl:unles-column a.b\nDROP TABLE IF EXISTS a;", .directive),
        BadCase(
            "an allowance without a reason", .postgres, "«-- certctl:lint-allow rename\nDROP TABLE IF EXISTS a;",
            .directive),
        BadCase(
            "an allowance of an unknown rule", .postgres,
            "«-- certctl:lint-allow renaming it is fine\nDROP TABLE IF EXISTS a;",
            .directive),
        BadCase(
            "an allowance that allows nothing", .postgres,
            "«-- certctl:lint-allow rename it is fine\nDROP TABLE IF EXISTS a;",
            .unusedAllowance),
        BadCase(
            "a directive at the end", .postgres, "DROP TABLE IF EXISTS a;\n«-- certctl:lint-allow rename it is fine\n",
            .directive),
        BadCase(
            "SQLite's directive on PostgreSQL", .postgres,
            "«-- certctl:unless-column teams.a\nALTER TABLE teams ADD COLUMN IF NOT EXISTS a TEXT;", .directive),
        BadCase("a statement that the lint does not know", .postgres, "«FROBNICATE teams;", .unknown),
    ]

    static let transactions: [BadCase] = [
        BadCase(
            "BEGIN", .postgres, "«BEGIN;\nDROP TABLE IF EXISTS a;\n«COMMIT;", .transactionControl, .transactionControl),
        BadCase(
            "START TRANSACTION and ROLLBACK TO", .postgres, "«START TRANSACTION; «ROLLBACK TO x;", .transactionControl,
            .transactionControl),
        BadCase("END and SAVEPOINT", .sqlite, "«SAVEPOINT a; «END;", .transactionControl, .transactionControl),
        BadCase("COMMIT in a block", .postgres, "DO $$ BEGIN «COMMIT; END $$;", .transactionControl),
        BadCase("SET", .postgres, "«SET lock_timeout = '1s'; «RESET ALL;", .sessionState, .sessionState),
        BadCase(
            "SET of what the ledger row needs", .postgres, "«SET LOCAL search_path = other;", .sessionState, fails: true
        ),
        BadCase("PRAGMA", .sqlite, "«PRAGMA foreign_keys = OFF;", .sessionState),
        BadCase(
            "CONCURRENTLY in a transaction", .postgres,
            "DROP INDEX IF EXISTS teams_note_idx;\n«CREATE INDEX CONCURRENTLY IF NOT EXISTS teams_note_idx ON teams (note);",
            .notxNeeded),
        BadCase(
            "DROP INDEX CONCURRENTLY in a transaction", .postgres, "«DROP INDEX CONCURRENTLY IF EXISTS teams_note_idx;",
            .notxNeeded),
        BadCase(
            "a file without a transaction that needs none", .postgres, "«CREATE TABLE IF NOT EXISTS a (id TEXT);",
            .notxNotNeeded, notx: true),
    ]
}
