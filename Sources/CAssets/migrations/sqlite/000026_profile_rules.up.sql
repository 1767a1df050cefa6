-- What a profile may say beyond keys, purposes and name patterns: kinds of names, subject, period, policies, reuse of
-- keys, the issuer and the people of what is enrolled by protocols, and its own rules for ACME.

-- certctl:unless-column certificate_profiles.allowed_san_types
ALTER TABLE certificate_profiles ADD COLUMN allowed_san_types TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT certificate_profiles_allowed_san_types_json CHECK (json_valid(allowed_san_types));
-- certctl:unless-column certificate_profiles.subject_policy
ALTER TABLE certificate_profiles ADD COLUMN subject_policy TEXT
    CONSTRAINT certificate_profiles_subject_policy_json CHECK (subject_policy IS NULL OR json_valid(subject_policy));
-- certctl:unless-column certificate_profiles.default_ttl_seconds
ALTER TABLE certificate_profiles ADD COLUMN default_ttl_seconds INTEGER NOT NULL DEFAULT 0
    CONSTRAINT certificate_profiles_default_ttl_range CHECK (default_ttl_seconds >= 0 AND (max_ttl_seconds = 0 OR default_ttl_seconds <= max_ttl_seconds));
-- certctl:unless-column certificate_profiles.backdate_seconds
ALTER TABLE certificate_profiles ADD COLUMN backdate_seconds INTEGER
    CONSTRAINT certificate_profiles_backdate_range CHECK (backdate_seconds BETWEEN 0 AND 86400);
-- certctl:unless-column certificate_profiles.key_reuse
ALTER TABLE certificate_profiles ADD COLUMN key_reuse TEXT NOT NULL DEFAULT 'allow'
    CONSTRAINT certificate_profiles_key_reuse_enum CHECK (key_reuse IN ('allow', 'forbid'));
-- certctl:unless-column certificate_profiles.eku_critical
ALTER TABLE certificate_profiles ADD COLUMN eku_critical INTEGER NOT NULL DEFAULT FALSE
    CONSTRAINT certificate_profiles_eku_critical_bool CHECK (eku_critical IN (0, 1));
-- certctl:unless-column certificate_profiles.policy_oids
ALTER TABLE certificate_profiles ADD COLUMN policy_oids TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT certificate_profiles_policy_oids_json CHECK (json_valid(policy_oids));
-- certctl:unless-column certificate_profiles.key_usages
ALTER TABLE certificate_profiles ADD COLUMN key_usages TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT certificate_profiles_key_usages_json CHECK (json_valid(key_usages));
-- certctl:unless-column certificate_profiles.name_constraints
ALTER TABLE certificate_profiles ADD COLUMN name_constraints TEXT
    CONSTRAINT certificate_profiles_name_constraints_json CHECK (name_constraints IS NULL OR json_valid(name_constraints));
-- certctl:unless-column certificate_profiles.must_staple_on_request
ALTER TABLE certificate_profiles ADD COLUMN must_staple_on_request INTEGER NOT NULL DEFAULT FALSE
    CONSTRAINT certificate_profiles_must_staple_on_request_bool CHECK (must_staple_on_request IN (0, 1));
-- certctl:unless-column certificate_profiles.max_sans
ALTER TABLE certificate_profiles ADD COLUMN max_sans INTEGER NOT NULL DEFAULT 0
    CONSTRAINT certificate_profiles_max_sans_range CHECK (max_sans BETWEEN 0 AND 100);
-- certctl:unless-column certificate_profiles.acme_require_eab
ALTER TABLE certificate_profiles ADD COLUMN acme_require_eab INTEGER
    CONSTRAINT certificate_profiles_acme_require_eab_bool CHECK (acme_require_eab IN (0, 1));
