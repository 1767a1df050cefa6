-- What a profile may say beyond keys, purposes and name patterns: kinds of names, subject, period, policies, reuse of
-- keys, the issuer and the people of what is enrolled by protocols, and its own rules for ACME.

ALTER TABLE certificate_profiles
    ADD COLUMN IF NOT EXISTS allowed_san_types JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS subject_policy JSONB,
    ADD COLUMN IF NOT EXISTS default_ttl_seconds BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS backdate_seconds BIGINT,
    ADD COLUMN IF NOT EXISTS key_reuse TEXT NOT NULL DEFAULT 'allow',
    ADD COLUMN IF NOT EXISTS eku_critical BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS policy_oids JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS key_usages JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS name_constraints JSONB,
    ADD COLUMN IF NOT EXISTS must_staple_on_request BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS max_sans BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS acme_require_eab BOOLEAN,
    ADD COLUMN IF NOT EXISTS acme_challenge_types JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS acme_allow_wildcards BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN IF NOT EXISTS acme_allow_single_label BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS acme_preauthorization BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN IF NOT EXISTS acme_profiles JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS acme_perspectives JSONB NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS acme_perspective_quorum BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS acme_orders_per_hour BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS issuer_id TEXT,
    ADD COLUMN IF NOT EXISTS issuing_ca_id TEXT,
    ADD COLUMN IF NOT EXISTS owner_id TEXT,
    ADD COLUMN IF NOT EXISTS team_id TEXT,
    ADD COLUMN IF NOT EXISTS renewal_policy_id TEXT;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_default_ttl_range' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_default_ttl_range
            CHECK (default_ttl_seconds >= 0 AND (max_ttl_seconds = 0 OR default_ttl_seconds <= max_ttl_seconds));
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_backdate_range' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_backdate_range
            CHECK (backdate_seconds BETWEEN 0 AND 86400);
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_key_reuse_enum' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_key_reuse_enum
            CHECK (key_reuse IN ('allow', 'forbid'));
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_max_sans_range' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_max_sans_range
            CHECK (max_sans BETWEEN 0 AND 100);
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_issuer_fkey' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_issuer_fkey
            FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT;
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_owner_fkey' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_owner_fkey
            FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE RESTRICT;
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_team_fkey' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_team_fkey
            FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE RESTRICT;
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_renewal_policy_fkey' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_renewal_policy_fkey
            FOREIGN KEY (renewal_policy_id) REFERENCES renewal_policies (id) ON DELETE RESTRICT;
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_acme_perspective_quorum_range' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_acme_perspective_quorum_range
            CHECK (acme_perspective_quorum BETWEEN 0 AND 16);
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'certificate_profiles_acme_orders_range' AND conrelid = 'certificate_profiles'::regclass
    ) THEN
        ALTER TABLE certificate_profiles ADD CONSTRAINT certificate_profiles_acme_orders_range
            CHECK (acme_orders_per_hour BETWEEN 0 AND 1000000);
    END IF;
END
$$;

CREATE INDEX IF NOT EXISTS certificate_profiles_issuer_id_idx ON certificate_profiles (issuer_id);
CREATE INDEX IF NOT EXISTS certificate_profiles_owner_id_idx ON certificate_profiles (owner_id);
CREATE INDEX IF NOT EXISTS certificate_profiles_team_id_idx ON certificate_profiles (team_id);
CREATE INDEX IF NOT EXISTS certificate_profiles_renewal_policy_id_idx ON certificate_profiles (renewal_policy_id);
