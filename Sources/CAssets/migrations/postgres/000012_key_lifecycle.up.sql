-- API keys: who manages them, keys that are switched off, where they may be used from, and which agent a key of an
-- earlier fleet belongs to.

ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS managed_by TEXT NOT NULL DEFAULT 'api';
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS disabled_at TIMESTAMPTZ;
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS allowed_cidrs JSONB NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS bound_agent_id TEXT;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'api_keys_managed_by_enum' AND conrelid = 'api_keys'::regclass
    ) THEN
        ALTER TABLE api_keys ADD CONSTRAINT api_keys_managed_by_enum CHECK (managed_by IN ('api', 'env'));
    END IF;
END
$$;
