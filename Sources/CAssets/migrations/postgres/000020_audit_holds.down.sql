-- Data loss: legal holds, which then no longer keep events from retention, and acknowledgements of divergences.

DROP TRIGGER IF EXISTS audit_events_held ON audit_events;
DROP TABLE IF EXISTS audit_breaks;
DROP TABLE IF EXISTS audit_holds;
DROP FUNCTION IF EXISTS audit_refuse_break_change();
DROP FUNCTION IF EXISTS audit_refuse_hold_change();
DROP FUNCTION IF EXISTS audit_refuse_held();
