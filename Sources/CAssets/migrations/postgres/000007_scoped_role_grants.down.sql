-- Data loss: every grant that is limited to a profile or an issuer. It goes, because without its scope it would hold
-- everywhere.

DO $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'actor_roles' AND column_name = 'scope_type'
    ) THEN
        DELETE FROM actor_roles WHERE scope_type <> 'global';
    END IF;
END
$$;
ALTER TABLE actor_roles DROP CONSTRAINT IF EXISTS actor_roles_grant_key;
ALTER TABLE actor_roles DROP CONSTRAINT IF EXISTS actor_roles_scope_id_form;
ALTER TABLE actor_roles DROP CONSTRAINT IF EXISTS actor_roles_scope_shape;
ALTER TABLE actor_roles DROP CONSTRAINT IF EXISTS actor_roles_scope_type_enum;
ALTER TABLE actor_roles DROP COLUMN IF EXISTS scope_id;
ALTER TABLE actor_roles DROP COLUMN IF EXISTS scope_type;
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint WHERE conname = 'actor_roles_actor_role_key' AND conrelid = 'actor_roles'::regclass
    ) THEN
        ALTER TABLE actor_roles ADD CONSTRAINT actor_roles_actor_role_key
            UNIQUE (actor_id, actor_type, role_id, tenant_id);
    END IF;
END
$$;
