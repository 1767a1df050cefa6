import MigrationLint

extension Corpus {
    static let rows: [BadCase] = [
        BadCase(
            "INSERT with a query", .postgres, "«INSERT INTO teams (id, name) SELECT id, actor_id FROM actor_roles;",
            .insertUnguarded),
        BadCase(
            "INSERT with RETURNING", .postgres,
            "«INSERT INTO teams (id, name) VALUES ('a', 'ON CONFLICT DO NOTHING') RETURNING id;", .insertUnguarded,
            fails: true),
        BadCase(
            "INSERT that overwrites", .postgres,
            "«INSERT INTO teams (id, name) VALUES ('a', 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name;",
            .insertOverwrites),
        BadCase(
            "INSERT without a key", .postgres, "«INSERT INTO logs (line) VALUES ('a'), ('b') ON CONFLICT DO NOTHING;",
            .insertDuplicates),
        BadCase(
            "INSERT without a key and without ON CONFLICT", .postgres, "«INSERT INTO logs (line) VALUES ('a');",
            .insertUnguarded),
        BadCase(
            "INSERT with a key that is new each time", .postgres,
            "«INSERT INTO jobs (id, kind) VALUES (gen_random_uuid(), 'a') ON CONFLICT DO NOTHING;", .insertDuplicates),
        BadCase(
            "INSERT without the column of the key", .postgres,
            "«INSERT INTO notes (note) VALUES ('a') ON CONFLICT DO NOTHING;", .insertDuplicates,
            before: [
                "CREATE TABLE IF NOT EXISTS notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note TEXT);"
            ]),
        BadCase(
            "a target that is no key", .postgres,
            "«INSERT INTO teams (id, name) VALUES ('a', 'b') ON CONFLICT (note) DO NOTHING;", .conflictTargetMissing,
            fails: true),
        BadCase(
            "a constraint that does not exist", .postgres,
            "«INSERT INTO teams (id, name) VALUES ('a', 'b') ON CONFLICT ON CONSTRAINT teams_key DO NOTHING;",
            .conflictTargetMissing, fails: true),
        BadCase(
            "NOT EXISTS about another table", .postgres,
            "«INSERT INTO teams (id, name) SELECT 'a', 'b' WHERE NOT EXISTS (SELECT 1 FROM logs WHERE line = 'a');",
            .insertUnguarded, fails: true),
        BadCase(
            "INSERT in a WITH", .postgres,
            "WITH a AS («INSERT INTO teams (id, name) VALUES ('a', 'b') RETURNING id) SELECT id FROM a;",
            .insertUnguarded),
        BadCase(
            "a seed into a column that a later file drops", .postgres,
            "«INSERT INTO teams (id, name, note) VALUES ('a', 'b', 'c') ON CONFLICT DO NOTHING;", .laterChange,
            after: ["ALTER TABLE teams DROP COLUMN IF EXISTS note;"], fails: true),
        BadCase("UPDATE that counts", .postgres, "«UPDATE teams SET size = size + 1;", .updateRepeats),
        BadCase(
            "UPDATE that counts under a condition", .postgres,
            "«UPDATE teams AS t SET size = t.size * 2 WHERE size < 5;", .updateRepeats),
        BadCase(
            "UPDATE that appends", .postgres, "«UPDATE teams SET note = lower(note || 'x') WHERE note <> '';",
            .updateRepeats),
        BadCase("UPDATE of everything", .postgres, "«UPDATE teams SET note = 'x', size = 3;", .updateUnconditional),
        BadCase(
            "UPDATE under another condition", .postgres, "«UPDATE teams SET note = 'x' WHERE name = 'a' OR size = 1;",
            .updateUnconditional),
        BadCase(
            "UPDATE with the time", .postgres, "«UPDATE teams SET filled_at = now() WHERE filled_at < now();",
            .updateUnconditional),
        BadCase("DELETE of everything", .postgres, "«DELETE FROM teams;", .deleteUnconditional),
        BadCase("TRUNCATE", .postgres, "«TRUNCATE TABLE ONLY teams;", .deleteUnconditional),
        BadCase("MERGE", .postgres, "«MERGE INTO teams USING logs ON FALSE WHEN MATCHED THEN DELETE;", .refused),
        BadCase("COPY", .postgres, "«COPY teams FROM '/tmp/x';", .refused),
        BadCase("SELECT of a function", .postgres, "«SELECT setval('a', 1);", .refused),
    ]

