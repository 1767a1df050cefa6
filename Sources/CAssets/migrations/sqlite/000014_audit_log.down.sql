DROP TRIGGER IF EXISTS audit_events_intake;
DROP TRIGGER IF EXISTS audit_events_archived_only;
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
DROP TRIGGER IF EXISTS audit_leaves_no_update;
DROP TRIGGER IF EXISTS audit_leaves_no_delete;
DROP TRIGGER IF EXISTS audit_leaves_no_replace;
DROP TABLE IF EXISTS audit_leaves;
CREATE TABLE audit_leaves (
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    leaf_hash BLOB NOT NULL,
    CONSTRAINT audit_leaves_pkey PRIMARY KEY (seq),
    CONSTRAINT audit_leaves_event_id_key UNIQUE (event_id),
    CONSTRAINT audit_leaves_seq_range CHECK (seq >= 0),
    CONSTRAINT audit_leaves_hash_length CHECK (length(leaf_hash) = 32)
) STRICT;
