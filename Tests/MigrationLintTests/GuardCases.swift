import MigrationLint

/// Guards that look like guards.
extension Corpus {
    static let guards: [BadCase] = [
        BadCase(
            "the guard looks up another name", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_check' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_check CHECK (id <> '');
                END IF;
            END $$;
            """, .guardMismatch, fails: true),
        BadCase(
            "the guard looks up the name in a case that PostgreSQL does not keep", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'AR_Check' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT AR_Check CHECK (id <> '');
                END IF;
            END $$;
            """, .guardMismatch, fails: true),
        BadCase(
            "the guard looks at another table", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_check' AND conrelid = 'teams'::regclass) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_check CHECK (id <> '');
                END IF;
            END $$;
            """, .guardMismatch, fails: true),
        BadCase(
            "the guard is for presence", .postgres,
            """
            DO $$ BEGIN
                IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_check' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_check CHECK (id <> '');
                END IF;
            END $$;
            """, .addConstraint),
        BadCase(
            "the guard has an OR", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_check' AND conrelid = 'actor_roles'::regclass)
                    OR TRUE THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_check CHECK (id <> '');
                END IF;
            END $$;
            """, .addConstraint, fails: true),
        BadCase(
            "the guard joins by the table's name in any schema", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (
                    SELECT 1 FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
                    WHERE c.conname = 'ar_check' AND r.relname = 'actor_roles'
                ) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_check CHECK (id <> '');
                END IF;
            END $$;
            """, .guardByName),
        BadCase(
            "information_schema without a schema", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (
                    SELECT 1 FROM information_schema.table_constraints
                    WHERE constraint_name = 'ar_check' AND table_name = 'actor_roles'
                ) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_check CHECK (id <> '');
                END IF;
            END $$;
            """, .guardByName),
        BadCase(
            "one guard, two constraints", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_a' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles ADD CONSTRAINT ar_a CHECK (id <> 'a'), «ADD CONSTRAINT ar_b CHECK (id <> 'b');
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_c CHECK (id <> 'c');
                END IF;
            END $$;
            """, .guardMismatch, .guardMismatch),
        BadCase(
            "three guards, the middle one wrong", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_a' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles ADD CONSTRAINT ar_a CHECK (id <> 'a');
                END IF;
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_a' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_b CHECK (id <> 'b');
                END IF;
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_c' AND conrelid = 'actor_roles'::regclass) THEN
                    ALTER TABLE actor_roles ADD CONSTRAINT ar_c CHECK (id <> 'c');
                END IF;
            END $$;
            """, .guardMismatch),
        BadCase(
            "the statement is in the ELSE", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_a' AND conrelid = 'actor_roles'::regclass) THEN
                    NULL;
                ELSE
                    ALTER TABLE actor_roles «ADD CONSTRAINT ar_a CHECK (id <> 'a');
                END IF;
            END $$;
            """, .addConstraint),
        BadCase(
            "the guard is behind the statement", .postgres,
            """
            DO $$ BEGIN
                ALTER TABLE actor_roles «ADD CONSTRAINT ar_a CHECK (id <> 'a');
                IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'ar_a' AND conrelid = 'actor_roles'::regclass) THEN
                    RAISE NOTICE 'missing';
                END IF;
            END $$;
            """, .addConstraint, fails: true),
        BadCase(
            "duplicate_object for UNIQUE", .postgres,
            """
            DO $$ BEGIN
                ALTER TABLE actor_roles «ADD CONSTRAINT ar_key UNIQUE (actor_id);
            EXCEPTION WHEN duplicate_object THEN NULL; END $$;
            """, .exceptionSwallows, fails: true),
        BadCase(
            "duplicate_table for UNIQUE", .postgres,
            """
            DO $$ BEGIN
                ALTER TABLE actor_roles «ADD CONSTRAINT ar_key UNIQUE (actor_id);
            EXCEPTION WHEN duplicate_table THEN NULL; END $$;
            """, .exceptionSwallows),
        BadCase(
            "duplicate_object for PRIMARY KEY", .postgres,
            """
            DO $$ BEGIN
                ALTER TABLE actor_roles «ADD CONSTRAINT actor_roles_pkey PRIMARY KEY (id);
            EXCEPTION WHEN duplicate_object OR duplicate_table THEN NULL; END $$;
            """, .exceptionSwallows, fails: true),
        BadCase(
            "one handler, two statements", .postgres,
            """
            DO $$ BEGIN
                ALTER TABLE actor_roles «ADD CONSTRAINT ar_a CHECK (id <> 'a');
                ALTER TABLE actor_roles «ADD CONSTRAINT ar_b CHECK (id <> 'b');
            EXCEPTION WHEN duplicate_object THEN NULL; END $$;
            """, .exceptionSwallows, .exceptionSwallows),
        BadCase(
            "WHEN OTHERS", .postgres,
            """
            DO $$ BEGIN
                ALTER TABLE actor_roles «ADD CONSTRAINT ar_a CHECK (id <> 'a');
            EXCEPTION WHEN OTHERS THEN NULL; END $$;
            """, .exceptionSwallows),
        BadCase(
            "WHEN OTHERS around something harmless", .postgres,
            "DO $$ BEGIN CREATE TABLE IF NOT EXISTS a (id TEXT); EXCEPTION WHEN «others THEN RAISE NOTICE 'x'; END $$;",
            .exceptionSwallows),
        BadCase(
            "the wrong error for a column", .postgres,
            "DO $$ BEGIN ALTER TABLE teams «ADD COLUMN a TEXT; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
            .exceptionSwallows, fails: true),
        BadCase(
            "a type looked up by name alone", .postgres,
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'mood') THEN
                    «CREATE TYPE mood AS ENUM ('glad');
                END IF;
            END $$;
            """, .guardByName),
        BadCase(
            "a renamed column looked up in any schema", .postgres,
            """
            DO $$ BEGIN
                IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'teams' AND column_name = 'note') THEN
                    ALTER TABLE teams «RENAME COLUMN note TO remark;
                END IF;
            END $$;
            """, .guardByName),
        BadCase(
            "a changed column looked up under another name", .postgres,
            """
            DO $$ BEGIN
                IF EXISTS (
                    SELECT 1 FROM information_schema.columns
                    WHERE table_schema = current_schema() AND table_name = 'teams' AND column_name = 'note'
                ) THEN
                    ALTER TABLE teams «ALTER COLUMN size DROP NOT NULL;
                END IF;
            END $$;
            """, .guardMismatch),
        BadCase(
            "a statement put together at run time", .postgres,
            "DO $$ BEGIN «EXECUTE format('ALTER TABLE %I ADD COLUMN a TEXT', 'teams'); END $$;", .dynamicSQL),
        BadCase("a function in a block", .postgres, "DO $$ BEGIN «PERFORM setval('a', 1); END $$;", .refused),
        BadCase("a block in another language", .postgres, "«DO LANGUAGE plpython3u $$ pass $$;", .dynamicSQL),
    ]
}
