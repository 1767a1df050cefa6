import MigrationLint

extension Corpus {
    static let creations: [BadCase] = [
        BadCase("CREATE TABLE", .postgres, "«create table a (id TEXT);", .createUnguarded, fails: true),
        BadCase(
            "CREATE UNLOGGED TABLE AS", .postgres, "«CREATE UNLOGGED TABLE a AS SELECT id FROM teams;",
            .createUnguarded, fails: true),
        BadCase(
            "CREATE INDEX", .postgres, "«CREATE UNIQUE INDEX a ON teams (lower(name));", .createUnguarded, fails: true),
        BadCase("CREATE INDEX without a name", .postgres, "«CREATE INDEX ON teams (note);", .createUnguarded),
        BadCase("CREATE SCHEMA", .postgres, "«CREATE SCHEMA a;", .createUnguarded, isTextOnly: true),
        BadCase("CREATE SEQUENCE", .postgres, "«CREATE SEQUENCE a;", .createUnguarded, fails: true),
        BadCase("CREATE EXTENSION", .postgres, "«CREATE EXTENSION plpgsql;", .createUnguarded, fails: true),
        BadCase(
            "CREATE STATISTICS", .postgres, "«CREATE STATISTICS a ON id, name FROM teams;", .createUnguarded,
            fails: true),
        BadCase("CREATE VIEW", .postgres, "«CREATE VIEW a AS SELECT id FROM teams;", .createUnguarded, fails: true),
        BadCase(
            "CREATE MATERIALIZED VIEW", .postgres, "«CREATE MATERIALIZED VIEW a AS SELECT id FROM teams;",
            .createUnguarded, fails: true),
        BadCase(
            "CREATE FUNCTION", .postgres, "«CREATE FUNCTION a() RETURNS integer LANGUAGE sql AS 'SELECT 1; SELECT 2';",
            .createUnguarded, fails: true),
        BadCase(
            "CREATE PROCEDURE", .postgres, "«CREATE PROCEDURE a() LANGUAGE sql AS $$ SELECT 1 $$;", .createUnguarded,
            fails: true),
        BadCase(
            "CREATE RULE", .postgres, "«CREATE RULE a AS ON DELETE TO logs DO INSTEAD NOTHING;", .createUnguarded,
            fails: true),
        BadCase("CREATE POLICY", .postgres, "«CREATE POLICY a ON teams USING (TRUE);", .createUnguarded, fails: true),
        BadCase(
            "CREATE PUBLICATION", .postgres, "«CREATE PUBLICATION a FOR TABLE teams;", .createUnguarded,
            isTextOnly: true),
        BadCase("CREATE COLLATION", .postgres, "«CREATE COLLATION a (locale = 'C');", .createUnguarded, fails: true),
        BadCase("CREATE TYPE", .postgres, "«CREATE TYPE a AS ENUM ('x;y', 'z');", .createType, fails: true),
        BadCase("CREATE DOMAIN", .postgres, "«CREATE DOMAIN a AS TEXT CHECK (VALUE <> '');", .createType, fails: true),
        BadCase("CREATE ROLE", .postgres, "«CREATE ROLE certctl_lint_corpus;", .createUnguarded, isTextOnly: true),
        BadCase("CREATE CAST", .postgres, "«CREATE DATABASE a;", .refused),
        BadCase(
            "a table that exists with another definition", .postgres,
            "«CREATE TABLE IF NOT EXISTS teams (id TEXT, motto TEXT, CONSTRAINT teams_motto_check CHECK (motto <> ''));",
            .createShadowed),
        BadCase(
            "an index that exists with another definition", .postgres,
            "«CREATE INDEX IF NOT EXISTS teams_idx ON teams (note, size);", .createShadowed,
            before: ["CREATE INDEX IF NOT EXISTS teams_idx ON teams (note);"]),
        BadCase(
            "a view that another file defines too", .postgres, "«CREATE OR REPLACE VIEW a AS SELECT id FROM teams;",
            .viewChanged,
            after: ["DROP VIEW IF EXISTS a;\nCREATE OR REPLACE VIEW a AS SELECT id, name FROM teams;"], fails: true),
        BadCase(
            "a table that is dropped and made anew", .postgres,
            "«DROP TABLE IF EXISTS a;\n«CREATE TABLE a (id TEXT);", .dropCreate, .createUnguarded),
        BadCase(
            "a name of 70 octets", .postgres,
            "«CREATE TABLE IF NOT EXISTS a123456789b123456789c123456789d123456789e123456789f123456789g123456789 (id TEXT);",
            .nameTooLong),
        BadCase(
            "an index on a column that a later file drops", .postgres, "«CREATE INDEX IF NOT EXISTS a ON teams (note);",
            .laterChange, after: ["ALTER TABLE teams DROP COLUMN IF EXISTS note;"], fails: true),
        BadCase("DROP TABLE", .postgres, "«DROP TABLE logs CASCADE;", .dropUnguarded),
        BadCase("DROP of several", .postgres, "«DROP INDEX a, b;", .dropUnguarded),
        BadCase("DROP TRIGGER", .postgres, "«DROP TRIGGER a ON teams;", .dropUnguarded),
        BadCase("DROP FUNCTION", .postgres, "«DROP FUNCTION a(integer, text);", .dropUnguarded),
        BadCase("DROP MATERIALIZED VIEW", .postgres, "«DROP MATERIALIZED VIEW a;", .dropUnguarded),
        BadCase("DROP OWNED", .postgres, "«DROP OWNED BY CURRENT_USER;", .refused),
        BadCase(
            "altering a table that the file drops", .postgres,
            "«ALTER TABLE logs DROP CONSTRAINT IF EXISTS a;\nDROP TABLE IF EXISTS logs;", .usesDropped,
            isTextOnly: true),
        BadCase(
            "deleting from a table that the file drops", .postgres,
            "«DELETE FROM logs WHERE line = 'a';\nDROP TABLE IF EXISTS logs;", .usesDropped),
    ]

