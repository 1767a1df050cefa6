-- Data loss: who manages each API key, when it was switched off, from where it may be used, and its agent. A key that
-- was switched off or limited would work everywhere again, so it is revoked.

DROP TABLE IF EXISTS api_keys_rebuild;
CREATE TABLE IF NOT EXISTS api_keys_rebuild (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    token_id TEXT,
    key_hash TEXT NOT NULL,
    hash_alg TEXT NOT NULL DEFAULT 'hmac-sha256-v1',
    previous_token_id TEXT,
    previous_key_hash TEXT,
    previous_hash_alg TEXT,
    previous_expires_at INTEGER,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    admin INTEGER NOT NULL DEFAULT FALSE,
    created_by TEXT NOT NULL DEFAULT 'system',
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    expires_at INTEGER,
    last_used_at INTEGER,
    last_used_ip TEXT,
    revoked_at INTEGER,
    row_version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_token_id_key UNIQUE (token_id),
    CONSTRAINT api_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT api_keys_name_form
        CHECK (name GLOB '[A-Za-z0-9]*' AND name NOT GLOB '*[^A-Za-z0-9._-]*' AND length(name) <= 128),
    CONSTRAINT api_keys_key_hash_form CHECK (length(key_hash) = 64 AND key_hash NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT api_keys_hash_alg_enum CHECK (hash_alg IN ('sha256', 'hmac-sha256-v1')),
    CONSTRAINT api_keys_previous_hash_alg_enum
        CHECK (previous_hash_alg IS NULL OR previous_hash_alg IN ('sha256', 'hmac-sha256-v1')),
    CONSTRAINT api_keys_previous_shape CHECK (
        (previous_key_hash IS NULL) = (previous_hash_alg IS NULL)
        AND (previous_key_hash IS NULL) = (previous_expires_at IS NULL)
    ),
    CONSTRAINT api_keys_admin_bool CHECK (admin IN (0, 1))
) STRICT;
INSERT INTO api_keys_rebuild (
    id, name, token_id, key_hash, hash_alg, previous_token_id, previous_key_hash, previous_hash_alg,
    previous_expires_at, tenant_id, admin, created_by, created_at, updated_at, expires_at, last_used_at,
    last_used_ip, revoked_at, row_version
) SELECT
    held.id, held.name, held.token_id, held.key_hash, held.hash_alg, held.previous_token_id,
    held.previous_key_hash, held.previous_hash_alg, held.previous_expires_at, held.tenant_id, held.admin,
    held.created_by, held.created_at, held.updated_at, held.expires_at, held.last_used_at, held.last_used_ip,
    CASE WHEN (SELECT disabled_at FROM api_keys AS same WHERE same.id = held.id) IS NOT NULL
            OR (SELECT allowed_cidrs FROM api_keys AS same WHERE same.id = held.id) <> '[]'
            OR (SELECT bound_agent_id FROM api_keys AS same WHERE same.id = held.id) IS NOT NULL
        THEN coalesce(held.revoked_at, held.updated_at) ELSE held.revoked_at END,
    held.row_version
-- Where the inner table has these columns no more, the names mean the outer ones: a second run keeps every row.
FROM (SELECT NULL AS disabled_at, '[]' AS allowed_cidrs, NULL AS bound_agent_id) AS unlimited, api_keys AS held
WHERE TRUE ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS api_keys;
ALTER TABLE api_keys_rebuild RENAME TO api_keys;
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_name_key ON api_keys (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_previous_token_id_key
    ON api_keys (previous_token_id) WHERE previous_token_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_previous_key_hash_key
    ON api_keys (previous_key_hash) WHERE previous_key_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS api_keys_tenant_id_idx ON api_keys (tenant_id);
