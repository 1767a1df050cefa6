import MigrationLint

/// What has broken the second start of the program that certctl re-implements.
extension Corpus {
    static let historical: [BadCase] = [
        BadCase(
            "unguarded CHECK", .postgres,
            """
            -- Scoped grants.
            ALTER TABLE actor_roles
                «ADD CONSTRAINT actor_roles_scope_type_enum CHECK (scope_type IN ('global', 'profile', 'issuer'));
            """, .addConstraint, fails: true),
        BadCase(
            "unguarded UNIQUE", .postgres,
            "ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_grant_key UNIQUE NULLS NOT DISTINCT (actor_id, scope_type, scope_id);",
            .addConstraint, fails: true),
        BadCase(
            "unguarded FOREIGN KEY", .postgres,
            "ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id);",
            .addConstraint, fails: true),
        BadCase(
            "unguarded PRIMARY KEY", .postgres,
            "ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_pkey PRIMARY KEY (id);", .addConstraint, fails: true),
        BadCase(
            "unguarded EXCLUDE", .postgres,
            "ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_excl EXCLUDE USING btree (id WITH =);", .addConstraint,
            fails: true),
        BadCase(
            "a constraint without a name", .postgres, "ALTER TABLE actor_roles «ADD CHECK (scope_type <> '');",
            .unnamedConstraint),
        BadCase(
            "a primary key that changes under its own name", .postgres,
            """
            ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_pkey;
            ALTER TABLE teams «ADD CONSTRAINT teams_pkey PRIMARY KEY (id, name);
            """, .keyChange,
            after: [
                """
                CREATE TABLE IF NOT EXISTS members (
                    team_id TEXT, team_name TEXT,
                    CONSTRAINT members_team_fkey FOREIGN KEY (team_id, team_name) REFERENCES teams (id, name)
                );
                """
            ], fails: true),
        BadCase(
            "a primary key that changes in one statement", .postgres,
            "ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_pkey, «ADD CONSTRAINT teams_pkey PRIMARY KEY (id, name);",
            .keyChange),
        BadCase(
            "seed rows whose conflict target a later migration changes", .postgres,
            "«INSERT INTO actor_roles (id, actor_id) VALUES ('ar-1', 'a') ON CONFLICT (actor_id) DO NOTHING;",
            .conflictTargetChanged,
            before: ["CREATE UNIQUE INDEX IF NOT EXISTS actor_roles_actor_key ON actor_roles (actor_id);"],
            after: [
                """
                DROP INDEX IF EXISTS actor_roles_actor_key;
                CREATE UNIQUE INDEX IF NOT EXISTS actor_roles_scoped_key ON actor_roles (actor_id, scope_type);
                """
            ]),
        BadCase(
            "seed rows whose key a later migration drops", .postgres,
            "«INSERT INTO actor_roles (id, actor_id) VALUES ('ar-1', 'a') ON CONFLICT DO NOTHING;",
            .conflictTargetChanged,
            before: ["CREATE UNIQUE INDEX IF NOT EXISTS actor_roles_actor_key ON actor_roles (actor_id);"],
            after: ["DROP INDEX IF EXISTS actor_roles_actor_key;"], isTextOnly: true),
        BadCase(
            "a seed that only one of two keys protects", .postgres,
            "«INSERT INTO teams (id, name) VALUES ('t-1', 'one') ON CONFLICT (id) DO NOTHING;", .conflictTargetNarrow),
        BadCase(
            "a seed without any protection", .postgres, "«INSERT INTO teams (id, name) VALUES ('t-1', 'one');",
            .insertUnguarded, fails: true),
        BadCase(
            "CREATE TRIGGER without DROP", .postgres,
            """
            CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            «CREATE TRIGGER teams_frozen BEFORE DELETE ON teams FOR EACH ROW EXECUTE FUNCTION refuse();
            """, .createTrigger, fails: true),
        BadCase(
            "CREATE TRIGGER after the DROP of another table's", .postgres,
            """
            CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            DROP TRIGGER IF EXISTS frozen ON logs;
            «CREATE TRIGGER frozen BEFORE DELETE ON teams FOR EACH ROW EXECUTE FUNCTION refuse();
            """, .createTrigger, fails: true),
        BadCase(
            "ALTER TYPE ADD VALUE", .postgres, "«ALTER TYPE mood ADD VALUE 'calm';", .enumValue,
            notx: true, before: [mood], fails: true),
        BadCase(
            "ALTER TYPE ADD VALUE in a transaction", .postgres, "«ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm';",
            .notxNeeded, before: [mood]),
        BadCase(
            "mixed case", .postgres,
            "aLtEr TaBlE actor_roles «aDd CoNsTrAiNt Actor_Roles_Scope_Check cHeCk (scope_type <> '');", .addConstraint,
            fails: true),
        BadCase(
            "several statements on one line", .postgres,
            "CREATE TABLE IF NOT EXISTS a (id TEXT); «CREATE TABLE b (id TEXT); «DROP TABLE b; SET LOCAL lock_timeout = '1s';",
            .createUnguarded, .dropUnguarded),
        BadCase(
            "ALTER TABLE with several actions of which one is unguarded", .postgres,
            """
            ALTER TABLE actor_roles ADD COLUMN IF NOT EXISTS a TEXT, ADD COLUMN IF NOT EXISTS b NUMERIC(10, 2),
                «ADD COLUMN c TEXT, ALTER COLUMN team_id SET DEFAULT 'x,y';
            """, .addColumn, fails: true),
        BadCase(
            "ALTER TABLE with every action wrong", .postgres,
            """
            ALTER TABLE actor_roles «ADD c TEXT,
                «DROP COLUMN team_id,
                «ADD CONSTRAINT actor_roles_c_check CHECK (c <> ','),
                «DROP CONSTRAINT actor_roles_none;
            """, .addColumn, .dropUnguarded, .addConstraint, .dropUnguarded),
        BadCase(
            "a guard by name alone", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'actor_roles_scope_check') THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_scope_check CHECK (scope_type <> '');
                END IF;
            END $$;
            """, .guardByName),
    ]

    static let mood = """
        DO $$ BEGIN
            IF NOT EXISTS (
                SELECT 1 FROM pg_type WHERE typname = 'mood' AND typnamespace = current_schema()::regnamespace
            ) THEN
                CREATE TYPE mood AS ENUM ('glad');
            END IF;
        END $$;
        """
}
