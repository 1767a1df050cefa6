-- The sealed audit log: a queue of events to seal, leaves in their final order, stored subtrees, signing keys,
-- checkpoints, archives, verifications, and the cursors of exports.

-- Every committed event waits here until the sequencer has given it its place. Filled by the database, so that no
-- event can be written past it; a backfill brings the events that were there before.
CREATE TABLE IF NOT EXISTS audit_intake (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL
) STRICT;

DROP TRIGGER IF EXISTS audit_events_intake;
CREATE TRIGGER audit_events_intake AFTER INSERT ON audit_events
BEGIN
    INSERT INTO audit_intake (event_id) VALUES (NEW.id);
END;

CREATE TABLE IF NOT EXISTS audit_subtrees (
    level INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT audit_subtrees_pkey PRIMARY KEY (level, position),
    CONSTRAINT audit_subtrees_level_range CHECK (level BETWEEN 1 AND 7),
    CONSTRAINT audit_subtrees_hash_length CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE IF NOT EXISTS audit_keys (
    id TEXT NOT NULL,
    public_key BLOB NOT NULL,
    private_key_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    CONSTRAINT audit_keys_pkey PRIMARY KEY (id),
    CONSTRAINT audit_keys_public_key_length CHECK (length(public_key) = 32)
) STRICT;

CREATE TABLE IF NOT EXISTS audit_checkpoints (
    number INTEGER NOT NULL,
    tree_size INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    jws TEXT NOT NULL,
    CONSTRAINT audit_checkpoints_pkey PRIMARY KEY (number),
    CONSTRAINT audit_checkpoints_number_range CHECK (number >= 0),
    CONSTRAINT audit_checkpoints_size_range CHECK (tree_size >= 0)
) STRICT;
CREATE INDEX IF NOT EXISTS audit_checkpoints_size_idx ON audit_checkpoints (tree_size);

CREATE TABLE IF NOT EXISTS audit_archives (
    number INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    end_seq INTEGER NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    archived_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    CONSTRAINT audit_archives_pkey PRIMARY KEY (number),
    CONSTRAINT audit_archives_first_key UNIQUE (first_seq),
    CONSTRAINT audit_archives_range CHECK (first_seq >= 0 AND end_seq > first_seq),
    CONSTRAINT audit_archives_digest_form CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*')
) STRICT;

CREATE TABLE IF NOT EXISTS audit_verifications (
    kind TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    tree_size INTEGER NOT NULL,
    root_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    checkpoint_number INTEGER NOT NULL,
    divergence TEXT,
    CONSTRAINT audit_verifications_pkey PRIMARY KEY (kind),
    CONSTRAINT audit_verifications_kind_enum CHECK (kind IN ('incremental', 'full', 'sound'))
) STRICT;

CREATE TABLE IF NOT EXISTS audit_export_cursors (
    sink TEXT NOT NULL,
    next_seq INTEGER NOT NULL DEFAULT 0,
    next_checkpoint INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    last_success_at INTEGER,
    last_error TEXT,
    CONSTRAINT audit_export_cursors_pkey PRIMARY KEY (sink),
    CONSTRAINT audit_export_cursors_seq_range CHECK (next_seq >= 0 AND next_checkpoint >= 0 AND failures >= 0)
) STRICT;

-- An event may leave only when an archive holds it, an entry of the queue only when its leaf exists.
DROP TRIGGER IF EXISTS audit_events_no_delete;
DROP TRIGGER IF EXISTS audit_events_archived_only;
CREATE TRIGGER audit_events_archived_only BEFORE DELETE ON audit_events
WHEN NOT EXISTS (
    SELECT 1 FROM audit_leaves l JOIN audit_archives a ON l.seq >= a.first_seq AND l.seq < a.end_seq
    WHERE l.event_id = OLD.id
)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_intake_sealed_only;
CREATE TRIGGER audit_intake_sealed_only BEFORE DELETE ON audit_intake
WHEN NOT EXISTS (SELECT 1 FROM audit_leaves WHERE event_id = OLD.event_id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- The private half is sealed again when the master key changes; nothing else of a key ever changes.
DROP TRIGGER IF EXISTS audit_keys_no_update;
CREATE TRIGGER audit_keys_no_update BEFORE UPDATE ON audit_keys
WHEN NEW.id <> OLD.id OR NEW.public_key <> OLD.public_key OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_intake_no_update;
CREATE TRIGGER audit_intake_no_update BEFORE UPDATE ON audit_intake
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_subtrees_no_update;
CREATE TRIGGER audit_subtrees_no_update BEFORE UPDATE ON audit_subtrees
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_subtrees_no_delete;
CREATE TRIGGER audit_subtrees_no_delete BEFORE DELETE ON audit_subtrees
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_keys_no_delete;
CREATE TRIGGER audit_keys_no_delete BEFORE DELETE ON audit_keys
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_checkpoints_no_update;
CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_checkpoints_no_delete;
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_archives_no_update;
CREATE TRIGGER audit_archives_no_update BEFORE UPDATE ON audit_archives
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_archives_no_delete;
CREATE TRIGGER audit_archives_no_delete BEFORE DELETE ON audit_archives
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- INSERT OR REPLACE deletes without firing a delete trigger.
DROP TRIGGER IF EXISTS audit_subtrees_no_replace;
CREATE TRIGGER audit_subtrees_no_replace BEFORE INSERT ON audit_subtrees
WHEN EXISTS (SELECT 1 FROM audit_subtrees WHERE level = NEW.level AND position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_keys_no_replace;
CREATE TRIGGER audit_keys_no_replace BEFORE INSERT ON audit_keys
WHEN EXISTS (SELECT 1 FROM audit_keys WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_checkpoints_no_replace;
CREATE TRIGGER audit_checkpoints_no_replace BEFORE INSERT ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_archives_no_replace;
CREATE TRIGGER audit_archives_no_replace BEFORE INSERT ON audit_archives
WHEN EXISTS (SELECT 1 FROM audit_archives WHERE number = NEW.number OR first_seq = NEW.first_seq)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_intake_no_replace;
CREATE TRIGGER audit_intake_no_replace BEFORE INSERT ON audit_intake
WHEN EXISTS (SELECT 1 FROM audit_intake WHERE position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
