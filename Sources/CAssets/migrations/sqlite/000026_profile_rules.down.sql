-- Data loss: what profiles say about kinds of names, subject, period, policies, reuse of keys, defaults and ACME.

DROP TABLE IF EXISTS certificate_profiles_rebuild;
CREATE TABLE IF NOT EXISTS certificate_profiles_rebuild (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    allowed_key_algorithms TEXT NOT NULL
        DEFAULT '[{"algorithm":"ECDSA","min_size":256},{"algorithm":"RSA","min_size":2048}]',
    max_ttl_seconds INTEGER NOT NULL DEFAULT 0,
    allowed_ekus TEXT NOT NULL DEFAULT '["serverAuth"]',
    required_san_patterns TEXT NOT NULL DEFAULT '[]',
    spiffe_uri_pattern TEXT NOT NULL DEFAULT '',
    allow_short_lived INTEGER NOT NULL DEFAULT FALSE,
    must_staple INTEGER NOT NULL DEFAULT FALSE,
    required_csr_attributes TEXT NOT NULL DEFAULT '[]',
    acme_auth_mode TEXT NOT NULL DEFAULT 'trust_authenticated',
    requires_approval INTEGER NOT NULL DEFAULT FALSE,
    enabled INTEGER NOT NULL DEFAULT TRUE,
    row_version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    CONSTRAINT certificate_profiles_pkey PRIMARY KEY (id),
    CONSTRAINT certificate_profiles_name_key UNIQUE (name),
    CONSTRAINT certificate_profiles_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT certificate_profiles_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT certificate_profiles_max_ttl_range CHECK (max_ttl_seconds >= 0),
    CONSTRAINT certificate_profiles_spiffe_length CHECK (length(spiffe_uri_pattern) <= 512),
    CONSTRAINT certificate_profiles_short_lived_ttl
        CHECK (NOT allow_short_lived OR (max_ttl_seconds > 0 AND max_ttl_seconds < 3600)),
    CONSTRAINT certificate_profiles_acme_auth_mode_enum
        CHECK (acme_auth_mode IN ('trust_authenticated', 'challenge')),
    CONSTRAINT certificate_profiles_allowed_key_algorithms_json CHECK (json_valid(allowed_key_algorithms)),
    CONSTRAINT certificate_profiles_allowed_ekus_json CHECK (json_valid(allowed_ekus)),
    CONSTRAINT certificate_profiles_required_san_patterns_json CHECK (json_valid(required_san_patterns)),
    CONSTRAINT certificate_profiles_allow_short_lived_bool CHECK (allow_short_lived IN (0, 1)),
    CONSTRAINT certificate_profiles_must_staple_bool CHECK (must_staple IN (0, 1)),
    CONSTRAINT certificate_profiles_required_csr_attributes_json CHECK (json_valid(required_csr_attributes)),
    CONSTRAINT certificate_profiles_requires_approval_bool CHECK (requires_approval IN (0, 1)),
    CONSTRAINT certificate_profiles_enabled_bool CHECK (enabled IN (0, 1))
) STRICT;
INSERT INTO certificate_profiles_rebuild (
    id, name, description, allowed_key_algorithms, max_ttl_seconds, allowed_ekus, required_san_patterns,
    spiffe_uri_pattern, allow_short_lived, must_staple, required_csr_attributes, acme_auth_mode, requires_approval,
    enabled, row_version, created_at, updated_at
) SELECT
    id, name, description, allowed_key_algorithms, max_ttl_seconds, allowed_ekus, required_san_patterns,
    spiffe_uri_pattern, allow_short_lived, must_staple, required_csr_attributes, acme_auth_mode, requires_approval,
    enabled, row_version, created_at, updated_at
FROM certificate_profiles WHERE TRUE ON CONFLICT DO NOTHING;
DROP TABLE IF EXISTS certificate_profiles;
ALTER TABLE certificate_profiles_rebuild RENAME TO certificate_profiles;
CREATE INDEX IF NOT EXISTS certificate_profiles_created_at_idx ON certificate_profiles (created_at DESC, id DESC);
