-- The sealed audit log: a queue of events to seal, leaves in their final order, stored subtrees, signing keys,
-- checkpoints, archives, verifications, and the cursors of exports.

-- Every committed event waits here until the sequencer has given it its place. Filled by the database, so that no
-- event can be written past it; a backfill brings the events that were there before.
CREATE TABLE IF NOT EXISTS audit_intake (
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id TEXT NOT NULL,
    CONSTRAINT audit_intake_pkey PRIMARY KEY (position)
);

CREATE OR REPLACE FUNCTION audit_take_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_intake (event_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS audit_events_intake ON audit_events;
CREATE TRIGGER audit_events_intake AFTER INSERT ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_take_in();

CREATE TABLE IF NOT EXISTS audit_subtrees (
    level INTEGER NOT NULL,
    position BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_subtrees_pkey PRIMARY KEY (level, position),
    CONSTRAINT audit_subtrees_level_range CHECK (level BETWEEN 1 AND 7),
    CONSTRAINT audit_subtrees_hash_length CHECK (octet_length(hash) = 32)
);

CREATE TABLE IF NOT EXISTS audit_keys (
    id TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    private_key_encrypted BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT audit_keys_pkey PRIMARY KEY (id),
    CONSTRAINT audit_keys_public_key_length CHECK (octet_length(public_key) = 32)
);

CREATE TABLE IF NOT EXISTS audit_checkpoints (
    number BIGINT NOT NULL,
    tree_size BIGINT NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    jws TEXT NOT NULL,
    CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (number),
    CONSTRAINT audit_checkpoints_number_range CHECK (number >= 0),
    CONSTRAINT audit_checkpoints_size_range CHECK (tree_size >= 0)
);
CREATE INDEX IF NOT EXISTS audit_checkpoints_size_idx ON audit_checkpoints (tree_size);

CREATE TABLE IF NOT EXISTS audit_archives (
    number BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    end_seq BIGINT NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    archived_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT audit_archives_pkey PRIMARY KEY (number),
    CONSTRAINT audit_archives_first_key UNIQUE (first_seq),
    CONSTRAINT audit_archives_range CHECK (first_seq >= 0 AND end_seq > first_seq),
    CONSTRAINT audit_archives_digest_form CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

CREATE TABLE IF NOT EXISTS audit_verifications (
    kind TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    row_count BIGINT NOT NULL,
    tree_size BIGINT NOT NULL,
    root_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    checkpoint_number BIGINT NOT NULL,
    divergence TEXT,
    CONSTRAINT audit_verifications_pkey PRIMARY KEY (kind),
    CONSTRAINT audit_verifications_kind_enum CHECK (kind IN ('incremental', 'full', 'sound'))
);

CREATE TABLE IF NOT EXISTS audit_export_cursors (
    sink TEXT NOT NULL,
    next_seq BIGINT NOT NULL DEFAULT 0,
    next_checkpoint BIGINT NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ,
    last_success_at TIMESTAMPTZ,
    last_error TEXT,
    CONSTRAINT audit_export_cursors_pkey PRIMARY KEY (sink),
    CONSTRAINT audit_export_cursors_seq_range CHECK (next_seq >= 0 AND next_checkpoint >= 0 AND failures >= 0)
);

-- An event may leave only when an archive holds it, an entry of the queue only when its leaf exists.
CREATE OR REPLACE FUNCTION audit_refuse_unarchived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM audit_leaves l JOIN audit_archives a ON l.seq >= a.first_seq AND l.seq < a.end_seq
        WHERE l.event_id = OLD.id
    ) THEN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END
$$;
CREATE OR REPLACE FUNCTION audit_refuse_unsealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_leaves WHERE event_id = OLD.event_id) THEN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END
$$;
-- The private half is sealed again when the master key changes; nothing else of a key ever changes.
CREATE OR REPLACE FUNCTION audit_refuse_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.public_key <> OLD.public_key OR NEW.created_at <> OLD.created_at THEN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS audit_events_append_only ON audit_events;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_events_archived_only ON audit_events;
CREATE TRIGGER audit_events_archived_only BEFORE DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_unarchived();

DROP TRIGGER IF EXISTS audit_intake_no_update ON audit_intake;
CREATE TRIGGER audit_intake_no_update BEFORE UPDATE ON audit_intake
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_intake_sealed_only ON audit_intake;
CREATE TRIGGER audit_intake_sealed_only BEFORE DELETE ON audit_intake
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_unsealed();
DROP TRIGGER IF EXISTS audit_intake_no_truncate ON audit_intake;
CREATE TRIGGER audit_intake_no_truncate BEFORE TRUNCATE ON audit_intake
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

DROP TRIGGER IF EXISTS audit_subtrees_append_only ON audit_subtrees;
CREATE TRIGGER audit_subtrees_append_only BEFORE UPDATE OR DELETE ON audit_subtrees
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_subtrees_no_truncate ON audit_subtrees;
CREATE TRIGGER audit_subtrees_no_truncate BEFORE TRUNCATE ON audit_subtrees
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

DROP TRIGGER IF EXISTS audit_keys_no_change ON audit_keys;
CREATE TRIGGER audit_keys_no_change BEFORE UPDATE ON audit_keys
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_key_change();
DROP TRIGGER IF EXISTS audit_keys_no_delete ON audit_keys;
CREATE TRIGGER audit_keys_no_delete BEFORE DELETE ON audit_keys
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_keys_no_truncate ON audit_keys;
CREATE TRIGGER audit_keys_no_truncate BEFORE TRUNCATE ON audit_keys
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

DROP TRIGGER IF EXISTS audit_checkpoints_append_only ON audit_checkpoints;
CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_checkpoints_no_truncate ON audit_checkpoints;
CREATE TRIGGER audit_checkpoints_no_truncate BEFORE TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

DROP TRIGGER IF EXISTS audit_archives_append_only ON audit_archives;
CREATE TRIGGER audit_archives_append_only BEFORE UPDATE OR DELETE ON audit_archives
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_archives_no_truncate ON audit_archives;
CREATE TRIGGER audit_archives_no_truncate BEFORE TRUNCATE ON audit_archives
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
