-- Data loss: the order and the hashes of the events, checkpoints and their keys, archives. The events stay.

DROP TRIGGER IF EXISTS audit_events_intake;
DROP TRIGGER IF EXISTS audit_events_archived_only;
DROP TRIGGER IF EXISTS audit_events_no_delete;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TABLE IF EXISTS audit_export_cursors;
DROP TABLE IF EXISTS audit_verifications;
DROP TABLE IF EXISTS audit_archives;
DROP TABLE IF EXISTS audit_checkpoints;
DROP TABLE IF EXISTS audit_keys;
DROP TABLE IF EXISTS audit_subtrees;
DROP TABLE IF EXISTS audit_intake;

-- The leaves are worth nothing without the rest of the tree.
DROP TABLE IF EXISTS audit_leaves;
CREATE TABLE IF NOT EXISTS audit_leaves (
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    leaf_hash BLOB NOT NULL,
    row_hash BLOB NOT NULL,
    CONSTRAINT audit_leaves_pkey PRIMARY KEY (seq),
    CONSTRAINT audit_leaves_event_id_key UNIQUE (event_id),
    CONSTRAINT audit_leaves_seq_range CHECK (seq >= 0),
    CONSTRAINT audit_leaves_hash_length CHECK (length(leaf_hash) = 32),
    CONSTRAINT audit_leaves_row_hash_length CHECK (length(row_hash) = 32)
) STRICT;
DROP TRIGGER IF EXISTS audit_leaves_no_update;
CREATE TRIGGER audit_leaves_no_update BEFORE UPDATE ON audit_leaves
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_leaves_no_delete;
CREATE TRIGGER audit_leaves_no_delete BEFORE DELETE ON audit_leaves
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_leaves_no_replace;
CREATE TRIGGER audit_leaves_no_replace BEFORE INSERT ON audit_leaves
WHEN EXISTS (SELECT 1 FROM audit_leaves WHERE seq = NEW.seq OR event_id = NEW.event_id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DELETE FROM data_migrations WHERE name = 'audit_intake';
