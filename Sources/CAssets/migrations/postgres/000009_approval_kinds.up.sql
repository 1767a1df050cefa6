-- Approvals have a kind: an issuance names certificate and job, an edit of a profile carries the proposed profile.

ALTER TABLE issuance_approval_requests
    ADD COLUMN IF NOT EXISTS approval_kind TEXT NOT NULL DEFAULT 'cert_issuance',
    ADD COLUMN IF NOT EXISTS payload JSONB;

DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'issuance_approval_requests'
            AND column_name = 'certificate_id' AND is_nullable = 'NO'
    ) THEN
        ALTER TABLE issuance_approval_requests ALTER COLUMN certificate_id DROP NOT NULL;
    END IF;
END
$$;
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'issuance_approval_requests'
            AND column_name = 'job_id' AND is_nullable = 'NO'
    ) THEN
        ALTER TABLE issuance_approval_requests ALTER COLUMN job_id DROP NOT NULL;
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_kind_enum'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_kind_enum
            CHECK (approval_kind IN ('cert_issuance', 'profile_edit')) NOT VALID;
    END IF;
END
$$;
ALTER TABLE issuance_approval_requests VALIDATE CONSTRAINT issuance_approval_requests_kind_enum;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_kind_shape'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_kind_shape
            CHECK (
                (approval_kind <> 'cert_issuance' OR (certificate_id IS NOT NULL AND job_id IS NOT NULL))
                AND (approval_kind <> 'profile_edit'
                    OR (payload IS NOT NULL AND certificate_id IS NULL AND job_id IS NULL))
            ) NOT VALID;
    END IF;
END
$$;
ALTER TABLE issuance_approval_requests VALIDATE CONSTRAINT issuance_approval_requests_kind_shape;

-- One open proposal for each profile.
CREATE UNIQUE INDEX IF NOT EXISTS issuance_approval_requests_pending_edit_key
    ON issuance_approval_requests (profile_id) WHERE state = 'pending' AND approval_kind = 'profile_edit';
