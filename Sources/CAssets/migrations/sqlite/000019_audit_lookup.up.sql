-- What audit events are looked up by, kept beside the sealed log and not at the events: the sequencer fills it in
-- batches, so that whoever writes an event waits for the upkeep of two indexes instead of seven. Events that are not
-- sealed yet are found in the queue. The backfill `audit_lookup` brings the events that were sealed before; until then
-- filters read the events in the order of time.

CREATE TABLE IF NOT EXISTS audit_lookup (
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    event_category TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    request_id TEXT,
    CONSTRAINT audit_lookup_pkey PRIMARY KEY (seq)
) STRICT;
CREATE INDEX IF NOT EXISTS audit_lookup_category_idx ON audit_lookup (event_category, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_actor_idx ON audit_lookup (actor, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_action_idx ON audit_lookup (action, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_resource_type_idx ON audit_lookup (resource_type, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_resource_id_idx ON audit_lookup (resource_id, timestamp, event_id);
CREATE INDEX IF NOT EXISTS audit_lookup_request_id_idx ON audit_lookup (request_id) WHERE request_id IS NOT NULL;

DROP TRIGGER IF EXISTS audit_leaves_lookup;
CREATE TRIGGER audit_leaves_lookup AFTER INSERT ON audit_leaves
BEGIN
    INSERT INTO audit_lookup (
        seq, event_id, timestamp, event_category, actor, action, resource_type, resource_id, request_id
    )
    SELECT NEW.seq, id, timestamp, event_category, actor, action, resource_type, resource_id, request_id
    FROM audit_events WHERE id = NEW.event_id
    ON CONFLICT DO NOTHING;
END;

-- A row goes with its event, which goes only when an archive holds it.
DROP TRIGGER IF EXISTS audit_events_lookup;
CREATE TRIGGER audit_events_lookup AFTER DELETE ON audit_events
BEGIN
    DELETE FROM audit_lookup WHERE seq = (SELECT seq FROM audit_leaves WHERE event_id = OLD.id);
END;
DROP TRIGGER IF EXISTS audit_lookup_no_delete;
CREATE TRIGGER audit_lookup_no_delete BEFORE DELETE ON audit_lookup
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = OLD.event_id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_lookup_no_update;
CREATE TRIGGER audit_lookup_no_update BEFORE UPDATE ON audit_lookup
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- INSERT OR REPLACE deletes without firing a delete trigger.
DROP TRIGGER IF EXISTS audit_lookup_no_replace;
CREATE TRIGGER audit_lookup_no_replace BEFORE INSERT ON audit_lookup
WHEN EXISTS (SELECT 1 FROM audit_lookup WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(IGNORE);
END;

DROP INDEX IF EXISTS audit_events_category_idx;
DROP INDEX IF EXISTS audit_events_resource_idx;
DROP INDEX IF EXISTS audit_events_actor_idx;
DROP INDEX IF EXISTS audit_events_action_idx;
DROP INDEX IF EXISTS audit_events_request_id_idx;
