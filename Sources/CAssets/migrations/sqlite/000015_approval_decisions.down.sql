-- Data loss: approvals of grants, revocations and profiles that are gone, what approvals are bound to, who owns each
-- API key, and which keys may approve.

DROP TABLE IF EXISTS api_key_handovers;
DROP TABLE IF EXISTS api_key_custody;
DROP TABLE IF EXISTS approval_requests_rebuild;
CREATE TABLE IF NOT EXISTS approval_requests_rebuild (
    id TEXT NOT NULL,
    certificate_id TEXT,
    job_id TEXT,
    profile_id TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    decided_by TEXT,
    decided_at INTEGER,
    decision_note TEXT,
    metadata TEXT NOT NULL DEFAULT '{}',
    row_version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    approval_kind TEXT NOT NULL DEFAULT 'cert_issuance',
    payload TEXT,
    requested_by_type TEXT NOT NULL DEFAULT 'User'
        CONSTRAINT issuance_approval_requests_requester_type_enum
        CHECK (requested_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    base_updated_at INTEGER
        CONSTRAINT issuance_approval_requests_base_shape
        CHECK (base_updated_at IS NULL OR approval_kind = 'profile_edit'),
    CONSTRAINT issuance_approval_requests_pkey PRIMARY KEY (id),
    CONSTRAINT issuance_approval_requests_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE,
    CONSTRAINT issuance_approval_requests_job_fkey FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE,
    CONSTRAINT issuance_approval_requests_profile_fkey
        FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT,
    CONSTRAINT issuance_approval_requests_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT issuance_approval_requests_requester_length CHECK (length(requested_by) BETWEEN 1 AND 255),
    CONSTRAINT issuance_approval_requests_state_enum
        CHECK (state IN ('pending', 'approved', 'rejected', 'expired')),
    CONSTRAINT issuance_approval_requests_decision_shape CHECK (
        (state = 'pending') = (decided_at IS NULL) AND (state <> 'pending' OR decided_by IS NULL)
    ),
    CONSTRAINT issuance_approval_requests_kind_enum CHECK (approval_kind IN ('cert_issuance', 'profile_edit')),
    CONSTRAINT issuance_approval_requests_kind_shape CHECK (
        (approval_kind <> 'cert_issuance' OR (certificate_id IS NOT NULL AND job_id IS NOT NULL))
        AND (approval_kind <> 'profile_edit'
            OR (payload IS NOT NULL AND certificate_id IS NULL AND job_id IS NULL))
    ),
    CONSTRAINT issuance_approval_requests_metadata_json CHECK (json_valid(metadata)),
    CONSTRAINT issuance_approval_requests_payload_json CHECK (payload IS NULL OR json_valid(payload))
) STRICT;
INSERT INTO approval_requests_rebuild (
    id, certificate_id, job_id, profile_id, requested_by, state, decided_by, decided_at, decision_note, metadata,
    row_version, created_at, updated_at, approval_kind, payload, requested_by_type, base_updated_at
) SELECT
    id, certificate_id, job_id, profile_id, requested_by, state, decided_by, decided_at, decision_note, metadata,
    row_version, created_at, updated_at, approval_kind, payload, requested_by_type, base_updated_at
FROM issuance_approval_requests
WHERE approval_kind IN ('cert_issuance', 'profile_edit') AND profile_id IN (SELECT p.id FROM certificate_profiles AS p)
ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS issuance_approval_requests;
ALTER TABLE approval_requests_rebuild RENAME TO issuance_approval_requests;
CREATE UNIQUE INDEX IF NOT EXISTS issuance_approval_requests_pending_job_key
    ON issuance_approval_requests (job_id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS issuance_approval_requests_certificate_id_idx
    ON issuance_approval_requests (certificate_id);
CREATE INDEX IF NOT EXISTS issuance_approval_requests_job_id_idx
    ON issuance_approval_requests (job_id);
CREATE INDEX IF NOT EXISTS issuance_approval_requests_profile_id_idx
    ON issuance_approval_requests (profile_id);
CREATE UNIQUE INDEX IF NOT EXISTS issuance_approval_requests_pending_edit_key
    ON issuance_approval_requests (profile_id) WHERE state = 'pending' AND approval_kind = 'profile_edit';
CREATE INDEX IF NOT EXISTS issuance_approval_requests_created_at_idx
    ON issuance_approval_requests (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS issuance_approval_requests_requested_by_idx
    ON issuance_approval_requests (requested_by, created_at DESC, id DESC);
DROP TRIGGER IF EXISTS issuance_approval_requests_decided;
CREATE TRIGGER issuance_approval_requests_decided BEFORE UPDATE ON issuance_approval_requests
WHEN OLD.state <> 'pending'
BEGIN
    SELECT RAISE(ABORT, 'a decided approval never changes');
END;
