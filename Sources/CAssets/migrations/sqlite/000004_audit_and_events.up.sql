-- The append-only audit trail, its leaves (filled by the sequencer), and the outbox of events.

CREATE TABLE IF NOT EXISTS audit_events (
    id TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    details TEXT NOT NULL DEFAULT '{}',
    timestamp INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    event_category TEXT NOT NULL DEFAULT 'cert_lifecycle',
    outcome TEXT NOT NULL DEFAULT 'success',
    reason TEXT,
    request_id TEXT,
    credential_id TEXT,
    client_ip TEXT,
    channel TEXT,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    CONSTRAINT audit_events_pkey PRIMARY KEY (id),
    CONSTRAINT audit_events_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT audit_events_actor_length CHECK (length(actor) BETWEEN 1 AND 255),
    CONSTRAINT audit_events_actor_type_enum
        CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT audit_events_category_enum CHECK (event_category IN ('cert_lifecycle', 'auth', 'config')),
    CONSTRAINT audit_events_outcome_enum CHECK (outcome IN ('success', 'denied', 'error')),
    CONSTRAINT audit_events_details_json CHECK (json_valid(details))
) STRICT;
CREATE INDEX IF NOT EXISTS audit_events_timestamp_idx ON audit_events (timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_category_idx ON audit_events (event_category, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_resource_idx
    ON audit_events (resource_type, resource_id, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_actor_idx ON audit_events (actor, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_action_idx ON audit_events (action, timestamp DESC, id DESC);
CREATE INDEX IF NOT EXISTS audit_events_request_id_idx ON audit_events (request_id) WHERE request_id IS NOT NULL;

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
DROP TRIGGER IF EXISTS audit_events_no_update;
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_events_no_delete;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
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
-- INSERT OR REPLACE deletes without firing a delete trigger.
DROP TRIGGER IF EXISTS audit_events_no_replace;
CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
-- INSERT OR REPLACE deletes without firing a delete trigger.
DROP TRIGGER IF EXISTS audit_leaves_no_replace;
CREATE TRIGGER audit_leaves_no_replace BEFORE INSERT ON audit_leaves
WHEN EXISTS (SELECT 1 FROM audit_leaves WHERE seq = NEW.seq OR event_id = NEW.event_id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    commit_epoch INTEGER NOT NULL DEFAULT 0,
    type TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    time INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    data TEXT NOT NULL DEFAULT '{}',
    CONSTRAINT events_type_form CHECK (length(type) BETWEEN 3 AND 100),
    CONSTRAINT events_actor_type_enum CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT events_data_json CHECK (json_valid(data))
) STRICT;
CREATE INDEX IF NOT EXISTS events_position_idx ON events (commit_epoch, seq);
CREATE INDEX IF NOT EXISTS events_time_idx ON events (time);

-- Events whose order is final: whatever commits later sorts after every row shown here, so that a reader who
-- remembers the last position misses nothing. SQLite commits in the order of `seq`.
DROP VIEW IF EXISTS settled_events;
CREATE VIEW settled_events AS
    SELECT seq, commit_epoch, type, resource_type, subject, actor, actor_type, time, data
    FROM events;
