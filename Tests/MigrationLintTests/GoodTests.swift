import MigrationLint
import Testing

@Suite("What survives a second run is left alone")
struct GoodTests {
    static let good: [(name: String, dialect: SQLDialect, sql: String)] =
        postgres.map { ($0, .postgres, $1) } + sqlite.map { ($0, .sqlite, $1) }

    @Test("nothing is found", arguments: good.indices)
    func nothingIsFound(index: Int) {
        let (name, dialect, sql) = Self.good[index]
        let isTransactional = !sql.contains("CONCURRENTLY") && !sql.contains("ADD VALUE")
        let files =
            BadCase.pair(dialect, "000001_base", base(dialect), isTransactional: true)
            + BadCase.pair(dialect, "000002_good", sql, isTransactional: isTransactional)
        let report = LadderLint.check(files)
        #expect(report.isClean, "\(name): \(report.text)")
    }

    @Test(
        "a file that holds nothing, comments alone, or stray semicolons",
        arguments: ["", "-- x", ";;\n;", "/* a /* b */ */;"])
    func empty(text: String) {
        #expect(LadderLint.check(BadCase.pair(.postgres, "000001_a", text, isTransactional: true)).findings.isEmpty)
    }

    private static let postgres: [(String, String)] = [
        (
            "mixed case and comments",
            "cReAtE /* x */ TaBlE if NOT /* y /* z */ */ exists a (id TEXT); -- CREATE TABLE b ();"
        ),
        ("statements in strings", "COMMENT ON TABLE teams IS 'CREATE TABLE a (id TEXT); BEGIN; DROP TABLE teams;';"),
        ("statements in identifiers", "CREATE TABLE IF NOT EXISTS \"DROP TABLE a;\" (\"BEGIN;\" TEXT);"),
        (
            "statements in dollar quotes",
            "COMMENT ON TABLE teams IS $x$ALTER TABLE teams ADD CONSTRAINT a CHECK (TRUE); $$ $x$;"
        ),
        (
            "one function made twice, in other words",
            """
            CREATE OR REPLACE FUNCTION f(a int4, b timestamp, VARIADIC c varchar(3)[]) RETURNS bool LANGUAGE sql AS 'SELECT TRUE';
            CREATE OR REPLACE FUNCTION public.f(a integer, b timestamp, VARIADIC c character varying[]) RETURNS boolean
            LANGUAGE sql STABLE AS 'SELECT FALSE';
            """
        ),
        (
            "a function in place of another",
            """
            CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
            DROP FUNCTION IF EXISTS f(integer);
            CREATE OR REPLACE FUNCTION f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
            DROP FUNCTION IF EXISTS f(int, text), g();
            """
        ),
        (
            "a function body",
            """
            CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $f$
            BEGIN
                INSERT INTO logs (line) VALUES ('x'); UPDATE teams SET size = size + 1; COMMIT;
                RETURN NEW;
            END
            $f$;
            CREATE OR REPLACE TRIGGER t AFTER INSERT ON teams FOR EACH ROW EXECUTE FUNCTION f();
            """
        ),
        (
            "a trigger that is dropped first, on the same table, in another case",
            """
            CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            DROP TRIGGER IF EXISTS Frozen ON TEAMS;
            CREATE TRIGGER frozen BEFORE DELETE ON public.teams FOR EACH ROW EXECUTE FUNCTION f();
            """
        ),
        (
            "guards in every form",
            """
            DO $guard$
            DECLARE
                x INTEGER := 0;
            BEGIN
                IF (NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS c WHERE c.conrelid = to_regclass('public.actor_roles')
                        AND ('Odd;Name' = c.conname OR TRUE) IS NOT NULL AND c.conname = 'Odd;Name')) THEN
                    ALTER TABLE actor_roles ADD CONSTRAINT "Odd;Name" CHECK (id <> ';');
                END IF;
                IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_a' AND conrelid = 'actor_roles'::regclass) THEN
                    RAISE NOTICE 'there';
                ELSE
                    ALTER TABLE actor_roles ADD CONSTRAINT ar_a CHECK (id <> 'a');
                END IF;
                IF NOT EXISTS (
                    SELECT 1 FROM information_schema.table_constraints
                    WHERE table_schema = current_schema AND table_name = 'actor_roles' AND constraint_name = 'ar_b'
                ) AND x = 0 THEN
                    EXECUTE 'ALTER TABLE actor_roles ADD CONSTRAINT ar_b CHECK (id <> ''b'')';
                END IF;
                IF NOT EXISTS (
                    SELECT 1 FROM pg_constraint c
                    JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
                    WHERE c.conname = 'ar_c' AND r.relname = 'actor_roles' AND n.nspname = current_schema()
                ) THEN
                    ALTER TABLE actor_roles ADD CONSTRAINT ar_c CHECK (id <> 'c');
                END IF;
            END
            $guard$;
            """
        ),
        (
            "an exception that is exactly the right one",
            """
            DO $$ BEGIN
                BEGIN
                    ALTER TABLE actor_roles ADD CONSTRAINT ar_a CHECK (id <> 'a');
                EXCEPTION WHEN duplicate_object THEN RAISE NOTICE 'there';
                END;
                BEGIN ALTER TABLE actor_roles ADD COLUMN extra TEXT; EXCEPTION WHEN duplicate_column THEN NULL; END;
                BEGIN CREATE TYPE mood AS ENUM ('glad'); EXCEPTION WHEN duplicate_object THEN NULL; END;
            END $$;
            """
        ),
        (
            "a CHECK that is dropped and added again",
            """
            ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_size_check, ADD CONSTRAINT teams_size_check CHECK (size < 10);
            ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_note_check;
            ALTER TABLE teams ADD CONSTRAINT teams_note_check CHECK (note <> ',') NOT VALID;
            ALTER TABLE teams VALIDATE CONSTRAINT teams_note_check;
            """
        ),
        (
            "a key that changes under a new name",
            """
            DO $$ BEGIN
                IF NOT EXISTS (
                    SELECT 1 FROM pg_constraint WHERE conname = 'teams_id_name_pkey' AND conrelid = 'teams'::regclass
                ) THEN
                    ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_pkey;
                    ALTER TABLE teams ADD CONSTRAINT teams_id_name_pkey PRIMARY KEY (id, name);
                END IF;
            END $$;
            """
        ),
        (
            "columns and renames behind the catalogue",
            """
            DO $$ BEGIN
                IF to_regclass('lines') IS NULL THEN ALTER TABLE logs RENAME TO lines; END IF;
                IF EXISTS (
                    SELECT 1 FROM information_schema.columns
                    WHERE table_schema = current_schema() AND table_name = 'teams' AND column_name = 'note'
                        AND is_nullable = 'NO'
                ) THEN
                    ALTER TABLE teams ALTER COLUMN note DROP NOT NULL;
                END IF;
            END $$;
            ALTER TABLE teams ALTER COLUMN note SET DEFAULT 'a,b', ADD COLUMN IF NOT EXISTS a NUMERIC(10, 2) DEFAULT 0 NOT NULL;
            """
        ),
        (
            "seeds",
            """
            INSERT INTO teams (id, name) VALUES ('a', 'DROP TABLE x;'), ('b', $$y$$) ON CONFLICT DO NOTHING;
            INSERT INTO logs (line) SELECT 'x' WHERE NOT EXISTS (SELECT 1 FROM logs WHERE line = 'x');
            INSERT INTO jobs (id, kind) VALUES ('j', 'k') ON CONFLICT (id) DO NOTHING;
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM logs WHERE line = 'y') THEN INSERT INTO logs (line) VALUES ('y'); END IF;
            END $$;
            WITH new AS (SELECT 'c' AS id) INSERT INTO teams (id, name) SELECT id, id FROM new ON CONFLICT DO NOTHING;
            """
        ),
        (
            "rows that are filled once",
            """
            UPDATE teams SET note = 'x' WHERE note = '' AND name = 'a';
            UPDATE teams SET filled_at = now() WHERE filled_at IS NULL;
            UPDATE teams SET size = size + 1, note = 'counted' WHERE note <> 'counted';
            UPDATE teams SET name = lower(name) WHERE name <> lower(name);
            UPDATE teams AS t SET (note, size) = ('z', 4) FROM logs WHERE t.note = logs.line;
            DELETE FROM teams WHERE id = 'gone';
            """
        ),
        (
            "a large table with care",
            """
            ALTER TABLE jobs ADD COLUMN IF NOT EXISTS seen_at TIMESTAMPTZ NOT NULL DEFAULT now();
            ALTER TABLE jobs SET (fillfactor = 80);
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'jobs_a' AND conrelid = 'jobs'::regclass) THEN
                    ALTER TABLE jobs ADD CONSTRAINT jobs_a CHECK (attempts >= 0) NOT VALID;
                END IF;
            END $$;
            """
        ),
        (
            "a large table that the file makes",
            "CREATE TABLE IF NOT EXISTS events (id TEXT); CREATE INDEX IF NOT EXISTS e ON events (id);"
        ),
        (
            "an index without a lock",
            "DROP INDEX CONCURRENTLY IF EXISTS jobs_kind_idx;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_kind_idx ON jobs (kind);"
        ),
        (
            "small things",
            "SET LOCAL lock_timeout = '5s'; GRANT SELECT ON teams TO PUBLIC; ANALYZE teams; COMMENT ON TABLE teams IS NULL;"
        ),
        (
            "what is allowed for a reason",
            "-- certctl:lint-allow lock-backfill at most ten rows, counted on 2026-01-01\nDELETE FROM jobs WHERE kind = 'old';"
        ),
    ]