    static let locks: [BadCase] = [
        BadCase(
            "CREATE INDEX on a large table", .postgres,
            "«CREATE INDEX IF NOT EXISTS jobs_kind_idx ON jobs (kind) WHERE kind <> '';", .lockCreateIndex),
        BadCase(
            "an invalid index left behind", .postgres,
            "«CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS jobs_kind_key ON jobs USING btree (kind, id);",
            .indexLeftover, notx: true),
        BadCase(
            "ALTER COLUMN TYPE on a large table", .postgres, "ALTER TABLE jobs ««ALTER COLUMN attempts TYPE BIGINT;",
            .columnChange, .lockRewrite),
        BadCase(
            "a volatile default on a large table", .postgres,
            "ALTER TABLE jobs «ADD COLUMN IF NOT EXISTS token UUID NOT NULL DEFAULT gen_random_uuid();", .lockRewrite),
        BadCase(
            "a serial on a large table", .postgres, "ALTER TABLE jobs «ADD COLUMN IF NOT EXISTS n BIGSERIAL;",
            .lockRewrite),
        BadCase(
            "a computed column on a large table", .postgres,
            "ALTER TABLE jobs «ADD COLUMN IF NOT EXISTS n INTEGER GENERATED ALWAYS AS (attempts + 1) STORED;",
            .lockRewrite),
        BadCase(
            "a tested column on a large table", .postgres,
            "ALTER TABLE jobs «ADD COLUMN IF NOT EXISTS owner TEXT DEFAULT 'x' CHECK (owner <> '') REFERENCES teams (id);",
            .lockConstraint),
        BadCase(
            "a unique column on a large table", .postgres,
            "ALTER TABLE jobs «ADD COLUMN IF NOT EXISTS code TEXT UNIQUE;", .lockConstraint),
        BadCase(
            "CHECK on a large table", .postgres,
            "ALTER TABLE jobs ««ADD CONSTRAINT jobs_attempts_range CHECK (attempts >= 0);",
            .addConstraint, .lockConstraint, fails: true),
        BadCase(
            "guarded FOREIGN KEY on a large table", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'jobs_team_fkey' AND conrelid = 'jobs'::regclass) THEN
                    ALTER TABLE jobs «ADD CONSTRAINT jobs_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id);
                END IF;
            END $$;
            """, .lockConstraint),
        BadCase(
            "UNIQUE on a large table", .postgres,
            "ALTER TABLE jobs ««ADD CONSTRAINT jobs_kind_key UNIQUE (kind, team_id);",
            .addConstraint, .lockConstraint),
        BadCase(
            "EXCLUDE on a large table", .postgres, "ALTER TABLE jobs ««ADD CONSTRAINT jobs_excl EXCLUDE (kind WITH =);",
            .addConstraint, .lockConstraint),
        BadCase(
            "SET NOT NULL on a large table", .postgres, "ALTER TABLE jobs ««ALTER COLUMN note SET NOT NULL;",
            .columnChange,
            .lockSetNotNull),
        BadCase(
            "VALIDATE in the file that adds", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'jobs_a' AND conrelid = 'jobs'::regclass) THEN
                    ALTER TABLE jobs ADD CONSTRAINT jobs_a CHECK (attempts >= 0) NOT VALID;
                END IF;
            END $$;
            ALTER TABLE jobs «VALIDATE CONSTRAINT jobs_a;
            """, .lockValidate),
        BadCase("SET UNLOGGED on a large table", .postgres, "ALTER TABLE jobs «SET UNLOGGED;", .lockRewrite),
        BadCase("LOCK TABLE", .postgres, "«LOCK TABLE teams;", .lockTable),
        BadCase("CLUSTER", .postgres, "«CLUSTER teams USING teams_pkey;", .lockTable),
        BadCase("VACUUM FULL", .postgres, "«VACUUM FULL teams;", .lockTable),
        BadCase("REINDEX", .postgres, "«REINDEX TABLE teams;", .lockTable),
        BadCase("UPDATE of a large table", .postgres, "«UPDATE jobs SET note = 'x' WHERE note IS NULL;", .lockBackfill),
        BadCase("DELETE from a large table", .postgres, "«DELETE FROM jobs WHERE kind = 'old';", .lockBackfill),
        BadCase(
            "INSERT from a large table", .postgres,
            "«INSERT INTO teams (id, name) SELECT DISTINCT team_id, team_id FROM jobs ON CONFLICT DO NOTHING;",
            .lockBackfill),
    ]

    static let sqlite: [BadCase] = [
        BadCase("ADD COLUMN", .sqlite, "«ALTER TABLE teams ADD COLUMN motto TEXT;", .addColumn, fails: true),
        BadCase(
            "a directive for another column", .sqlite,
            "-- certctl:unless-column teams.mott\n«ALTER TABLE teams ADD COLUMN motto TEXT;", .unlessColumn, fails: true
        ),
        BadCase(
            "a directive for another table", .sqlite,
            "-- certctl:unless-column logs.motto\n«ALTER TABLE teams ADD COLUMN motto TEXT;", .unlessColumn, fails: true
        ),
        BadCase(
            "a directive in another case", .sqlite,
            "-- certctl:unless-column teams.Motto\n«ALTER TABLE teams ADD COLUMN motto TEXT;", .unlessColumn,
            fails: true),
        BadCase(
            "a required column", .sqlite,
            "-- certctl:unless-column teams.motto\nALTER TABLE teams ADD COLUMN «motto TEXT NOT NULL;", .requiredColumn),
        BadCase("RENAME COLUMN", .sqlite, "«ALTER TABLE teams RENAME COLUMN note TO remark;", .rename, fails: true),
        BadCase("RENAME TO", .sqlite, "«ALTER TABLE logs RENAME TO lines;", .rename),
        BadCase("DROP COLUMN", .sqlite, "«ALTER TABLE teams DROP COLUMN note;", .dropUnguarded, fails: true),
        BadCase("ADD CONSTRAINT", .sqlite, "«ALTER TABLE teams ADD CONSTRAINT a CHECK (size > 0);", .addConstraint),
        BadCase(
            "CREATE TRIGGER", .sqlite, "«CREATE TRIGGER a AFTER INSERT ON teams BEGIN SELECT 1; END;", .createTrigger,
            fails: true),
        BadCase(
            "CREATE VIEW", .sqlite, "«CREATE TEMP VIEW a AS SELECT 1; «CREATE INDEX b ON teams (note);",
            .createUnguarded, .createUnguarded),
        BadCase(
            "INSERT OR REPLACE", .sqlite, "«INSERT OR REPLACE INTO teams (id, name) VALUES ('a', 'b');",
            .insertOverwrites),
        BadCase("REPLACE INTO", .sqlite, "«REPLACE INTO teams (id, name) VALUES ('a', 'b');", .insertOverwrites),
        BadCase(
            "INSERT OR IGNORE", .sqlite, "«INSERT OR IGNORE INTO teams (id, name) VALUES ('a', 'b');", .insertUnguarded),
        BadCase(
            "INSERT from a query", .sqlite, "«INSERT INTO teams (id, name) SELECT id, id FROM jobs;", .insertUnguarded),
        BadCase(
            "INSERT into a table with a row number", .sqlite,
            "«INSERT INTO notes (note) VALUES ('a') ON CONFLICT DO NOTHING;", .insertDuplicates,
            before: ["CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, note TEXT) STRICT;"]),
        BadCase("UPDATE that counts", .sqlite, "«UPDATE teams SET size = size + 1;", .updateRepeats),
        BadCase("UPDATE of everything", .sqlite, "«UPDATE teams SET note = 'x';", .updateUnconditional),
        BadCase("DROP VIEW", .sqlite, "«DROP VIEW a;", .dropUnguarded, fails: true),
        BadCase(
            "a rebuild without the directive", .sqlite, rebuild(directive: "", column: "motto TEXT"), .rebuildUnguarded,
            .rebuildUnguarded, .rebuildUnguarded, .rebuildUnguarded),
        BadCase(
            "a rebuild behind a column of another table", .sqlite,
            rebuild(directive: "-- certctl:unless-column jobs.motto\n", column: "motto TEXT"), .unlessColumn,
            .unlessColumn,
            .unlessColumn, .unlessColumn),
        BadCase(
            "a rebuild behind a column that was there before", .sqlite,
            rebuild(directive: "-- certctl:unless-column teams.note\n", column: "motto TEXT"), .unlessColumn,
            .unlessColumn,
            .unlessColumn, .unlessColumn),
        BadCase(
            "an index on a column that a later rebuild leaves out", .sqlite,
            "«CREATE INDEX IF NOT EXISTS a ON teams (size);",
            .laterChange,
            after: [
                rebuild(directive: "-- certctl:unless-column teams.motto\n", column: "motto TEXT").filter { $0 != "«" }
            ],
            fails: true),
        BadCase(
            "a rebuild that forgets an index and a trigger", .sqlite,
            rebuild(directive: "-- certctl:unless-column teams.motto\n", column: "motto TEXT").replacingMarks(
                keeping: 3),
            .rebuildIncomplete,
            before: [
                """
                CREATE INDEX IF NOT EXISTS teams_note_idx ON teams (note);
                DROP TRIGGER IF EXISTS teams_trigger;
                CREATE TRIGGER teams_trigger AFTER INSERT ON teams BEGIN SELECT 1; END;
                """
            ]),
        BadCase("VACUUM", .sqlite, "«VACUUM;", .lockTable),
        BadCase("ATTACH", .sqlite, "«ATTACH DATABASE 'x' AS y;", .refused),
    ]
}

extension Corpus {
    /// A rebuild of `teams` with a mark before each step.
    private static func rebuild(directive: String, column: String) -> String {
        """
        \(directive)«CREATE TABLE IF NOT EXISTS teams_rebuild (id TEXT NOT NULL, name TEXT NOT NULL, note TEXT, \(column)) STRICT;
        \(directive)«INSERT INTO teams_rebuild (id, name, note) SELECT id, name, note FROM teams;
        \(directive)«DROP TABLE IF EXISTS teams;
        \(directive)«ALTER TABLE teams_rebuild RENAME TO teams;
        """
    }
}

extension String {
    /// With one of its marks alone.
    fileprivate func replacingMarks(keeping kept: Int) -> String {
        var parts = split(separator: "«", omittingEmptySubsequences: false)
        let tail = parts[(kept + 1)...].joined()
        parts = Array(parts[...kept])
        return parts.joined() + "«" + tail
    }
}
