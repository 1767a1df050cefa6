-- Four-eyes approvals of more kinds, bound to the exact request by a digest; whose key may approve.

ALTER TABLE issuance_approval_requests
    ADD COLUMN IF NOT EXISTS payload_digest TEXT,
    ADD COLUMN IF NOT EXISTS requested_by_principal TEXT,
    ADD COLUMN IF NOT EXISTS decided_by_type TEXT,
    ADD COLUMN IF NOT EXISTS resume_status TEXT,
    ADD COLUMN IF NOT EXISTS expires_at TIMESTAMPTZ;

-- The profile is no foreign key any more: an approval may be about one that is yet to be made, and outlives one that it
-- let go.
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_profile_fkey;
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'issuance_approval_requests'
            AND column_name = 'profile_id' AND is_nullable = 'NO'
    ) THEN
        ALTER TABLE issuance_approval_requests ALTER COLUMN profile_id DROP NOT NULL;
    END IF;
END
$$;

ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_kind_enum;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_kind_shape;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_kind_enum'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_kind_enum
            CHECK (approval_kind IN ('cert_issuance', 'profile_edit', 'role_grant', 'bulk_revoke', 'ca_ceremony'));
    END IF;
END
$$;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_kind_shape'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_kind_shape
            CHECK (
                (approval_kind <> 'cert_issuance'
                    OR (certificate_id IS NOT NULL AND job_id IS NOT NULL AND profile_id IS NOT NULL))
                AND (approval_kind = 'cert_issuance'
                    OR (payload IS NOT NULL AND certificate_id IS NULL AND job_id IS NULL AND resume_status IS NULL))
                AND (approval_kind <> 'profile_edit' OR profile_id IS NOT NULL)
                AND (approval_kind IN ('cert_issuance', 'profile_edit')
                    OR (profile_id IS NULL AND payload_digest IS NOT NULL))
            );
    END IF;
END
$$;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_digest_form'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_digest_form
            CHECK (
                payload_digest IS NULL OR (payload IS NOT NULL AND payload_digest ~ '^[0-9a-f]{64}$')
            );
    END IF;
END
$$;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_resume_enum'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_resume_enum
            CHECK (resume_status IS NULL OR resume_status IN ('Pending', 'AwaitingCSR'));
    END IF;
END
$$;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_decider_type_enum'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_decider_type_enum
            CHECK (
                decided_by_type IS NULL
                OR decided_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')
            );
    END IF;
END
$$;

CREATE UNIQUE INDEX IF NOT EXISTS issuance_approval_requests_pending_act_key
    ON issuance_approval_requests (approval_kind, payload_digest)
    WHERE state = 'pending' AND approval_kind IN ('role_grant', 'bulk_revoke', 'ca_ceremony');
CREATE INDEX IF NOT EXISTS issuance_approval_requests_pending_idx
    ON issuance_approval_requests (created_at) WHERE state = 'pending';

-- What was asked for stays what was asked for: the decision is about the very payload that the approver read.
CREATE OR REPLACE FUNCTION approval_refuse_new_subject() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the subject of an approval never changes' USING ERRCODE = 'check_violation';
END
$$;

DROP TRIGGER IF EXISTS issuance_approval_requests_subject ON issuance_approval_requests;
CREATE TRIGGER issuance_approval_requests_subject BEFORE UPDATE ON issuance_approval_requests
    FOR EACH ROW WHEN (
        OLD.approval_kind IS DISTINCT FROM NEW.approval_kind
        OR OLD.certificate_id IS DISTINCT FROM NEW.certificate_id
        OR OLD.job_id IS DISTINCT FROM NEW.job_id
        OR OLD.profile_id IS DISTINCT FROM NEW.profile_id
        OR OLD.requested_by IS DISTINCT FROM NEW.requested_by
        OR OLD.requested_by_principal IS DISTINCT FROM NEW.requested_by_principal
        OR OLD.payload IS DISTINCT FROM NEW.payload
        OR OLD.payload_digest IS DISTINCT FROM NEW.payload_digest
    ) EXECUTE FUNCTION approval_refuse_new_subject();

-- Who a key belongs to, and whether it may approve. A key without a row belongs to itself and approves nothing.
CREATE TABLE IF NOT EXISTS api_key_custody (
    api_key_id TEXT NOT NULL,
    owner_user_id TEXT,
    may_approve BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT api_key_custody_pkey PRIMARY KEY (api_key_id),
    CONSTRAINT api_key_custody_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT api_key_custody_owner_length
        CHECK (owner_user_id IS NULL OR length(owner_user_id) BETWEEN 1 AND 255)
);
CREATE INDEX IF NOT EXISTS api_key_custody_owner_idx
    ON api_key_custody (owner_user_id) WHERE owner_user_id IS NOT NULL;

-- Who was shown the value of a key, at its creation or at a rotation by somebody else.
CREATE TABLE IF NOT EXISTS api_key_handovers (
    api_key_id TEXT NOT NULL,
    handed_to TEXT NOT NULL,
    handed_to_type TEXT NOT NULL,
    handed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT api_key_handovers_pkey PRIMARY KEY (api_key_id, handed_to_type, handed_to, handed_at),
    CONSTRAINT api_key_handovers_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT api_key_handovers_receiver_length CHECK (length(handed_to) BETWEEN 1 AND 255),
    CONSTRAINT api_key_handovers_receiver_type_enum
        CHECK (handed_to_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol'))
);
CREATE INDEX IF NOT EXISTS api_key_handovers_receiver_idx ON api_key_handovers (handed_to, handed_at);
