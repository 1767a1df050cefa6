-- Data loss: every approval of an edit of a profile.

DELETE FROM issuance_approval_requests WHERE certificate_id IS NULL OR job_id IS NULL;
DROP INDEX IF EXISTS issuance_approval_requests_pending_edit_key;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_kind_shape;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_kind_enum;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS payload;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS approval_kind;
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'issuance_approval_requests'
            AND column_name = 'certificate_id' AND is_nullable = 'YES'
    ) THEN
        ALTER TABLE issuance_approval_requests ALTER COLUMN certificate_id SET NOT NULL;
    END IF;
END
$$;
DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'issuance_approval_requests'
            AND column_name = 'job_id' AND is_nullable = 'YES'
    ) THEN
        ALTER TABLE issuance_approval_requests ALTER COLUMN job_id SET NOT NULL;
    END IF;
END
$$;
