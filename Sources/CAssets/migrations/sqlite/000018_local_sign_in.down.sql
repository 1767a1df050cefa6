-- Data loss: local users with their passwords, every session, and which API keys open no session.

DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS session_signing_keys;
DROP TABLE IF EXISTS breakglass_credentials;
DROP TABLE IF EXISTS users;

DROP TABLE IF EXISTS api_key_custody_rebuild;
CREATE TABLE IF NOT EXISTS api_key_custody_rebuild (
    api_key_id TEXT NOT NULL,
    owner_user_id TEXT,
    may_approve INTEGER NOT NULL DEFAULT FALSE,
    CONSTRAINT api_key_custody_pkey PRIMARY KEY (api_key_id),
    CONSTRAINT api_key_custody_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT api_key_custody_owner_length
        CHECK (owner_user_id IS NULL OR length(owner_user_id) BETWEEN 1 AND 255),
    CONSTRAINT api_key_custody_may_approve_bool CHECK (may_approve IN (0, 1))
) STRICT;
INSERT INTO api_key_custody_rebuild (api_key_id, owner_user_id, may_approve)
SELECT api_key_id, owner_user_id, may_approve FROM api_key_custody WHERE TRUE ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS api_key_custody;
ALTER TABLE api_key_custody_rebuild RENAME TO api_key_custody;
CREATE INDEX IF NOT EXISTS api_key_custody_owner_idx
    ON api_key_custody (owner_user_id) WHERE owner_user_id IS NOT NULL;
