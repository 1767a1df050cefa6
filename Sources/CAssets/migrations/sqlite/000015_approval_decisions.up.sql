-- Four-eyes approvals of more kinds, bound to the exact request by a digest; whose key may approve.

-- SQLite cannot change a CHECK, hence a rebuild (docs/development/migrations.md). The profile is no foreign key any
-- more: an approval may be about one that is yet to be made, and outlives one that it let go.
-- certctl:unless-column issuance_approval_requests.payload_digest
CREATE TABLE IF NOT EXISTS approval_requests_rebuild (
    id TEXT NOT NULL,
    certificate_id TEXT,
    job_id TEXT,
    profile_id TEXT,
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
    payload_digest TEXT,
    requested_by_principal TEXT,
    decided_by_type TEXT,
    resume_status TEXT,
    expires_at INTEGER,
    CONSTRAINT issuance_approval_requests_pkey PRIMARY KEY (id),
    CONSTRAINT issuance_approval_requests_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE,
    CONSTRAINT issuance_approval_requests_job_fkey FOREIGN KEY (job_id) REFERENCES jobs (id) ON DELETE CASCADE,
    CONSTRAINT issuance_approval_requests_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT issuance_approval_requests_requester_length CHECK (length(requested_by) BETWEEN 1 AND 255),
    CONSTRAINT issuance_approval_requests_state_enum
        CHECK (state IN ('pending', 'approved', 'rejected', 'expired')),
    CONSTRAINT issuance_approval_requests_decision_shape CHECK (
        (state = 'pending') = (decided_at IS NULL) AND (state <> 'pending' OR decided_by IS NULL)
    ),
    CONSTRAINT issuance_approval_requests_kind_enum
        CHECK (approval_kind IN ('cert_issuance', 'profile_edit', 'role_grant', 'bulk_revoke', 'ca_ceremony')),
    CONSTRAINT issuance_approval_requests_kind_shape CHECK (
        (approval_kind <> 'cert_issuance'
            OR (certificate_id IS NOT NULL AND job_id IS NOT NULL AND profile_id IS NOT NULL))
        AND (approval_kind = 'cert_issuance'
            OR (payload IS NOT NULL AND certificate_id IS NULL AND job_id IS NULL AND resume_status IS NULL))
        AND (approval_kind <> 'profile_edit' OR profile_id IS NOT NULL)
        AND (approval_kind IN ('cert_issuance', 'profile_edit')
            OR (profile_id IS NULL AND payload_digest IS NOT NULL))
    ),
    CONSTRAINT issuance_approval_requests_digest_form CHECK (
        payload_digest IS NULL
        OR (payload IS NOT NULL AND length(payload_digest) = 64 AND payload_digest NOT GLOB '*[^0-9a-f]*')
    ),
    CONSTRAINT issuance_approval_requests_resume_enum
        CHECK (resume_status IS NULL OR resume_status IN ('Pending', 'AwaitingCSR')),
    CONSTRAINT issuance_approval_requests_decider_type_enum CHECK (
        decided_by_type IS NULL OR decided_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')
    ),
    CONSTRAINT issuance_approval_requests_metadata_json CHECK (json_valid(metadata)),
    CONSTRAINT issuance_approval_requests_payload_json CHECK (payload IS NULL OR json_valid(payload))
) STRICT;
-- certctl:unless-column issuance_approval_requests.payload_digest
INSERT INTO approval_requests_rebuild (
    id, certificate_id, job_id, profile_id, requested_by, state, decided_by, decided_at, decision_note, metadata,
    row_version, created_at, updated_at, approval_kind, payload, requested_by_type, base_updated_at
) SELECT
    id, certificate_id, job_id, profile_id, requested_by, state, decided_by, decided_at, decision_note, metadata,
    row_version, created_at, updated_at, approval_kind, payload, requested_by_type, base_updated_at
FROM issuance_approval_requests WHERE TRUE ON CONFLICT DO NOTHING;
-- certctl:unless-column issuance_approval_requests.payload_digest
DROP TABLE IF EXISTS issuance_approval_requests;
-- certctl:unless-column issuance_approval_requests.payload_digest
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
CREATE UNIQUE INDEX IF NOT EXISTS issuance_approval_requests_pending_act_key
    ON issuance_approval_requests (approval_kind, payload_digest)
    WHERE state = 'pending' AND approval_kind IN ('role_grant', 'bulk_revoke', 'ca_ceremony');
CREATE INDEX IF NOT EXISTS issuance_approval_requests_pending_idx
    ON issuance_approval_requests (created_at) WHERE state = 'pending';
DROP TRIGGER IF EXISTS issuance_approval_requests_decided;
CREATE TRIGGER issuance_approval_requests_decided BEFORE UPDATE ON issuance_approval_requests
WHEN OLD.state <> 'pending'
BEGIN
    SELECT RAISE(ABORT, 'a decided approval never changes');
END;

-- What was asked for stays what was asked for: the decision is about the very payload that the approver read.
DROP TRIGGER IF EXISTS issuance_approval_requests_subject;
CREATE TRIGGER issuance_approval_requests_subject BEFORE UPDATE ON issuance_approval_requests
WHEN OLD.approval_kind IS NOT NEW.approval_kind
    OR OLD.certificate_id IS NOT NEW.certificate_id
    OR OLD.job_id IS NOT NEW.job_id
    OR OLD.profile_id IS NOT NEW.profile_id
    OR OLD.requested_by IS NOT NEW.requested_by
    OR OLD.requested_by_principal IS NOT NEW.requested_by_principal
    OR OLD.payload IS NOT NEW.payload
    OR OLD.payload_digest IS NOT NEW.payload_digest
BEGIN
    SELECT RAISE(ABORT, 'the subject of an approval never changes');
END;

-- Who a key belongs to, and whether it may approve. A key without a row belongs to itself and approves nothing.
CREATE TABLE IF NOT EXISTS api_key_custody (
    api_key_id TEXT NOT NULL,
    owner_user_id TEXT,
    may_approve INTEGER NOT NULL DEFAULT FALSE,
    CONSTRAINT api_key_custody_pkey PRIMARY KEY (api_key_id),
    CONSTRAINT api_key_custody_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT api_key_custody_owner_length
        CHECK (owner_user_id IS NULL OR length(owner_user_id) BETWEEN 1 AND 255),
    CONSTRAINT api_key_custody_may_approve_bool CHECK (may_approve IN (0, 1))
) STRICT;
CREATE INDEX IF NOT EXISTS api_key_custody_owner_idx
    ON api_key_custody (owner_user_id) WHERE owner_user_id IS NOT NULL;

-- Who was shown the value of a key, at its creation or at a rotation by somebody else.
CREATE TABLE IF NOT EXISTS api_key_handovers (
    api_key_id TEXT NOT NULL,
    handed_to TEXT NOT NULL,
    handed_to_type TEXT NOT NULL,
    handed_at INTEGER NOT NULL,
    CONSTRAINT api_key_handovers_pkey PRIMARY KEY (api_key_id, handed_to_type, handed_to, handed_at),
    CONSTRAINT api_key_handovers_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT api_key_handovers_receiver_length CHECK (length(handed_to) BETWEEN 1 AND 255),
    CONSTRAINT api_key_handovers_receiver_type_enum
        CHECK (handed_to_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol'))
) STRICT;
CREATE INDEX IF NOT EXISTS api_key_handovers_receiver_idx ON api_key_handovers (handed_to, handed_at);
