-- No data is lost.

DROP INDEX IF EXISTS issuance_approval_requests_requested_by_idx;
DROP INDEX IF EXISTS issuance_approval_requests_created_at_idx;