-- certctl:unless-column certificate_profiles.acme_challenge_types
ALTER TABLE certificate_profiles ADD COLUMN acme_challenge_types TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT certificate_profiles_acme_challenge_types_json CHECK (json_valid(acme_challenge_types));
-- certctl:unless-column certificate_profiles.acme_allow_wildcards
ALTER TABLE certificate_profiles ADD COLUMN acme_allow_wildcards INTEGER NOT NULL DEFAULT TRUE
    CONSTRAINT certificate_profiles_acme_allow_wildcards_bool CHECK (acme_allow_wildcards IN (0, 1));
-- certctl:unless-column certificate_profiles.acme_allow_single_label
ALTER TABLE certificate_profiles ADD COLUMN acme_allow_single_label INTEGER NOT NULL DEFAULT FALSE
    CONSTRAINT certificate_profiles_acme_allow_single_label_bool CHECK (acme_allow_single_label IN (0, 1));
-- certctl:unless-column certificate_profiles.acme_preauthorization
ALTER TABLE certificate_profiles ADD COLUMN acme_preauthorization INTEGER NOT NULL DEFAULT FALSE
    CONSTRAINT certificate_profiles_acme_preauthorization_bool CHECK (acme_preauthorization IN (0, 1));
-- certctl:unless-column certificate_profiles.acme_profiles
ALTER TABLE certificate_profiles ADD COLUMN acme_profiles TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT certificate_profiles_acme_profiles_json CHECK (json_valid(acme_profiles));
-- certctl:unless-column certificate_profiles.acme_perspectives
ALTER TABLE certificate_profiles ADD COLUMN acme_perspectives TEXT NOT NULL DEFAULT '[]'
    CONSTRAINT certificate_profiles_acme_perspectives_json CHECK (json_valid(acme_perspectives));
-- certctl:unless-column certificate_profiles.acme_perspective_quorum
ALTER TABLE certificate_profiles ADD COLUMN acme_perspective_quorum INTEGER NOT NULL DEFAULT 0
    CONSTRAINT certificate_profiles_acme_perspective_quorum_range CHECK (acme_perspective_quorum BETWEEN 0 AND 16);
-- certctl:unless-column certificate_profiles.acme_orders_per_hour
ALTER TABLE certificate_profiles ADD COLUMN acme_orders_per_hour INTEGER NOT NULL DEFAULT 0
    CONSTRAINT certificate_profiles_acme_orders_range CHECK (acme_orders_per_hour BETWEEN 0 AND 1000000);
-- certctl:unless-column certificate_profiles.issuer_id
ALTER TABLE certificate_profiles ADD COLUMN issuer_id TEXT
    CONSTRAINT certificate_profiles_issuer_fkey REFERENCES issuers (id) ON DELETE RESTRICT;
-- certctl:unless-column certificate_profiles.issuing_ca_id
ALTER TABLE certificate_profiles ADD COLUMN issuing_ca_id TEXT;
-- certctl:unless-column certificate_profiles.owner_id
ALTER TABLE certificate_profiles ADD COLUMN owner_id TEXT
    CONSTRAINT certificate_profiles_owner_fkey REFERENCES owners (id) ON DELETE RESTRICT;
-- certctl:unless-column certificate_profiles.team_id
ALTER TABLE certificate_profiles ADD COLUMN team_id TEXT
    CONSTRAINT certificate_profiles_team_fkey REFERENCES teams (id) ON DELETE RESTRICT;
-- certctl:unless-column certificate_profiles.renewal_policy_id
ALTER TABLE certificate_profiles ADD COLUMN renewal_policy_id TEXT
    CONSTRAINT certificate_profiles_renewal_policy_fkey REFERENCES renewal_policies (id) ON DELETE RESTRICT;

CREATE INDEX IF NOT EXISTS certificate_profiles_issuer_id_idx ON certificate_profiles (issuer_id);
CREATE INDEX IF NOT EXISTS certificate_profiles_owner_id_idx ON certificate_profiles (owner_id);
CREATE INDEX IF NOT EXISTS certificate_profiles_team_id_idx ON certificate_profiles (team_id);
CREATE INDEX IF NOT EXISTS certificate_profiles_renewal_policy_id_idx ON certificate_profiles (renewal_policy_id);
