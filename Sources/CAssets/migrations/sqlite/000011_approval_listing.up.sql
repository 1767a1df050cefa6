-- Listing approvals, newest first, and by who asked.

CREATE INDEX IF NOT EXISTS issuance_approval_requests_created_at_idx
    ON issuance_approval_requests (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS issuance_approval_requests_requested_by_idx
    ON issuance_approval_requests (requested_by, created_at DESC, id DESC);
