-- Sign-in of people: local users, break-glass credentials, browser sessions and the keys that sign their cookies.

CREATE TABLE IF NOT EXISTS users (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    email TEXT NOT NULL DEFAULT '',
    display_name TEXT NOT NULL DEFAULT '',
    last_login_at INTEGER,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    deactivated_at INTEGER,
    purged_at INTEGER,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT users_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT users_email_length CHECK (length(email) <= 320),
    CONSTRAINT users_display_name_length CHECK (length(display_name) <= 255),
    CONSTRAINT users_purged_shape CHECK (purged_at IS NULL OR deactivated_at IS NOT NULL)
) STRICT;
CREATE INDEX IF NOT EXISTS users_purge_idx
    ON users (deactivated_at) WHERE deactivated_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE IF NOT EXISTS breakglass_credentials (
    actor_id TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    totp_secret_encrypted BLOB,
    totp_last_step INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    last_password_change_at INTEGER NOT NULL
        DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    failure_count INTEGER NOT NULL DEFAULT 0,
    lock_count INTEGER NOT NULL DEFAULT 0,
    last_failure_at INTEGER,
    locked_until INTEGER,
    set_by TEXT NOT NULL,
    set_by_type TEXT NOT NULL,
    CONSTRAINT breakglass_credentials_pkey PRIMARY KEY (actor_id),
    CONSTRAINT breakglass_credentials_user_fkey FOREIGN KEY (actor_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT breakglass_credentials_hash_form CHECK (substr(password_hash, 1, 10) = '$argon2id$'),
    CONSTRAINT breakglass_credentials_set_by_type_enum
        CHECK (set_by_type IN ('User', 'System', 'APIKey')),
    CONSTRAINT breakglass_credentials_counts CHECK (failure_count >= 0 AND lock_count >= 0 AND totp_last_step >= 0)
) STRICT;

CREATE TABLE IF NOT EXISTS session_signing_keys (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    key_material_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    retired_at INTEGER,
    CONSTRAINT session_signing_keys_pkey PRIMARY KEY (id),
    CONSTRAINT session_signing_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT session_signing_keys_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128)
) STRICT;
-- One key signs; of two replicas that rotate at once, one wins.
CREATE UNIQUE INDEX IF NOT EXISTS session_signing_keys_current_key
    ON session_signing_keys (tenant_id) WHERE retired_at IS NULL;

-- The id is the handle that people see; the cookie holds another one, of which only the hash is here.
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    id_hash BLOB NOT NULL,
    previous_id_hash BLOB,
    previous_until INTEGER,
    actor_id TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    credential_id TEXT,
    signing_key_id TEXT NOT NULL,
    csrf_token_hash BLOB NOT NULL,
    previous_csrf_token_hash BLOB,
    csrf_rotated_at INTEGER NOT NULL,
    rotation_due INTEGER NOT NULL DEFAULT FALSE,
    ip_address TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    last_seen_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revoke_cause TEXT,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_id_hash_key UNIQUE (id_hash),
    CONSTRAINT sessions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT sessions_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT sessions_id_hash_length CHECK (length(id_hash) = 32),
    CONSTRAINT sessions_csrf_hash_length CHECK (length(csrf_token_hash) = 32),
    CONSTRAINT sessions_actor_type_enum CHECK (actor_type IN ('User', 'APIKey')),
    CONSTRAINT sessions_auth_method_enum CHECK (auth_method IN ('api_key', 'breakglass', 'oidc', 'passkey')),
    CONSTRAINT sessions_rotation_due_bool CHECK (rotation_due IN (0, 1)),
    CONSTRAINT sessions_revoked_shape CHECK ((revoked_at IS NULL) = (revoke_cause IS NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS sessions_previous_id_hash_key
    ON sessions (previous_id_hash) WHERE previous_id_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_actor_idx ON sessions (actor_id, actor_type);
CREATE INDEX IF NOT EXISTS sessions_credential_idx ON sessions (credential_id) WHERE credential_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_end_idx ON sessions (absolute_expires_at);

-- Whether a key opens a browser session; one without a row does.
-- certctl:unless-column api_key_custody.may_not_login
ALTER TABLE api_key_custody ADD COLUMN may_not_login INTEGER NOT NULL DEFAULT FALSE
    CONSTRAINT api_key_custody_may_not_login_bool CHECK (may_not_login IN (0, 1));
