-- Data loss: every approval with its decision.

DROP TABLE IF EXISTS issuance_approval_requests;
DROP FUNCTION IF EXISTS approval_refuse_change();
