-- Data loss: approvals of grants, revocations and profiles that are gone, what approvals are bound to, who owns each
-- API key, and which keys may approve.

DROP TABLE IF EXISTS api_key_handovers;
DROP TABLE IF EXISTS api_key_custody;
DROP TRIGGER IF EXISTS issuance_approval_requests_subject ON issuance_approval_requests;
DROP FUNCTION IF EXISTS approval_refuse_new_subject();
DELETE FROM issuance_approval_requests
WHERE approval_kind NOT IN ('cert_issuance', 'profile_edit') OR profile_id IS NULL
    OR profile_id NOT IN (SELECT id FROM certificate_profiles);
DROP INDEX IF EXISTS issuance_approval_requests_pending_idx;
DROP INDEX IF EXISTS issuance_approval_requests_pending_act_key;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_decider_type_enum;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_resume_enum;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_digest_form;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_kind_shape;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_kind_enum;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_kind_enum'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_kind_enum
            CHECK (approval_kind IN ('cert_issuance', 'profile_edit'));
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
                (approval_kind <> 'cert_issuance' OR (certificate_id IS NOT NULL AND job_id IS NOT NULL))
                AND (approval_kind <> 'profile_edit'
                    OR (payload IS NOT NULL AND certificate_id IS NULL AND job_id IS NULL))
            );
    END IF;
END
$$;
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'issuance_approval_requests'
            AND column_name = 'profile_id' AND is_nullable = 'YES'
    ) THEN
        ALTER TABLE issuance_approval_requests ALTER COLUMN profile_id SET NOT NULL;
    END IF;
END
$$;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_profile_fkey'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_profile_fkey
            FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT;
    END IF;
END
$$;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS expires_at;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS resume_status;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS decided_by_type;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS requested_by_principal;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS payload_digest;
