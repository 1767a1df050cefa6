-- Data loss: legal holds, which then no longer keep events from retention, and acknowledgements of divergences.

DROP TRIGGER IF EXISTS audit_events_held;
DROP TABLE IF EXISTS audit_breaks;
DROP TABLE IF EXISTS audit_holds;
