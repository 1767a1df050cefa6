-- What kind of actor asked, and which revision of the profile an edit was made against.

ALTER TABLE issuance_approval_requests
    ADD COLUMN IF NOT EXISTS requested_by_type TEXT NOT NULL DEFAULT 'User',
    ADD COLUMN IF NOT EXISTS base_updated_at TIMESTAMPTZ;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_requester_type_enum'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_requester_type_enum
            CHECK (requested_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')) NOT VALID;
    END IF;
END
$$;
ALTER TABLE issuance_approval_requests VALIDATE CONSTRAINT issuance_approval_requests_requester_type_enum;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'issuance_approval_requests_base_shape'
            AND conrelid = 'issuance_approval_requests'::regclass
    ) THEN
        ALTER TABLE issuance_approval_requests ADD CONSTRAINT issuance_approval_requests_base_shape
            CHECK (base_updated_at IS NULL OR approval_kind = 'profile_edit') NOT VALID;
    END IF;
END
$$;
ALTER TABLE issuance_approval_requests VALIDATE CONSTRAINT issuance_approval_requests_base_shape;
