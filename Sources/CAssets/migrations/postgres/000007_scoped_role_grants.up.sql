-- A grant may be limited to one certificate profile or one issuer (security §3.3). Earlier grants stay global.
--
-- A release that does not know the scope would take a limited grant for a global one.
-- certctl:compat-floor 3.0.0

ALTER TABLE actor_roles ADD COLUMN IF NOT EXISTS scope_type TEXT NOT NULL DEFAULT 'global';
ALTER TABLE actor_roles ADD COLUMN IF NOT EXISTS scope_id TEXT;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conname = 'actor_roles_scope_type_enum' AND conrelid = 'actor_roles'::regclass
    ) THEN
        ALTER TABLE actor_roles ADD CONSTRAINT actor_roles_scope_type_enum
            CHECK (scope_type IN ('global', 'profile', 'issuer')) NOT VALID;
    END IF;
END
$$;
ALTER TABLE actor_roles VALIDATE CONSTRAINT actor_roles_scope_type_enum;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conname = 'actor_roles_scope_shape' AND conrelid = 'actor_roles'::regclass
    ) THEN
        ALTER TABLE actor_roles ADD CONSTRAINT actor_roles_scope_shape
            CHECK ((scope_type = 'global') = (scope_id IS NULL)) NOT VALID;
    END IF;
END
$$;
ALTER TABLE actor_roles VALIDATE CONSTRAINT actor_roles_scope_shape;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conname = 'actor_roles_scope_id_form' AND conrelid = 'actor_roles'::regclass
    ) THEN
        ALTER TABLE actor_roles ADD CONSTRAINT actor_roles_scope_id_form
            CHECK (
                scope_id IS NULL OR (length(scope_id) <= 128 AND scope_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$')
            ) NOT VALID;
    END IF;
END
$$;
ALTER TABLE actor_roles VALIDATE CONSTRAINT actor_roles_scope_id_form;

-- An actor may hold a role globally and, beside that, for single profiles and issuers; each of them once.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conname = 'actor_roles_grant_key' AND conrelid = 'actor_roles'::regclass
    ) THEN
        ALTER TABLE actor_roles ADD CONSTRAINT actor_roles_grant_key
            UNIQUE NULLS NOT DISTINCT (actor_id, actor_type, role_id, scope_type, scope_id, tenant_id);
    END IF;
END
$$;
ALTER TABLE actor_roles DROP CONSTRAINT IF EXISTS actor_roles_actor_role_key;
