-- Teams, owners, policies, profiles, issuers, agents, targets, certificates and their versions.

CREATE TABLE IF NOT EXISTS teams (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT teams_pkey PRIMARY KEY (id),
    CONSTRAINT teams_name_key UNIQUE (name),
    CONSTRAINT teams_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT teams_name_length CHECK (length(name) BETWEEN 1 AND 255)
);
CREATE INDEX IF NOT EXISTS teams_created_at_idx ON teams (created_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS owners (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL DEFAULT '',
    team_id TEXT,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT owners_pkey PRIMARY KEY (id),
    CONSTRAINT owners_name_key UNIQUE (name),
    CONSTRAINT owners_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE RESTRICT,
    CONSTRAINT owners_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT owners_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT owners_email_length CHECK (length(email) <= 255)
);
CREATE UNIQUE INDEX IF NOT EXISTS owners_team_email_key
    ON owners (COALESCE(team_id, ''), lower(email)) WHERE email <> '';
CREATE INDEX IF NOT EXISTS owners_email_idx ON owners (email);
CREATE INDEX IF NOT EXISTS owners_team_id_idx ON owners (team_id);
CREATE INDEX IF NOT EXISTS owners_created_at_idx ON owners (created_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS certificate_profiles (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    allowed_key_algorithms JSONB NOT NULL
        DEFAULT '[{"algorithm":"ECDSA","min_size":256},{"algorithm":"RSA","min_size":2048}]',
    max_ttl_seconds BIGINT NOT NULL DEFAULT 0,
    allowed_ekus JSONB NOT NULL DEFAULT '["serverAuth"]',
    required_san_patterns JSONB NOT NULL DEFAULT '[]',
    spiffe_uri_pattern TEXT NOT NULL DEFAULT '',
    allow_short_lived BOOLEAN NOT NULL DEFAULT FALSE,
    must_staple BOOLEAN NOT NULL DEFAULT FALSE,
    required_csr_attributes JSONB NOT NULL DEFAULT '[]',
    acme_auth_mode TEXT NOT NULL DEFAULT 'trust_authenticated',
    requires_approval BOOLEAN NOT NULL DEFAULT FALSE,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT certificate_profiles_pkey PRIMARY KEY (id),
    CONSTRAINT certificate_profiles_name_key UNIQUE (name),
    CONSTRAINT certificate_profiles_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT certificate_profiles_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT certificate_profiles_max_ttl_range CHECK (max_ttl_seconds >= 0),
    CONSTRAINT certificate_profiles_spiffe_length CHECK (length(spiffe_uri_pattern) <= 512),
    CONSTRAINT certificate_profiles_short_lived_ttl
        CHECK (NOT allow_short_lived OR (max_ttl_seconds > 0 AND max_ttl_seconds < 3600)),
    CONSTRAINT certificate_profiles_acme_auth_mode_enum
        CHECK (acme_auth_mode IN ('trust_authenticated', 'challenge'))
);
CREATE INDEX IF NOT EXISTS certificate_profiles_created_at_idx ON certificate_profiles (created_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS renewal_policies (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    renewal_window_days INTEGER NOT NULL DEFAULT 30,
    auto_renew BOOLEAN NOT NULL DEFAULT TRUE,
    max_retries INTEGER NOT NULL DEFAULT 3,
    retry_interval_seconds INTEGER NOT NULL DEFAULT 3600,
    alert_thresholds_days JSONB NOT NULL DEFAULT '[30,14,7,0]',
    alert_channels JSONB NOT NULL DEFAULT '{}',
    alert_severity_map JSONB NOT NULL DEFAULT '{}',
    certificate_profile_id TEXT,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT renewal_policies_pkey PRIMARY KEY (id),
    CONSTRAINT renewal_policies_name_key UNIQUE (name),
    CONSTRAINT renewal_policies_profile_fkey
        FOREIGN KEY (certificate_profile_id) REFERENCES certificate_profiles (id) ON DELETE SET NULL,
    CONSTRAINT renewal_policies_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT renewal_policies_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT renewal_policies_window_range CHECK (renewal_window_days BETWEEN 1 AND 365),
    CONSTRAINT renewal_policies_retries_range CHECK (max_retries BETWEEN 0 AND 10),
    CONSTRAINT renewal_policies_interval_range CHECK (retry_interval_seconds BETWEEN 60 AND 86400)
);
CREATE INDEX IF NOT EXISTS renewal_policies_certificate_profile_id_idx ON renewal_policies (certificate_profile_id);

CREATE TABLE IF NOT EXISTS issuers (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    config JSONB NOT NULL DEFAULT '{}',
    encrypted_config BYTEA,
    config_revision BIGINT NOT NULL DEFAULT 1,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    last_tested_at TIMESTAMPTZ,
    test_status TEXT NOT NULL DEFAULT 'untested',
    source TEXT NOT NULL DEFAULT 'database',
    hierarchy_mode TEXT NOT NULL DEFAULT 'single',
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT issuers_pkey PRIMARY KEY (id),
    CONSTRAINT issuers_name_key UNIQUE (name),
    CONSTRAINT issuers_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT issuers_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT issuers_type_enum CHECK (type IN (
        'ACME', 'GenericCA', 'StepCA', 'OpenSSL', 'VaultPKI', 'DigiCert', 'Sectigo', 'GoogleCAS', 'AWSACMPCA',
        'Entrust', 'GlobalSign', 'EJBCA'
    )),
    CONSTRAINT issuers_test_status_enum CHECK (test_status IN ('untested', 'success', 'failed')),
    CONSTRAINT issuers_source_enum CHECK (source IN ('database', 'env')),
    CONSTRAINT issuers_hierarchy_mode_enum CHECK (hierarchy_mode IN ('single', 'tree'))
);
CREATE INDEX IF NOT EXISTS issuers_created_at_idx ON issuers (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS issuers_enabled_idx ON issuers (enabled);

CREATE TABLE IF NOT EXISTS ca_keys (
    id TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    spki_sha256 TEXT NOT NULL,
    pkcs8_encrypted BYTEA NOT NULL,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT ca_keys_pkey PRIMARY KEY (id),
    CONSTRAINT ca_keys_spki_sha256_key UNIQUE (spki_sha256),
    CONSTRAINT ca_keys_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT ca_keys_algorithm_enum
        CHECK (algorithm IN (
            'ECDSA-P256', 'ECDSA-P384', 'ECDSA-P521', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519', 'ML-DSA-65', 'ML-DSA-87'
        )),
    CONSTRAINT ca_keys_spki_form CHECK (length(spki_sha256) = 64 AND spki_sha256 ~ '^[0-9a-f]*$')
);

CREATE TABLE IF NOT EXISTS issuer_ca (
    issuer_id TEXT NOT NULL,
    chain_pem TEXT NOT NULL,
    key_driver TEXT NOT NULL,
    key_ref TEXT NOT NULL,
    spki_sha256 TEXT NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    not_after TIMESTAMPTZ NOT NULL,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT issuer_ca_pkey PRIMARY KEY (issuer_id),
    CONSTRAINT issuer_ca_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT,
    CONSTRAINT issuer_ca_validity CHECK (not_before < not_after),
    CONSTRAINT issuer_ca_spki_form CHECK (length(spki_sha256) = 64 AND spki_sha256 ~ '^[0-9a-f]*$')
);
CREATE INDEX IF NOT EXISTS issuer_ca_spki_sha256_idx ON issuer_ca (spki_sha256);

CREATE TABLE IF NOT EXISTS agents (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    hostname TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'Offline',
    registered_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    api_key_hash TEXT NOT NULL,
    previous_api_key_hash TEXT,
    previous_key_expires_at TIMESTAMPTZ,
    os TEXT NOT NULL DEFAULT '',
    architecture TEXT NOT NULL DEFAULT '',
    ip_address TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    capabilities JSONB NOT NULL DEFAULT '[]',
    retired_at TIMESTAMPTZ,
    retired_reason TEXT,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT agents_pkey PRIMARY KEY (id),
    CONSTRAINT agents_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT agents_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT agents_hostname_length CHECK (length(hostname) BETWEEN 1 AND 255),
    CONSTRAINT agents_status_enum CHECK (status IN ('Online', 'Offline', 'Degraded')),
    CONSTRAINT agents_metadata_length CHECK (
        length(os) <= 100 AND length(architecture) <= 100 AND length(ip_address) <= 45 AND length(version) <= 50
    ),
    CONSTRAINT agents_previous_key_shape CHECK ((previous_api_key_hash IS NULL) = (previous_key_expires_at IS NULL)),
    CONSTRAINT agents_retired_shape CHECK (retired_at IS NOT NULL OR retired_reason IS NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS agents_name_key ON agents (name) WHERE retired_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS agents_api_key_hash_key ON agents (api_key_hash);
CREATE UNIQUE INDEX IF NOT EXISTS agents_previous_api_key_hash_key ON agents (previous_api_key_hash)
    WHERE previous_api_key_hash IS NOT NULL;
CREATE INDEX IF NOT EXISTS agents_registered_at_idx ON agents (registered_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS agents_retired_at_idx ON agents (retired_at DESC, id DESC) WHERE retired_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS agent_liveness (
    agent_id TEXT NOT NULL,
    last_heartbeat_at TIMESTAMPTZ NOT NULL,
    clock_offset_ms BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    CONSTRAINT agent_liveness_pkey PRIMARY KEY (agent_id),
    CONSTRAINT agent_liveness_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE IF NOT EXISTS agent_enrollment_tokens (
    id TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    agent_name TEXT,
    agent_id TEXT,
    max_uses INTEGER NOT NULL DEFAULT 1,
    uses INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL,
    created_by_type TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    row_version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT agent_enrollment_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT agent_enrollment_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT agent_enrollment_tokens_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT agent_enrollment_tokens_agent_id_form
        CHECK (agent_id IS NULL OR (length(agent_id) <= 128 AND agent_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$')),
    CONSTRAINT agent_enrollment_tokens_uses_range CHECK (max_uses >= 1 AND uses BETWEEN 0 AND max_uses),
    CONSTRAINT agent_enrollment_tokens_expiry CHECK (expires_at > created_at),
    CONSTRAINT agent_enrollment_tokens_actor_type_enum
        CHECK (created_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol'))
);
CREATE INDEX IF NOT EXISTS agent_enrollment_tokens_created_at_idx
    ON agent_enrollment_tokens (created_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS deployment_targets (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    config JSONB NOT NULL DEFAULT '{}',
    encrypted_config BYTEA,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    -- Whether its configuration has a file of trusted CAs, which follows the tree of the issuer.
    carries_trust BOOLEAN NOT NULL DEFAULT FALSE,
    last_tested_at TIMESTAMPTZ,
    test_status TEXT NOT NULL DEFAULT 'untested',
    source TEXT NOT NULL DEFAULT 'database',
    retired_at TIMESTAMPTZ,
    retired_reason TEXT,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT deployment_targets_pkey PRIMARY KEY (id),
    CONSTRAINT deployment_targets_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE RESTRICT,
    CONSTRAINT deployment_targets_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT deployment_targets_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT deployment_targets_type_enum CHECK (type IN (
        'NGINX', 'Apache', 'HAProxy', 'F5', 'IIS', 'Traefik', 'Caddy', 'Envoy', 'Postfix', 'Dovecot', 'SSH',
        'WinCertStore', 'JavaKeystore', 'KubernetesSecrets', 'AWSACM', 'AzureKeyVault'
    )),
    CONSTRAINT deployment_targets_test_status_enum CHECK (test_status IN ('untested', 'success', 'failed')),
    CONSTRAINT deployment_targets_source_enum CHECK (source IN ('database', 'env')),
    CONSTRAINT deployment_targets_retired_shape CHECK (retired_at IS NOT NULL OR retired_reason IS NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS deployment_targets_agent_name_key
    ON deployment_targets (agent_id, name) WHERE retired_at IS NULL;
CREATE INDEX IF NOT EXISTS deployment_targets_agent_id_idx ON deployment_targets (agent_id);
CREATE INDEX IF NOT EXISTS deployment_targets_trust_idx ON deployment_targets (id) WHERE carries_trust;
CREATE INDEX IF NOT EXISTS deployment_targets_created_at_idx ON deployment_targets (created_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS managed_certificates (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    common_name TEXT NOT NULL,
    sans JSONB NOT NULL DEFAULT '[]',
    environment TEXT NOT NULL DEFAULT '',
    owner_id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    renewal_policy_id TEXT NOT NULL,
    certificate_profile_id TEXT,
    status TEXT NOT NULL DEFAULT 'Pending',
    declared_active BOOLEAN NOT NULL DEFAULT FALSE,
    expires_at TIMESTAMPTZ,
    tags JSONB NOT NULL DEFAULT '{}',
    last_renewal_at TIMESTAMPTZ,
    last_deployment_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    revocation_reason TEXT,
    source TEXT NOT NULL DEFAULT '',
    current_version_id TEXT,
    next_renewal_at TIMESTAMPTZ,
    next_alert_at TIMESTAMPTZ,
    ari_window_start TIMESTAMPTZ,
    ari_window_end TIMESTAMPTZ,
    ari_next_poll_at TIMESTAMPTZ,
    ari_explanation_url TEXT,
    renewal_failures INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    status_changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT managed_certificates_pkey PRIMARY KEY (id),
    CONSTRAINT managed_certificates_owner_fkey FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE RESTRICT,
    CONSTRAINT managed_certificates_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE RESTRICT,
    CONSTRAINT managed_certificates_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT,
    CONSTRAINT managed_certificates_policy_fkey
        FOREIGN KEY (renewal_policy_id) REFERENCES renewal_policies (id) ON DELETE RESTRICT,
    CONSTRAINT managed_certificates_profile_fkey
        FOREIGN KEY (certificate_profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT,
    CONSTRAINT managed_certificates_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT managed_certificates_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT managed_certificates_common_name_length CHECK (length(common_name) BETWEEN 1 AND 253),
    CONSTRAINT managed_certificates_environment_length CHECK (length(environment) <= 50),
    CONSTRAINT managed_certificates_status_enum CHECK (status IN (
        'Pending', 'Active', 'Expiring', 'Expired', 'RenewalInProgress', 'Failed', 'Revoked', 'Archived'
    )),
    CONSTRAINT managed_certificates_source_enum CHECK (source IN ('', 'API', 'EST', 'SCEP', 'ACME', 'Agent')),
    CONSTRAINT managed_certificates_revocation_reason_enum CHECK (revocation_reason IS NULL OR revocation_reason IN (
        'unspecified', 'keyCompromise', 'caCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation',
        'certificateHold', 'privilegeWithdrawn', 'aACompromise'
    )),
    CONSTRAINT managed_certificates_failures_range CHECK (renewal_failures >= 0)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX IF NOT EXISTS managed_certificates_name_key
    ON managed_certificates (name) WHERE status <> 'Archived';
CREATE INDEX IF NOT EXISTS managed_certificates_created_at_idx ON managed_certificates (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_owner_id_idx
    ON managed_certificates (owner_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_team_id_idx
    ON managed_certificates (team_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_issuer_id_idx
    ON managed_certificates (issuer_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_profile_id_idx
    ON managed_certificates (certificate_profile_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_policy_id_idx
    ON managed_certificates (renewal_policy_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_status_idx ON managed_certificates (status, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_environment_idx
    ON managed_certificates (environment, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_expires_at_idx
    ON managed_certificates (expires_at, id) WHERE status <> 'Archived';
CREATE INDEX IF NOT EXISTS managed_certificates_next_renewal_at_idx ON managed_certificates (next_renewal_at)
    WHERE next_renewal_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS managed_certificates_next_alert_at_idx ON managed_certificates (next_alert_at)
    WHERE next_alert_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS managed_certificates_ari_next_poll_at_idx ON managed_certificates (ari_next_poll_at)
    WHERE ari_next_poll_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS managed_certificates_updated_at_idx ON managed_certificates (updated_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS managed_certificates_current_version_id_idx ON managed_certificates (current_version_id)
    WHERE current_version_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS certificate_target_mappings (
    certificate_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT certificate_target_mappings_pkey PRIMARY KEY (certificate_id, target_id),
    CONSTRAINT certificate_target_mappings_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE,
    CONSTRAINT certificate_target_mappings_target_fkey
        FOREIGN KEY (target_id) REFERENCES deployment_targets (id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS certificate_target_mappings_target_id_idx
    ON certificate_target_mappings (target_id, certificate_id);

CREATE TABLE IF NOT EXISTS certificate_versions (
    id TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    not_after TIMESTAMPTZ NOT NULL,
    fingerprint_sha256 TEXT NOT NULL,
    spki_sha256 TEXT NOT NULL,
    pem_chain TEXT NOT NULL,
    csr_pem TEXT,
    key_algorithm TEXT NOT NULL,
    key_size INTEGER NOT NULL,
    -- How its issuer signed it, as the program names it; empty for one of before this was kept.
    signature_algorithm TEXT NOT NULL DEFAULT '',
    agent_id TEXT,
    key_origin TEXT NOT NULL,
    key_material_encrypted BYTEA,
    job_id TEXT,
    -- Imported, and not signed by the authority of its issuer: its serial number is somebody else's.
    issued_elsewhere BOOLEAN NOT NULL DEFAULT FALSE,
    -- The CA of a tree that signed it; none for an issuer that is one authority. No foreign key: what was issued outlives it.
    issuing_ca_id TEXT,
    -- What else may be sent in place of what is above the leaf in pem_chain, as a list of PEM texts; none for most.
    alternate_chains JSONB,
    -- What the linter found when it came: rule, severity, message.
    lint_findings JSONB NOT NULL DEFAULT '[]',
    -- Of an imported one, what validating its chain came to, and why.
    path_outcome TEXT,
    path_detail TEXT NOT NULL DEFAULT '',
    -- By what the issuer knows it: its name there, and what the connector wrote for itself.
    upstream_id TEXT,
    upstream_ref JSONB NOT NULL DEFAULT '{}',
    superseded_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT certificate_versions_pkey PRIMARY KEY (id),
    CONSTRAINT certificate_versions_fingerprint_sha256_key UNIQUE (fingerprint_sha256),
    CONSTRAINT certificate_versions_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE,
    CONSTRAINT certificate_versions_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT,
    CONSTRAINT certificate_versions_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE RESTRICT,
    CONSTRAINT certificate_versions_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT certificate_versions_serial_form CHECK (serial_number ~ '^(0|[1-9a-f][0-9a-f]*)$'),
    CONSTRAINT certificate_versions_fingerprint_form
        CHECK (length(fingerprint_sha256) = 64 AND fingerprint_sha256 ~ '^[0-9a-f]*$'),
    CONSTRAINT certificate_versions_spki_form CHECK (length(spki_sha256) = 64 AND spki_sha256 ~ '^[0-9a-f]*$'),
    CONSTRAINT certificate_versions_validity CHECK (not_before < not_after),
    CONSTRAINT certificate_versions_key_algorithm_enum CHECK (key_algorithm IN ('RSA', 'ECDSA', 'Ed25519', 'ML-DSA-65', 'ML-DSA-87')),
    CONSTRAINT certificate_versions_key_origin_enum CHECK (key_origin IN ('agent', 'server', 'external')),
    CONSTRAINT certificate_versions_path_outcome_enum CHECK (path_outcome IS NULL OR path_outcome IN (
        'valid', 'chain_incomplete', 'name_mismatch', 'malformed', 'expired', 'untrusted', 'revoked', 'not_yet_valid',
        'bad_signature', 'weak_algorithm', 'not_authority', 'name_constraint', 'path_length', 'policy', 'wrong_purpose',
        'unknown_critical_extension', 'revocation_unknown', 'too_complex'
    )),
    CONSTRAINT certificate_versions_key_slot CHECK ((key_origin = 'agent') = (agent_id IS NOT NULL)),
    CONSTRAINT certificate_versions_csr_only
        CHECK (csr_pem IS NULL OR csr_pem LIKE '-----BEGIN CERTIFICATE REQUEST-----%')
);
CREATE INDEX IF NOT EXISTS certificate_versions_issuing_ca_id_idx
    ON certificate_versions (issuing_ca_id, not_after) WHERE issuing_ca_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS certificate_versions_issuer_id_serial_number_key
    ON certificate_versions (issuer_id, serial_number) WHERE NOT issued_elsewhere;
CREATE INDEX IF NOT EXISTS certificate_versions_serial_number_idx
    ON certificate_versions (serial_number) WHERE NOT issued_elsewhere;
-- No foreign key: jobs leave with retention, and the rule that one job stores one version must outlive them.
CREATE UNIQUE INDEX IF NOT EXISTS certificate_versions_job_id_key
    ON certificate_versions (job_id) WHERE job_id IS NOT NULL;
-- One current version for each key slot of a certificate.
CREATE UNIQUE INDEX IF NOT EXISTS certificate_versions_slot_key
    ON certificate_versions (certificate_id, COALESCE(agent_id, ''))
    WHERE superseded_at IS NULL;
CREATE INDEX IF NOT EXISTS certificate_versions_certificate_id_idx
    ON certificate_versions (certificate_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS certificate_versions_agent_id_idx
    ON certificate_versions (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS certificate_versions_created_at_idx ON certificate_versions USING brin (created_at);

-- Deferred: issuing updates the certificate, whose row lock orders the work, before it inserts the version.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'managed_certificates_current_version_fkey'
            AND conrelid = 'managed_certificates'::regclass
    ) THEN
        ALTER TABLE managed_certificates ADD CONSTRAINT managed_certificates_current_version_fkey
            FOREIGN KEY (current_version_id) REFERENCES certificate_versions (id) ON DELETE SET NULL
            DEFERRABLE INITIALLY DEFERRED;
    END IF;
END
$$;
