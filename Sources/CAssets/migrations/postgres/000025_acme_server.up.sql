-- The ACME server (RFC 8555): who may order, what was ordered, and how control of names was proved.

-- Keys by which an operator lets somebody open accounts (RFC 8555 §7.3.4). The key itself is sealed. bound_account_id is the
-- account that it opened last; the name stays when the account is gone.
CREATE TABLE IF NOT EXISTS acme_eab_keys (
    id TEXT NOT NULL,
    profile_id TEXT,
    label TEXT NOT NULL,
    hmac_key_encrypted BYTEA NOT NULL,
    owner_id TEXT,
    team_id TEXT,
    allowed_identifiers JSONB NOT NULL DEFAULT '[]',
    max_accounts INTEGER,
    used_count INTEGER NOT NULL DEFAULT 0,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    created_by TEXT NOT NULL,
    bound_account_id TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_eab_keys_pkey PRIMARY KEY (id),
    CONSTRAINT acme_eab_keys_profile_fkey
        FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT,
    CONSTRAINT acme_eab_keys_owner_fkey FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE RESTRICT,
    CONSTRAINT acme_eab_keys_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE RESTRICT,
    CONSTRAINT acme_eab_keys_label_length CHECK (length(label) BETWEEN 1 AND 255),
    CONSTRAINT acme_eab_keys_use
        CHECK (used_count >= 0 AND (max_accounts IS NULL OR (max_accounts >= 1 AND used_count <= max_accounts)))
);
CREATE INDEX IF NOT EXISTS acme_eab_keys_profile_id_idx ON acme_eab_keys (profile_id);
CREATE INDEX IF NOT EXISTS acme_eab_keys_owner_id_idx ON acme_eab_keys (owner_id);
CREATE INDEX IF NOT EXISTS acme_eab_keys_team_id_idx ON acme_eab_keys (team_id);
CREATE INDEX IF NOT EXISTS acme_eab_keys_created_at_idx ON acme_eab_keys (created_at DESC, id DESC);

-- Accounts: a public key that may order, under one profile.
CREATE TABLE IF NOT EXISTS acme_accounts (
    account_id TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    jwk_thumbprint TEXT NOT NULL,
    jwk_pem TEXT NOT NULL,
    contact JSONB NOT NULL DEFAULT '[]',
    status TEXT NOT NULL DEFAULT 'valid',
    terms_agreed TEXT,
    owner_id TEXT,
    team_id TEXT,
    eab_key_id TEXT,
    eab_binding JSONB,
    allowed_identifiers JSONB NOT NULL DEFAULT '[]',
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_accounts_pkey PRIMARY KEY (account_id),
    CONSTRAINT acme_accounts_profile_id_jwk_thumbprint_key UNIQUE (profile_id, jwk_thumbprint),
    CONSTRAINT acme_accounts_profile_fkey
        FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT,
    CONSTRAINT acme_accounts_owner_fkey FOREIGN KEY (owner_id) REFERENCES owners (id) ON DELETE RESTRICT,
    CONSTRAINT acme_accounts_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE RESTRICT,
    CONSTRAINT acme_accounts_eab_key_fkey
        FOREIGN KEY (eab_key_id) REFERENCES acme_eab_keys (id) ON DELETE RESTRICT,
    CONSTRAINT acme_accounts_status_enum CHECK (status IN ('valid', 'deactivated', 'revoked'))
);
CREATE INDEX IF NOT EXISTS acme_accounts_jwk_thumbprint_idx ON acme_accounts (jwk_thumbprint);
CREATE INDEX IF NOT EXISTS acme_accounts_owner_id_idx ON acme_accounts (owner_id);
CREATE INDEX IF NOT EXISTS acme_accounts_team_id_idx ON acme_accounts (team_id);
CREATE INDEX IF NOT EXISTS acme_accounts_eab_key_id_idx ON acme_accounts (eab_key_id);
CREATE INDEX IF NOT EXISTS acme_accounts_created_at_idx ON acme_accounts (created_at DESC, account_id DESC);
CREATE INDEX IF NOT EXISTS acme_accounts_ended_idx ON acme_accounts (updated_at) WHERE status <> 'valid';

-- Accounts that ended and are deleted: their keys open no account again (RFC 8555 §7.3.6).
CREATE TABLE IF NOT EXISTS acme_ended_accounts (
    account_id TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    jwk_thumbprint TEXT NOT NULL,
    status TEXT NOT NULL,
    ended_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_ended_accounts_pkey PRIMARY KEY (account_id),
    CONSTRAINT acme_ended_accounts_profile_id_jwk_thumbprint_key UNIQUE (profile_id, jwk_thumbprint),
    CONSTRAINT acme_ended_accounts_profile_fkey
        FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE CASCADE,
    CONSTRAINT acme_ended_accounts_status_enum CHECK (status IN ('deactivated', 'revoked'))
);

