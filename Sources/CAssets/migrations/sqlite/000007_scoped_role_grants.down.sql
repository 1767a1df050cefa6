-- Data loss: every grant that is limited to a profile or an issuer. It goes, because without its scope it would hold
-- everywhere.

DROP TABLE IF EXISTS actor_roles_rebuild;
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
INSERT INTO actor_roles_rebuild (
    id, actor_id, actor_type, role_id, granted_at, expires_at, granted_by, source, tenant_id
) SELECT
    held.id, held.actor_id, held.actor_type, held.role_id, held.granted_at, held.expires_at, held.granted_by,
    held.source, held.tenant_id
-- Where the inner table has no scope any more, the name means the outer one: a second run keeps every row.
FROM (SELECT 'global' AS scope_type) AS unscoped, actor_roles AS held
WHERE (SELECT scope_type FROM actor_roles AS same WHERE same.id = held.id) = 'global'
ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS actor_roles;
ALTER TABLE actor_roles_rebuild RENAME TO actor_roles;
CREATE INDEX IF NOT EXISTS actor_roles_role_id_idx ON actor_roles (role_id);
CREATE INDEX IF NOT EXISTS actor_roles_tenant_id_idx ON actor_roles (tenant_id);
