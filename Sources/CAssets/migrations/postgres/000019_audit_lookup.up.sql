-- What audit events are looked up by, kept beside the sealed log and not at the events: the sequencer fills it in
-- batches, so that whoever writes an event waits for the upkeep of two indexes instead of seven. Events that are not
-- sealed yet are found in the queue. The backfill `audit_lookup` brings the events that were sealed before; until then
-- filters read the events in the order of time.

CREATE TABLE IF NOT EXISTS audit_lookup (
    seq BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    timestamp TIMESTAMPTZ NOT NULL,
    event_category TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    request_id TEXT,
    CONSTRAINT audit_lookup_pkey PRIMARY KEY (seq)
);
CREATE INDEX IF NOT EXISTS audit_lookup_category_idx ON audit_lookup (event_category, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_actor_idx ON audit_lookup (actor, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_action_idx ON audit_lookup (action, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_resource_type_idx ON audit_lookup (resource_type, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_resource_id_idx ON audit_lookup (resource_id, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_request_id_idx ON audit_lookup (request_id) WHERE request_id IS NOT NULL;

CREATE OR REPLACE FUNCTION audit_lookup_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_lookup (
        seq, event_id, timestamp, event_category, actor, action, resource_type, resource_id, request_id
    )
    SELECT l.seq, e.id, e.timestamp, e.event_category, e.actor, e.action, e.resource_type, e.resource_id, e.request_id
    FROM sealed l JOIN audit_events e ON e.id = l.event_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS audit_leaves_lookup ON audit_leaves;
CREATE TRIGGER audit_leaves_lookup AFTER INSERT ON audit_leaves REFERENCING NEW TABLE AS sealed
    FOR EACH STATEMENT EXECUTE FUNCTION audit_lookup_follow();

-- A row goes with its event, which goes only when an archive holds it.
CREATE OR REPLACE FUNCTION audit_lookup_forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM audit_lookup WHERE seq = (SELECT l.seq FROM audit_leaves l WHERE l.event_id = OLD.id);
    RETURN NULL;
END
$$;
DROP TRIGGER IF EXISTS audit_events_lookup ON audit_events;
CREATE TRIGGER audit_events_lookup AFTER DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_lookup_forget();
CREATE OR REPLACE FUNCTION audit_refuse_lookup_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_events WHERE id = OLD.event_id) THEN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END
$$;
DROP TRIGGER IF EXISTS audit_lookup_no_update ON audit_lookup;
CREATE TRIGGER audit_lookup_no_update BEFORE UPDATE ON audit_lookup
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_lookup_no_delete ON audit_lookup;
CREATE TRIGGER audit_lookup_no_delete BEFORE DELETE ON audit_lookup
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_lookup_loss();
DROP TRIGGER IF EXISTS audit_lookup_no_truncate ON audit_lookup;
CREATE TRIGGER audit_lookup_no_truncate BEFORE TRUNCATE ON audit_lookup
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

DROP INDEX IF EXISTS audit_events_category_idx;
DROP INDEX IF EXISTS audit_events_resource_idx;
DROP INDEX IF EXISTS audit_events_actor_idx;
DROP INDEX IF EXISTS audit_events_action_idx;
DROP INDEX IF EXISTS audit_events_request_id_idx;