    static let alterations: [BadCase] = [
        BadCase(
            "ADD COLUMN", .postgres, "ALTER TABLE teams «ADD COLUMN motto TEXT DEFAULT 'a,b' NOT NULL;", .addColumn,
            fails: true),
        BadCase(
            "ADD without COLUMN", .postgres, "alter table only \"teams\" «add \"Motto\" text;", .addColumn, fails: true),
        BadCase(
            "a required column without a default", .postgres,
            "ALTER TABLE teams «ADD COLUMN IF NOT EXISTS motto TEXT NOT NULL;",
            .requiredColumn),
        BadCase("DROP COLUMN", .postgres, "ALTER TABLE teams «DROP COLUMN motto CASCADE;", .dropUnguarded),
        BadCase("RENAME COLUMN", .postgres, "ALTER TABLE teams «RENAME COLUMN note TO remark;", .rename, fails: true),
        BadCase("RENAME without COLUMN", .postgres, "ALTER TABLE teams «RENAME note TO remark;", .rename, fails: true),
        BadCase(
            "RENAME TO", .postgres, "ALTER TABLE IF EXISTS logs «RENAME TO lines;", .rename, fails: true,
            isTextOnly: true),
        BadCase(
            "RENAME CONSTRAINT", .postgres, "ALTER TABLE teams «RENAME CONSTRAINT teams_name_key TO teams_unique_name;",
            .rename,
            fails: true),
        BadCase("RENAME of an index", .postgres, "«ALTER INDEX IF EXISTS teams_a RENAME TO teams_b;", .rename),
        BadCase(
            "RENAME of an enum value", .postgres, "«ALTER TYPE mood RENAME VALUE 'glad' TO 'happy';", .rename,
            before: [mood], fails: true),
        BadCase(
            "ALTER COLUMN TYPE", .postgres, "ALTER TABLE teams «ALTER COLUMN size TYPE BIGINT USING size * 2;",
            .columnChange),
        BadCase(
            "ALTER COLUMN SET DATA TYPE", .postgres, "ALTER TABLE teams «ALTER size SET DATA TYPE varchar(20);",
            .columnChange),
        BadCase(
            "SET NOT NULL", .postgres, "ALTER TABLE actor_roles «ALTER COLUMN team_id SET NOT NULL;", .columnChange),
        BadCase("DROP NOT NULL", .postgres, "ALTER TABLE teams «ALTER COLUMN note DROP NOT NULL;", .columnChange),
        BadCase(
            "ADD GENERATED", .postgres, "ALTER TABLE teams «ALTER COLUMN size ADD GENERATED BY DEFAULT AS IDENTITY;",
            .columnChange,
            fails: true, isTextOnly: true),
        BadCase("SET SCHEMA", .postgres, "ALTER TABLE teams «SET SCHEMA other;", .alterUnguarded, isTextOnly: true),
        BadCase(
            "ATTACH PARTITION", .postgres, "ALTER TABLE teams «ATTACH PARTITION a DEFAULT;", .alterUnguarded,
            isTextOnly: true),
        BadCase("ALTER SEQUENCE RESTART", .postgres, "«ALTER SEQUENCE a RESTART WITH 1;", .alterUnguarded),
        BadCase("ALTER SYSTEM", .postgres, "«ALTER SYSTEM SET fsync = off;", .refused),
        BadCase(
            "ALTER DOMAIN ADD CONSTRAINT", .postgres,
            "«ALTER DOMAIN label ADD CONSTRAINT label_check CHECK (VALUE <> '');",
            .addConstraint, before: [label], fails: true),
        BadCase(
            "a constraint that exists with another definition", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (
                    SELECT 1 FROM pg_constraint WHERE conname = 'teams_size_check' AND conrelid = 'teams'::regclass
                ) THEN
                    ALTER TABLE teams «ADD CONSTRAINT teams_size_check CHECK (size < 100);
                END IF;
            END $$;
            """, .createShadowed, before: [sizeCheck]),
        BadCase(
            "an index that a constraint takes over", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (
                    SELECT 1 FROM pg_constraint WHERE conname = 'teams_note_key' AND conrelid = 'teams'::regclass
                ) THEN
                    ALTER TABLE teams «ADD CONSTRAINT teams_note_key UNIQUE USING INDEX teams_note_key;
                END IF;
            END $$;
            """, .keyChange),
    ]

    static let sizeCheck = """
        DO $$ BEGIN
            IF NOT EXISTS (
                SELECT 1 FROM pg_constraint WHERE conname = 'teams_size_check' AND conrelid = 'teams'::regclass
            ) THEN
                ALTER TABLE teams ADD CONSTRAINT teams_size_check CHECK (size < 10);
            END IF;
        END $$;
        """

    static let label = """
        DO $$ BEGIN
            IF to_regtype('label') IS NULL THEN
                CREATE DOMAIN label AS TEXT;
            END IF;
        END $$;
        """
}
