-- Approvals of issuances: who asked, and who decided.

CREATE TABLE IF NOT EXISTS issuance_approval_requests (
    id TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    decided_by TEXT,
    decided_at TIMESTAMPTZ,
    decision_note TEXT,
    metadata JSONB NOT NULL DEFAULT '{}',
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT issuance_approval_requests_pkey PRIMARY KEY (id),
    CONSTRAINT issuance_approval_requests_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE,
    CONSTRAINT issuance_approval_requests_job_fkey FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE,
    CONSTRAINT issuance_approval_requests_profile_fkey
        FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT,
    CONSTRAINT issuance_approval_requests_id_form
        CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT issuance_approval_requests_requester_length CHECK (length(requested_by) BETWEEN 1 AND 255),
    CONSTRAINT issuance_approval_requests_state_enum
        CHECK (state IN ('pending', 'approved', 'rejected', 'expired')),
    CONSTRAINT issuance_approval_requests_decision_shape CHECK (
        (state = 'pending') = (decided_at IS NULL) AND (state <> 'pending' OR decided_by IS NULL)
    )
);
CREATE UNIQUE INDEX IF NOT EXISTS issuance_approval_requests_pending_job_key
    ON issuance_approval_requests (job_id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS issuance_approval_requests_certificate_id_idx
    ON issuance_approval_requests (certificate_id);
CREATE INDEX IF NOT EXISTS issuance_approval_requests_job_id_idx
    ON issuance_approval_requests (job_id);
CREATE INDEX IF NOT EXISTS issuance_approval_requests_profile_id_idx
    ON issuance_approval_requests (profile_id);

CREATE OR REPLACE FUNCTION approval_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a decided approval never changes' USING ERRCODE = 'check_violation';
END
$$;

DROP TRIGGER IF EXISTS issuance_approval_requests_decided ON issuance_approval_requests;
CREATE TRIGGER issuance_approval_requests_decided BEFORE UPDATE ON issuance_approval_requests
    FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION approval_refuse_change();
