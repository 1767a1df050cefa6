-- API keys: who manages them, keys that are switched off, where they may be used from, and which agent a key of an
-- earlier fleet belongs to.

-- certctl:unless-column api_keys.managed_by
ALTER TABLE api_keys ADD COLUMN managed_by TEXT NOT NULL DEFAULT 'api'
    CONSTRAINT api_keys_managed_by_enum CHECK (managed_by IN ('api', 'env'));
-- certctl:unless-column api_keys.disabled_at
ALTER TABLE api_keys ADD COLUMN disabled_at INTEGER;
-- certctl:unless-column api_keys.allowed_cidrs
ALTER TABLE api_keys ADD COLUMN allowed_cidrs TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT api_keys_allowed_cidrs_json CHECK (json_valid(allowed_cidrs));
-- certctl:unless-column api_keys.bound_agent_id
ALTER TABLE api_keys ADD COLUMN bound_agent_id TEXT;
