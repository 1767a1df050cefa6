-- Data loss: the audit trail and the events. An installation that must keep its trail exports it first.

DROP VIEW IF EXISTS settled_events;
DROP TABLE IF EXISTS events;
DROP TABLE IF EXISTS audit_leaves;
DROP TABLE IF EXISTS audit_events;
DROP FUNCTION IF EXISTS audit_refuse_change();
