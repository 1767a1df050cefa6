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
ALTER TABLE audit_leaves DROP COLUMN IF EXISTS row_hash;
DROP FUNCTION IF EXISTS audit_refuse_key_change();
DROP FUNCTION IF EXISTS audit_refuse_unsealed();
DROP FUNCTION IF EXISTS audit_refuse_unarchived();
DROP FUNCTION IF EXISTS audit_take_in();
