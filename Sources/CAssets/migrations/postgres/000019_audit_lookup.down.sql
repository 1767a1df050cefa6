-- No data is lost: what events are looked up by stands in the events.

DROP TRIGGER IF EXISTS audit_leaves_lookup ON audit_leaves;
DROP TRIGGER IF EXISTS audit_events_lookup ON audit_events;
DROP FUNCTION IF EXISTS audit_lookup_follow();
DROP FUNCTION IF EXISTS audit_lookup_forget();
DROP TABLE IF EXISTS audit_lookup;
DROP FUNCTION IF EXISTS audit_refuse_lookup_loss();
DELETE FROM data_migrations WHERE name = 'audit_lookup';

CREATE INDEX IF NOT EXISTS audit_events_category_idx ON audit_events (event_category, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_resource_idx
    ON audit_events (resource_type, resource_id, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_actor_idx ON audit_events (actor, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_action_idx ON audit_events (action, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_request_id_idx ON audit_events (request_id) WHERE request_id IS NOT NULL;
