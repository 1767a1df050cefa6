-- What kind of actor asked, and which revision of the profile an edit was made against.

-- certctl:unless-column issuance_approval_requests.requested_by_type
ALTER TABLE issuance_approval_requests ADD COLUMN requested_by_type TEXT NOT NULL DEFAULT 'User'
    CONSTRAINT issuance_approval_requests_requester_type_enum
    CHECK (requested_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol'));
-- certctl:unless-column issuance_approval_requests.base_updated_at
ALTER TABLE issuance_approval_requests ADD COLUMN base_updated_at INTEGER
    CONSTRAINT issuance_approval_requests_base_shape
    CHECK (base_updated_at IS NULL OR approval_kind = 'profile_edit');
