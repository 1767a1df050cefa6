-- The append-only audit trail, its leaves (filled by the sequencer), and the outbox of events.

CREATE TABLE IF NOT EXISTS audit_events (
    id TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    details JSONB NOT NULL DEFAULT '{}',
    timestamp TIMESTAMPTZ NOT NULL DEFAULT now(),
    event_category TEXT NOT NULL DEFAULT 'cert_lifecycle',
    outcome TEXT NOT NULL DEFAULT 'success',
    reason TEXT,
    request_id TEXT,
    credential_id TEXT,
    client_ip TEXT,
    channel TEXT,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    CONSTRAINT audit_events_pkey PRIMARY KEY (id),
    CONSTRAINT audit_events_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT audit_events_actor_length CHECK (length(actor) BETWEEN 1 AND 255),
    CONSTRAINT audit_events_actor_type_enum
        CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT audit_events_category_enum CHECK (event_category IN ('cert_lifecycle', 'auth', 'config')),
    CONSTRAINT audit_events_outcome_enum CHECK (outcome IN ('success', 'denied', 'error'))
);
CREATE INDEX IF NOT EXISTS audit_events_timestamp_idx ON audit_events (timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_category_idx ON audit_events (event_category, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_resource_idx
    ON audit_events (resource_type, resource_id, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_actor_idx ON audit_events (actor, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_action_idx ON audit_events (action, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_request_id_idx ON audit_events (request_id) WHERE request_id IS NOT NULL;

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

CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
END
$$;

DROP TRIGGER IF EXISTS audit_events_append_only ON audit_events;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_events_no_truncate ON audit_events;
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_leaves_append_only ON audit_leaves;
CREATE TRIGGER audit_leaves_append_only BEFORE UPDATE OR DELETE ON audit_leaves
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_leaves_no_truncate ON audit_leaves;
CREATE TRIGGER audit_leaves_no_truncate BEFORE TRUNCATE ON audit_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();

CREATE TABLE IF NOT EXISTS events (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    commit_epoch BIGINT NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    type TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    time TIMESTAMPTZ NOT NULL DEFAULT now(),
    data JSONB NOT NULL DEFAULT '{}',
    CONSTRAINT events_pkey PRIMARY KEY (seq),
    CONSTRAINT events_type_form CHECK (length(type) BETWEEN 3 AND 100),
    CONSTRAINT events_actor_type_enum CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol'))
);
CREATE INDEX IF NOT EXISTS events_position_idx ON events (commit_epoch, seq);
CREATE INDEX IF NOT EXISTS events_time_idx ON events (time);

-- Events whose order is final: whatever commits later sorts after every row shown here, so that a reader who
-- remembers the last position misses nothing. SQLite commits in the order of `seq`.
CREATE OR REPLACE VIEW settled_events AS
    SELECT seq, commit_epoch, type, resource_type, subject, actor, actor_type, time, data
    FROM events
    WHERE commit_epoch < pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
