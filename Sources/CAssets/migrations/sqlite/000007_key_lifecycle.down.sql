ALTER TABLE api_keys DROP COLUMN bound_agent_id;
ALTER TABLE api_keys DROP COLUMN allowed_cidrs;
ALTER TABLE api_keys DROP COLUMN disabled_at;
ALTER TABLE api_keys DROP COLUMN managed_by;
