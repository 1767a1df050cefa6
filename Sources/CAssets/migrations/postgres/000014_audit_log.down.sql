-- Data loss: the order and the hashes of the events, checkpoints and their keys, archives. The events stay.

DROP TRIGGER IF EXISTS audit_events_intake ON audit_events;
DROP TRIGGER IF EXISTS audit_events_archived_only ON audit_events;
DROP TRIGGER IF EXISTS audit_events_append_only ON audit_events;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TABLE IF EXISTS audit_export_cursors;
DROP TABLE IF EXISTS audit_verifications;
DROP TABLE IF EXISTS audit_archives;
DROP TABLE IF EXISTS audit_checkpoints;
DROP TABLE IF EXISTS audit_keys;
DROP TABLE IF EXISTS audit_subtrees;
DROP TABLE IF EXISTS audit_intake;
DROP FUNCTION IF EXISTS audit_refuse_key_change();
DROP FUNCTION IF EXISTS audit_refuse_unsealed();
DROP FUNCTION IF EXISTS audit_refuse_unarchived();
DROP FUNCTION IF EXISTS audit_take_in();

-- The leaves are worth nothing without the rest of the tree.
DROP TABLE IF EXISTS audit_leaves;
CREATE TABLE IF NOT EXISTS audit_leaves (
    seq BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    leaf_hash BYTEA NOT NULL,
    row_hash BYTEA NOT NULL,
    CONSTRAINT audit_leaves_pkey PRIMARY KEY (seq),
    CONSTRAINT audit_leaves_event_id_key UNIQUE (event_id),
    CONSTRAINT audit_leaves_seq_range CHECK (seq >= 0),
    CONSTRAINT audit_leaves_hash_length CHECK (octet_length(leaf_hash) = 32),
    CONSTRAINT audit_leaves_row_hash_length CHECK (octet_length(row_hash) = 32)
);
DROP TRIGGER IF EXISTS audit_leaves_append_only ON audit_leaves;
CREATE TRIGGER audit_leaves_append_only BEFORE UPDATE OR DELETE ON audit_leaves
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_leaves_no_truncate ON audit_leaves;
CREATE TRIGGER audit_leaves_no_truncate BEFORE TRUNCATE ON audit_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
DELETE FROM data_migrations WHERE name = 'audit_intake';
