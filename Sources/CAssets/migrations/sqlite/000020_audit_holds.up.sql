-- Legal holds, which keep events in the database whatever retention says, and the divergences that verifications
-- found, until somebody acknowledges them.

CREATE TABLE IF NOT EXISTS audit_holds (
    id TEXT NOT NULL,
    since INTEGER,
    until INTEGER,
    reason TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    released_by TEXT,
    released_at INTEGER,
    CONSTRAINT audit_holds_pkey PRIMARY KEY (id),
    CONSTRAINT audit_holds_range CHECK (since IS NULL OR until IS NULL OR until > since),
    CONSTRAINT audit_holds_reason_length CHECK (length(reason) BETWEEN 1 AND 1024),
    CONSTRAINT audit_holds_release_shape CHECK ((released_by IS NULL) = (released_at IS NULL))
) STRICT;
CREATE INDEX IF NOT EXISTS audit_holds_active_idx ON audit_holds (placed_at) WHERE released_at IS NULL;

CREATE TABLE IF NOT EXISTS audit_breaks (
    number INTEGER NOT NULL,
    divergence TEXT NOT NULL,
    detected_at INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at INTEGER,
    reason TEXT,
    CONSTRAINT audit_breaks_pkey PRIMARY KEY (number),
    CONSTRAINT audit_breaks_acknowledgement_shape CHECK (
        (acknowledged_by IS NULL) = (acknowledged_at IS NULL) AND (acknowledged_by IS NULL) = (reason IS NULL)
    )
) STRICT;

DROP TRIGGER IF EXISTS audit_events_held;
CREATE TRIGGER audit_events_held BEFORE DELETE ON audit_events
WHEN EXISTS (
        SELECT 1 FROM audit_holds h
        WHERE h.released_at IS NULL AND (h.since IS NULL OR OLD.timestamp >= h.since)
            AND (h.until IS NULL OR OLD.timestamp < h.until)
)
BEGIN
    SELECT RAISE(ABORT, 'the audit event is under a legal hold');
END;

-- A hold is released once and a divergence acknowledged once; nothing else of them ever changes.
DROP TRIGGER IF EXISTS audit_holds_no_change;
CREATE TRIGGER audit_holds_no_change BEFORE UPDATE ON audit_holds
WHEN OLD.released_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.since IS NOT OLD.since OR NEW.until IS NOT OLD.until
    OR NEW.reason <> OLD.reason OR NEW.placed_by <> OLD.placed_by OR NEW.placed_at <> OLD.placed_at
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_breaks_no_change;
CREATE TRIGGER audit_breaks_no_change BEFORE UPDATE ON audit_breaks
WHEN OLD.acknowledged_at IS NOT NULL OR NEW.number <> OLD.number OR NEW.divergence <> OLD.divergence
    OR NEW.detected_at <> OLD.detected_at
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_holds_no_delete;
CREATE TRIGGER audit_holds_no_delete BEFORE DELETE ON audit_holds
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_holds_no_replace;
CREATE TRIGGER audit_holds_no_replace BEFORE INSERT ON audit_holds
WHEN EXISTS (SELECT 1 FROM audit_holds WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_breaks_no_delete;
CREATE TRIGGER audit_breaks_no_delete BEFORE DELETE ON audit_breaks
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
DROP TRIGGER IF EXISTS audit_breaks_no_replace;
CREATE TRIGGER audit_breaks_no_replace BEFORE INSERT ON audit_breaks
WHEN EXISTS (SELECT 1 FROM audit_breaks WHERE number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
