-- Data loss: who manages each API key, when it was switched off, from where it may be used, and its agent. A key that
-- was switched off or limited would work everywhere again, so it is revoked.

DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'api_keys' AND column_name = 'disabled_at'
    ) THEN
        UPDATE api_keys SET revoked_at = coalesce(revoked_at, updated_at)
        WHERE disabled_at IS NOT NULL OR allowed_cidrs <> '[]' OR bound_agent_id IS NOT NULL;
    END IF;
END
$$;
ALTER TABLE api_keys DROP COLUMN IF EXISTS bound_agent_id;
ALTER TABLE api_keys DROP COLUMN IF EXISTS allowed_cidrs;
ALTER TABLE api_keys DROP COLUMN IF EXISTS disabled_at;
ALTER TABLE api_keys DROP COLUMN IF EXISTS managed_by;
