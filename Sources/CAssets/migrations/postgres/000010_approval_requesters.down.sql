-- Data loss: the kind of the actor who asked, and the revision that an edit was made against.

ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_base_shape;
ALTER TABLE issuance_approval_requests DROP CONSTRAINT IF EXISTS issuance_approval_requests_requester_type_enum;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS base_updated_at;
ALTER TABLE issuance_approval_requests DROP COLUMN IF EXISTS requested_by_type;
