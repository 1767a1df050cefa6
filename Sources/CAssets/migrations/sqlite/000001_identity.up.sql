-- Tenants, roles, permissions, grants, API keys and the latch of the first administrator.

CREATE TABLE IF NOT EXISTS tenants (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    CONSTRAINT tenants_pkey PRIMARY KEY (id),
    CONSTRAINT tenants_name_key UNIQUE (name),
    CONSTRAINT tenants_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT tenants_name_length CHECK (length(name) BETWEEN 1 AND 255)
) STRICT;

CREATE TABLE IF NOT EXISTS roles (
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    row_version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    CONSTRAINT roles_pkey PRIMARY KEY (id),
    CONSTRAINT roles_tenant_id_name_key UNIQUE (tenant_id, name),
    CONSTRAINT roles_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT roles_id_form CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT roles_name_length CHECK (length(name) BETWEEN 1 AND 255)
) STRICT;

CREATE TABLE IF NOT EXISTS permissions (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    namespace TEXT NOT NULL,
    CONSTRAINT permissions_pkey PRIMARY KEY (id),
    CONSTRAINT permissions_name_key UNIQUE (name),
    CONSTRAINT permissions_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128)
) STRICT;

CREATE TABLE IF NOT EXISTS role_permissions (
    id INTEGER NOT NULL,
    role_id TEXT NOT NULL,
    permission_id TEXT NOT NULL,
    scope_type TEXT NOT NULL DEFAULT 'global',
    scope_id TEXT,
    CONSTRAINT role_permissions_pkey PRIMARY KEY (id),
    CONSTRAINT role_permissions_role_fkey FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE,
    CONSTRAINT role_permissions_permission_fkey
        FOREIGN KEY (permission_id) REFERENCES permissions (id) ON DELETE RESTRICT,
    CONSTRAINT role_permissions_scope_type_enum CHECK (scope_type IN ('global', 'profile', 'issuer')),
    CONSTRAINT role_permissions_scope_shape CHECK ((scope_type = 'global') = (scope_id IS NULL)),
    CONSTRAINT role_permissions_scope_id_form CHECK (
        scope_id IS NULL OR (scope_id GLOB '[A-Za-z0-9]*'
            AND scope_id NOT GLOB '*[^A-Za-z0-9._-]*'
            AND length(scope_id) <= 128)
    )
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS role_permissions_grant_key
    ON role_permissions (role_id, permission_id, scope_type, COALESCE(scope_id, ''));
CREATE INDEX IF NOT EXISTS role_permissions_permission_id_idx ON role_permissions (permission_id);

CREATE TABLE IF NOT EXISTS actor_roles (
    id TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    role_id TEXT NOT NULL,
    granted_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    expires_at INTEGER,
    granted_by TEXT NOT NULL DEFAULT 'system',
    source TEXT NOT NULL DEFAULT 'manual',
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    CONSTRAINT actor_roles_pkey PRIMARY KEY (id),
    CONSTRAINT actor_roles_actor_role_key UNIQUE (actor_id, actor_type, role_id, tenant_id),
    CONSTRAINT actor_roles_role_fkey FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE RESTRICT,
    CONSTRAINT actor_roles_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT actor_roles_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT actor_roles_actor_length CHECK (length(actor_id) BETWEEN 1 AND 255),
    CONSTRAINT actor_roles_actor_type_enum
        CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT actor_roles_source_enum
        CHECK (source IN ('manual', 'env', 'bootstrap', 'oidc', 'scim', 'elevation'))
) STRICT;
CREATE INDEX IF NOT EXISTS actor_roles_role_id_idx ON actor_roles (role_id);
CREATE INDEX IF NOT EXISTS actor_roles_tenant_id_idx ON actor_roles (tenant_id);

CREATE TABLE IF NOT EXISTS api_keys (
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
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_name_key ON api_keys (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_previous_token_id_key
    ON api_keys (previous_token_id) WHERE previous_token_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS api_keys_previous_key_hash_key
    ON api_keys (previous_key_hash) WHERE previous_key_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS api_keys_tenant_id_idx ON api_keys (tenant_id);

CREATE TABLE IF NOT EXISTS bootstrap_state (
    id INTEGER NOT NULL,
    consumed_at INTEGER,
    consumed_by TEXT,
    api_key_id TEXT,
    CONSTRAINT bootstrap_state_pkey PRIMARY KEY (id),
    CONSTRAINT bootstrap_state_single CHECK (id = 1),
    CONSTRAINT bootstrap_state_shape CHECK ((consumed_at IS NULL) = (consumed_by IS NULL)),
    CONSTRAINT bootstrap_state_api_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX IF NOT EXISTS bootstrap_state_api_key_id_idx
    ON bootstrap_state (api_key_id) WHERE api_key_id IS NOT NULL;
