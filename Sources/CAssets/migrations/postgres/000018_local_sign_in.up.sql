-- Sign-in of people: local users, break-glass credentials, browser sessions and the keys that sign their cookies.

CREATE TABLE IF NOT EXISTS users (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    email TEXT NOT NULL DEFAULT '',
    display_name TEXT NOT NULL DEFAULT '',
    last_login_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    deactivated_at TIMESTAMPTZ,
    purged_at TIMESTAMPTZ,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT users_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT users_email_length CHECK (length(email) <= 320),
    CONSTRAINT users_display_name_length CHECK (length(display_name) <= 255),
    CONSTRAINT users_purged_shape CHECK (purged_at IS NULL OR deactivated_at IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS users_purge_idx
    ON users (deactivated_at) WHERE deactivated_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE IF NOT EXISTS breakglass_credentials (
    actor_id TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    totp_secret_encrypted BYTEA,
    totp_last_step BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_password_change_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    failure_count INTEGER NOT NULL DEFAULT 0,
    lock_count INTEGER NOT NULL DEFAULT 0,
    last_failure_at TIMESTAMPTZ,
    locked_until TIMESTAMPTZ,
    set_by TEXT NOT NULL,
    set_by_type TEXT NOT NULL,
    CONSTRAINT breakglass_credentials_pkey PRIMARY KEY (actor_id),
    CONSTRAINT breakglass_credentials_user_fkey FOREIGN KEY (actor_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT breakglass_credentials_hash_form CHECK (substr(password_hash, 1, 10) = '$argon2id$'),
    CONSTRAINT breakglass_credentials_set_by_type_enum
        CHECK (set_by_type IN ('User', 'System', 'APIKey')),
    CONSTRAINT breakglass_credentials_counts CHECK (failure_count >= 0 AND lock_count >= 0 AND totp_last_step >= 0)
);

CREATE TABLE IF NOT EXISTS session_signing_keys (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    key_material_encrypted BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    retired_at TIMESTAMPTZ,
    CONSTRAINT session_signing_keys_pkey PRIMARY KEY (id),
    CONSTRAINT session_signing_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT session_signing_keys_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$')
);
-- One key signs; of two replicas that rotate at once, one wins.
CREATE UNIQUE INDEX IF NOT EXISTS session_signing_keys_current_key
    ON session_signing_keys (tenant_id) WHERE retired_at IS NULL;

-- The id is the handle that people see; the cookie holds another one, of which only the hash is here.
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    id_hash BYTEA NOT NULL,
    previous_id_hash BYTEA,
    previous_until TIMESTAMPTZ,
    actor_id TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    auth_time TIMESTAMPTZ NOT NULL,
    credential_id TEXT,
    signing_key_id TEXT NOT NULL,
    csrf_token_hash BYTEA NOT NULL,
    previous_csrf_token_hash BYTEA,
    csrf_rotated_at TIMESTAMPTZ NOT NULL,
    rotation_due BOOLEAN NOT NULL DEFAULT FALSE,
    ip_address TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at TIMESTAMPTZ NOT NULL,
    idle_expires_at TIMESTAMPTZ NOT NULL,
    absolute_expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    revoke_cause TEXT,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_id_hash_key UNIQUE (id_hash),
    CONSTRAINT sessions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT sessions_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT sessions_id_hash_length CHECK (octet_length(id_hash) = 32),
    CONSTRAINT sessions_csrf_hash_length CHECK (octet_length(csrf_token_hash) = 32),
    CONSTRAINT sessions_actor_type_enum CHECK (actor_type IN ('User', 'APIKey')),
    CONSTRAINT sessions_auth_method_enum CHECK (auth_method IN ('api_key', 'breakglass', 'oidc', 'passkey')),
    CONSTRAINT sessions_revoked_shape CHECK ((revoked_at IS NULL) = (revoke_cause IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS sessions_previous_id_hash_key
    ON sessions (previous_id_hash) WHERE previous_id_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_actor_idx ON sessions (actor_id, actor_type);
CREATE INDEX IF NOT EXISTS sessions_credential_idx ON sessions (credential_id) WHERE credential_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_end_idx ON sessions (absolute_expires_at);

-- Whether a key opens a browser session; one without a row does.
ALTER TABLE api_key_custody ADD COLUMN IF NOT EXISTS may_not_login BOOLEAN NOT NULL DEFAULT FALSE;
