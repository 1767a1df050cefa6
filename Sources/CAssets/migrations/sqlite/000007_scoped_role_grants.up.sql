-- A grant may be limited to one certificate profile or one issuer (security §3.3). Earlier grants stay global.
--
-- A release that does not know the scope would take a limited grant for a global one.
-- certctl:compat-floor 3.0.0

-- SQLite cannot drop the narrower UNIQUE of the table, hence a rebuild (docs/development/migrations.md). Every step of
-- it is skipped once the table has its new shape.
-- certctl:unless-column actor_roles.scope_type
CREATE TABLE IF NOT EXISTS actor_roles_rebuild (
    id TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    role_id TEXT NOT NULL,
    granted_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    expires_at INTEGER,
    granted_by TEXT NOT NULL DEFAULT 'system',
    source TEXT NOT NULL DEFAULT 'manual',
    tenant_id TEXT NOT NULL DEFAULT 't-default',
    scope_type TEXT NOT NULL DEFAULT 'global',
    scope_id TEXT,
    CONSTRAINT actor_roles_pkey PRIMARY KEY (id),
    CONSTRAINT actor_roles_role_fkey FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE RESTRICT,
    CONSTRAINT actor_roles_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT actor_roles_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT actor_roles_actor_length CHECK (length(actor_id) BETWEEN 1 AND 255),
    CONSTRAINT actor_roles_actor_type_enum
        CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT actor_roles_source_enum
        CHECK (source IN ('manual', 'env', 'bootstrap', 'oidc', 'scim', 'elevation')),
    CONSTRAINT actor_roles_scope_type_enum CHECK (scope_type IN ('global', 'profile', 'issuer')),
    CONSTRAINT actor_roles_scope_shape CHECK ((scope_type = 'global') = (scope_id IS NULL)),
    CONSTRAINT actor_roles_scope_id_form CHECK (
        scope_id IS NULL OR (scope_id GLOB '[A-Za-z0-9]*'
            AND scope_id NOT GLOB '*[^A-Za-z0-9._-]*'
            AND length(scope_id) <= 128)
    )
) STRICT;
-- certctl:unless-column actor_roles.scope_type
INSERT INTO actor_roles_rebuild (
    id, actor_id, actor_type, role_id, granted_at, expires_at, granted_by, source, tenant_id
) SELECT
    id, actor_id, actor_type, role_id, granted_at, expires_at, granted_by, source, tenant_id
FROM actor_roles WHERE TRUE ON CONFLICT DO NOTHING;
-- certctl:unless-column actor_roles.scope_type
DROP TABLE IF EXISTS actor_roles;
-- certctl:unless-column actor_roles.scope_type
ALTER TABLE actor_roles_rebuild RENAME TO actor_roles;

-- An actor may hold a role globally and, beside that, for single profiles and issuers; each of them once.
CREATE UNIQUE INDEX IF NOT EXISTS actor_roles_grant_key
    ON actor_roles (actor_id, actor_type, role_id, scope_type, COALESCE(scope_id, ''), tenant_id);
CREATE INDEX IF NOT EXISTS actor_roles_role_id_idx ON actor_roles (role_id);
CREATE INDEX IF NOT EXISTS actor_roles_tenant_id_idx ON actor_roles (tenant_id);
