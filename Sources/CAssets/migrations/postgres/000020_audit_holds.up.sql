-- Legal holds, which keep events in the database whatever retention says, and the divergences that verifications
-- found, until somebody acknowledges them.

CREATE TABLE IF NOT EXISTS audit_holds (
    id TEXT NOT NULL,
    since TIMESTAMPTZ,
    until TIMESTAMPTZ,
    reason TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at TIMESTAMPTZ NOT NULL,
    released_by TEXT,
    released_at TIMESTAMPTZ,
    CONSTRAINT audit_holds_pkey PRIMARY KEY (id),
    CONSTRAINT audit_holds_range CHECK (since IS NULL OR until IS NULL OR until > since),
    CONSTRAINT audit_holds_reason_length CHECK (length(reason) BETWEEN 1 AND 1024),
    CONSTRAINT audit_holds_release_shape CHECK ((released_by IS NULL) = (released_at IS NULL))
);
CREATE INDEX IF NOT EXISTS audit_holds_active_idx ON audit_holds (placed_at) WHERE released_at IS NULL;

CREATE TABLE IF NOT EXISTS audit_breaks (
    number BIGINT NOT NULL,
    divergence TEXT NOT NULL,
    detected_at TIMESTAMPTZ NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at TIMESTAMPTZ,
    reason TEXT,
    CONSTRAINT audit_breaks_pkey PRIMARY KEY (number),
    CONSTRAINT audit_breaks_acknowledgement_shape CHECK (
        (acknowledged_by IS NULL) = (acknowledged_at IS NULL) AND (acknowledged_by IS NULL) = (reason IS NULL)
    )
);

CREATE OR REPLACE FUNCTION audit_refuse_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit_holds h
        WHERE h.released_at IS NULL AND (h.since IS NULL OR OLD.timestamp >= h.since)
            AND (h.until IS NULL OR OLD.timestamp < h.until)
    ) THEN
        RAISE EXCEPTION 'the audit event is under a legal hold' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
END
$$;
DROP TRIGGER IF EXISTS audit_events_held ON audit_events;
CREATE TRIGGER audit_events_held BEFORE DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_held();

-- A hold is released once and a divergence acknowledged once; nothing else of them ever changes.
CREATE OR REPLACE FUNCTION audit_refuse_hold_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.released_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.since IS DISTINCT FROM OLD.since
        OR NEW.until IS DISTINCT FROM OLD.until OR NEW.reason <> OLD.reason OR NEW.placed_by <> OLD.placed_by
        OR NEW.placed_at <> OLD.placed_at
    THEN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION audit_refuse_break_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.acknowledged_at IS NOT NULL OR NEW.number <> OLD.number OR NEW.divergence <> OLD.divergence
        OR NEW.detected_at <> OLD.detected_at
    THEN
        RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
DROP TRIGGER IF EXISTS audit_holds_no_change ON audit_holds;
CREATE TRIGGER audit_holds_no_change BEFORE UPDATE ON audit_holds
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_hold_change();
DROP TRIGGER IF EXISTS audit_holds_no_delete ON audit_holds;
CREATE TRIGGER audit_holds_no_delete BEFORE DELETE ON audit_holds
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_holds_no_truncate ON audit_holds;
CREATE TRIGGER audit_holds_no_truncate BEFORE TRUNCATE ON audit_holds
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_breaks_no_change ON audit_breaks;
CREATE TRIGGER audit_breaks_no_change BEFORE UPDATE ON audit_breaks
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_break_change();
DROP TRIGGER IF EXISTS audit_breaks_no_delete ON audit_breaks;
CREATE TRIGGER audit_breaks_no_delete BEFORE DELETE ON audit_breaks
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
DROP TRIGGER IF EXISTS audit_breaks_no_truncate ON audit_breaks;
CREATE TRIGGER audit_breaks_no_truncate BEFORE TRUNCATE ON audit_breaks
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