-- Orders (RFC 8555 §7.1.6). What is issued for one is a version of a managed certificate, which outlives it. Until
-- needed_until that version, or the one that it takes the place of, may be revoked, renewed or replaced.
CREATE TABLE IF NOT EXISTS acme_orders (
    order_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    identifiers JSONB NOT NULL,
    names_sha256 TEXT NOT NULL,
    status TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    not_before TIMESTAMPTZ,
    not_after TIMESTAMPTZ,
    error JSONB,
    csr_pem TEXT,
    csr_sha256 TEXT,
    certificate_id TEXT,
    version_id TEXT,
    job_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at TIMESTAMPTZ,
    caa_seen_at TIMESTAMPTZ,
    replaces TEXT,
    replacement_asked_at TIMESTAMPTZ,
    needed_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_orders_pkey PRIMARY KEY (order_id),
    CONSTRAINT acme_orders_account_fkey FOREIGN KEY (account_id) REFERENCES acme_accounts (account_id) ON DELETE CASCADE,
    CONSTRAINT acme_orders_profile_fkey
        FOREIGN KEY (profile_id) REFERENCES certificate_profiles (id) ON DELETE RESTRICT,
    CONSTRAINT acme_orders_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE SET NULL,
    CONSTRAINT acme_orders_version_fkey
        FOREIGN KEY (version_id) REFERENCES certificate_versions (id) ON DELETE SET NULL,
    CONSTRAINT acme_orders_status_enum CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),
    CONSTRAINT acme_orders_request CHECK (status <> 'processing' OR (csr_pem IS NOT NULL AND csr_sha256 IS NOT NULL)),
    CONSTRAINT acme_orders_need CHECK (status <> 'valid' OR needed_until IS NOT NULL),
    CONSTRAINT acme_orders_attempts_range CHECK (attempts >= 0)
);
CREATE INDEX IF NOT EXISTS acme_orders_profile_id_idx ON acme_orders (profile_id);
CREATE INDEX IF NOT EXISTS acme_orders_certificate_id_idx ON acme_orders (certificate_id, csr_sha256);
CREATE INDEX IF NOT EXISTS acme_orders_version_id_idx ON acme_orders (version_id);
CREATE INDEX IF NOT EXISTS acme_orders_account_id_idx ON acme_orders (account_id, created_at DESC, order_id DESC);
CREATE INDEX IF NOT EXISTS acme_orders_names_idx
    ON acme_orders (account_id, names_sha256, created_at DESC, order_id DESC) WHERE status = 'valid';
CREATE INDEX IF NOT EXISTS acme_orders_job_id_idx ON acme_orders (job_id);
CREATE INDEX IF NOT EXISTS acme_orders_expires_at_idx ON acme_orders (expires_at);
CREATE INDEX IF NOT EXISTS acme_orders_needed_until_idx ON acme_orders (needed_until) WHERE status = 'valid';
CREATE INDEX IF NOT EXISTS acme_orders_created_at_idx ON acme_orders (created_at DESC, order_id DESC);
CREATE INDEX IF NOT EXISTS acme_orders_status_idx
    ON acme_orders (status, updated_at) WHERE status IN ('pending', 'ready', 'processing');
CREATE UNIQUE INDEX IF NOT EXISTS acme_orders_replaces_key
    ON acme_orders (account_id, replaces) WHERE replaces IS NOT NULL AND status <> 'invalid';

-- What an account proved, or has to prove: for an order, or ahead of any (RFC 8555 §7.4.1).
CREATE TABLE IF NOT EXISTS acme_authorizations (
    authz_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    order_id TEXT,
    position INTEGER NOT NULL,
    identifier JSONB NOT NULL,
    status TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    wildcard BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_authorizations_pkey PRIMARY KEY (authz_id),
    CONSTRAINT acme_authorizations_order_id_position_key UNIQUE (order_id, position),
    CONSTRAINT acme_authorizations_account_fkey
        FOREIGN KEY (account_id) REFERENCES acme_accounts (account_id) ON DELETE CASCADE,
    CONSTRAINT acme_authorizations_order_fkey FOREIGN KEY (order_id) REFERENCES acme_orders (order_id) ON DELETE CASCADE,
    CONSTRAINT acme_authorizations_status_enum
        CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),
    CONSTRAINT acme_authorizations_position_range CHECK (position >= 0)
);
CREATE INDEX IF NOT EXISTS acme_authorizations_account_id_idx ON acme_authorizations (account_id, status);
CREATE INDEX IF NOT EXISTS acme_authorizations_failed_idx
    ON acme_authorizations (identifier, updated_at) WHERE status = 'invalid';
CREATE INDEX IF NOT EXISTS acme_authorizations_ahead_idx
    ON acme_authorizations (account_id, status) WHERE order_id IS NULL;
CREATE INDEX IF NOT EXISTS acme_authorizations_free_idx ON acme_authorizations (expires_at) WHERE order_id IS NULL;
CREATE INDEX IF NOT EXISTS acme_authorizations_expires_at_idx
    ON acme_authorizations (expires_at) WHERE status = 'pending';

-- Ways to prove an authorization. One that is being validated is a job of whichever replica holds its lease.
CREATE TABLE IF NOT EXISTS acme_challenges (
    challenge_id TEXT NOT NULL,
    authz_id TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    token TEXT NOT NULL,
    account_url TEXT,
    validated_at TIMESTAMPTZ,
    error JSONB,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_expires_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_challenges_pkey PRIMARY KEY (challenge_id),
    CONSTRAINT acme_challenges_authz_id_type_key UNIQUE (authz_id, type),
    CONSTRAINT acme_challenges_authz_fkey
        FOREIGN KEY (authz_id) REFERENCES acme_authorizations (authz_id) ON DELETE CASCADE,
    CONSTRAINT acme_challenges_type_enum
        CHECK (type IN ('http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01', 'dns-persist-01')),
    CONSTRAINT acme_challenges_status_enum CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),
    CONSTRAINT acme_challenges_lease CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL)),
    CONSTRAINT acme_challenges_attempts_range CHECK (attempts >= 0)
);
CREATE INDEX IF NOT EXISTS acme_challenges_processing_idx ON acme_challenges (updated_at) WHERE status = 'processing';

-- Nonces that were used: each authenticates itself, so that only its redemption is written.
CREATE TABLE IF NOT EXISTS acme_nonces (
    nonce TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT acme_nonces_pkey PRIMARY KEY (nonce)
);
CREATE INDEX IF NOT EXISTS acme_nonces_expires_at_idx ON acme_nonces (expires_at);
