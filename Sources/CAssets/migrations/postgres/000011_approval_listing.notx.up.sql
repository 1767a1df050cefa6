-- Listing approvals, newest first, and by who asked. Built beside running work, hence outside a transaction.
-- A build that was cut short leaves an invalid index behind, which IF NOT EXISTS would take for the real one.

DROP INDEX CONCURRENTLY IF EXISTS issuance_approval_requests_created_at_idx;
CREATE INDEX CONCURRENTLY IF NOT EXISTS issuance_approval_requests_created_at_idx
    ON issuance_approval_requests (created_at DESC, id DESC);
DROP INDEX CONCURRENTLY IF EXISTS issuance_approval_requests_requested_by_idx;
CREATE INDEX CONCURRENTLY IF NOT EXISTS issuance_approval_requests_requested_by_idx
    ON issuance_approval_requests (requested_by, created_at DESC, id DESC);