    private static let sqlite: [(String, String)] = [
        (
            "a column with its directive",
            "-- certctl:unless-column teams.motto\nALTER TABLE [teams] ADD COLUMN \"motto\" TEXT;"
        ),
        ("a renamed column", "-- certctl:unless-column teams.remark\nALTER TABLE teams RENAME COLUMN note TO remark;"),
        (
            "triggers and views",
            """
            DROP TRIGGER IF EXISTS t;
            CREATE TRIGGER t AFTER UPDATE ON teams WHEN NEW.size > 1 BEGIN
                UPDATE teams SET size = size + 1; SELECT CASE WHEN 1 THEN RAISE(ABORT, 'END;') END;
            END;
            DROP VIEW IF EXISTS v;
            CREATE VIEW v AS SELECT `id` FROM teams;
            """
        ),
        (
            "seeds",
            "INSERT INTO teams (id, name) SELECT id, kind FROM jobs WHERE TRUE ON CONFLICT DO NOTHING; CREATE TABLE IF NOT EXISTS b (id BLOB PRIMARY KEY) STRICT; INSERT INTO b (id) VALUES (X'6100'), (x'00') ON CONFLICT DO NOTHING;"
        ),
        (
            "a rebuilt table",
            """
            -- certctl:unless-column teams.motto
            CREATE TABLE IF NOT EXISTS teams_rebuild (
                id TEXT NOT NULL, name TEXT NOT NULL, motto TEXT, CONSTRAINT teams_pkey PRIMARY KEY (id)
            ) STRICT;
            -- certctl:unless-column teams.motto
            INSERT INTO teams_rebuild (id, name) SELECT id, name FROM teams WHERE note <> '';
            -- certctl:unless-column teams.motto
            DROP TABLE IF EXISTS teams;
            -- certctl:unless-column teams.motto
            ALTER TABLE teams_rebuild RENAME TO teams;
            """
        ),
    ]
}
