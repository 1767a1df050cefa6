ALTER TABLE api_keys DROP COLUMN IF EXISTS bound_agent_id;
ALTER TABLE api_keys DROP COLUMN IF EXISTS allowed_cidrs;
ALTER TABLE api_keys DROP COLUMN IF EXISTS disabled_at;
ALTER TABLE api_keys DROP COLUMN IF EXISTS managed_by;
