-- The certification authorities of an issuer that is a tree: its roots, intermediates and issuing CAs. Revocation lists,
-- OCSP and certificate versions name a CA by its identifier, as they name an issuer that is one authority by the issuer's.

CREATE TABLE IF NOT EXISTS intermediate_cas (
    id TEXT NOT NULL,
    owning_issuer_id TEXT NOT NULL,
    parent_ca_id TEXT,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    -- With what else a certificate says, empty until there is one: while somebody else is to sign csr_pem.
    cert_pem TEXT,
    cert_sha256 TEXT,
    csr_pem TEXT,
    spki_sha256 TEXT NOT NULL,
    subject_key_id TEXT NOT NULL,
    serial_number TEXT,
    key_algorithm TEXT NOT NULL,
    -- Both empty when the key is elsewhere: an offline root.
    key_driver TEXT,
    key_driver_id TEXT,
    -- Whether certctl made the key, and so destroys it in the end.
    key_is_own INTEGER NOT NULL,
    not_before INTEGER,
    not_after INTEGER,
    path_len_constraint INTEGER,
    name_constraints TEXT NOT NULL,
    allowed_ekus TEXT NOT NULL,
    policy_oids TEXT NOT NULL,
    issuing INTEGER NOT NULL,
    ocsp_responder_url TEXT,
    -- How long its revocation lists are good, and how often they are made anew; empty for what the issuer says.
    crl_validity_seconds INTEGER,
    crl_interval_seconds INTEGER,
    metadata TEXT NOT NULL,
    retiring_at INTEGER,
    retired_at INTEGER,
    key_released_at INTEGER,
    -- Since when the parent's lists have it, and why (RFC 5280 section 5.3.1).
    revoked_at INTEGER,
    revocation_reason TEXT,
    -- Whose place it takes; and since when it is kept from signing so that it becomes known first, until when at least, whether it
    -- takes the place by itself, and since when it has it.
    succeeds_ca_id TEXT,
    staged_at INTEGER,
    activation_at INTEGER,
    activation_auto INTEGER NOT NULL DEFAULT FALSE,
    activated_at INTEGER,
    row_version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT intermediate_cas_pkey PRIMARY KEY (id),
    CONSTRAINT intermediate_cas_name_key UNIQUE (owning_issuer_id, name),
    CONSTRAINT intermediate_cas_cert_sha256_key UNIQUE (cert_sha256),
    CONSTRAINT intermediate_cas_issuer_fkey
        FOREIGN KEY (owning_issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT,
    CONSTRAINT intermediate_cas_parent_fkey
        FOREIGN KEY (parent_ca_id) REFERENCES intermediate_cas (id) ON DELETE RESTRICT,
    CONSTRAINT intermediate_cas_succeeds_fkey
        FOREIGN KEY (succeeds_ca_id) REFERENCES intermediate_cas (id) ON DELETE RESTRICT,
    CONSTRAINT intermediate_cas_succeeds_other CHECK (succeeds_ca_id IS NULL OR succeeds_ca_id <> id),
    CONSTRAINT intermediate_cas_staging CHECK (
        (staged_at IS NULL OR succeeds_ca_id IS NOT NULL)
            AND (activated_at IS NULL OR staged_at IS NOT NULL)
            AND (state <> 'staged' OR (staged_at IS NOT NULL AND activated_at IS NULL))
            AND (state <> 'active' OR staged_at IS NULL OR activated_at IS NOT NULL)
    ),
    CONSTRAINT intermediate_cas_parent_other CHECK (parent_ca_id IS NULL OR parent_ca_id <> id),
    CONSTRAINT intermediate_cas_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT intermediate_cas_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT intermediate_cas_state_enum CHECK (state IN ('pending', 'staged', 'active', 'retiring', 'retired', 'revoked')),
    CONSTRAINT intermediate_cas_cert_form CHECK (length(cert_sha256) = 64 AND cert_sha256 NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT intermediate_cas_spki_form CHECK (length(spki_sha256) = 64 AND spki_sha256 NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT intermediate_cas_serial_form CHECK (
        length(serial_number) > 0
            AND serial_number NOT GLOB '*[^0-9a-f]*'
            AND (serial_number = '0' OR serial_number NOT GLOB '0*')
    ),
    CONSTRAINT intermediate_cas_certificate CHECK (
        (state = 'pending') = (cert_pem IS NULL) AND (cert_pem IS NULL) = (cert_sha256 IS NULL)
            AND (cert_pem IS NULL) = (serial_number IS NULL) AND (cert_pem IS NULL) = (not_before IS NULL)
            AND (cert_pem IS NULL) = (not_after IS NULL)
    ),
    CONSTRAINT intermediate_cas_request CHECK (
        state <> 'pending' OR (csr_pem IS NOT NULL AND parent_ca_id IS NOT NULL AND key_driver IS NOT NULL)
    ),
    CONSTRAINT intermediate_cas_validity CHECK (not_before < not_after),
    CONSTRAINT intermediate_cas_path_length CHECK (path_len_constraint IS NULL OR path_len_constraint >= 0),
    CONSTRAINT intermediate_cas_crl_validity CHECK (crl_validity_seconds BETWEEN 60 AND 31536000),
    CONSTRAINT intermediate_cas_crl_interval CHECK (crl_interval_seconds BETWEEN 1 AND 15768000),
    CONSTRAINT intermediate_cas_crl_terms CHECK (crl_validity_seconds >= 2 * crl_interval_seconds),
    CONSTRAINT intermediate_cas_key_place CHECK ((key_driver IS NULL) = (key_driver_id IS NULL)),
    CONSTRAINT intermediate_cas_key_released CHECK (key_released_at IS NULL OR state IN ('retired', 'revoked')),
    CONSTRAINT intermediate_cas_name_constraints_json CHECK (json_valid(name_constraints)),
    CONSTRAINT intermediate_cas_allowed_ekus_json CHECK (json_valid(allowed_ekus)),
    CONSTRAINT intermediate_cas_policy_oids_json CHECK (json_valid(policy_oids)),
    CONSTRAINT intermediate_cas_metadata_json CHECK (json_valid(metadata)),
    CONSTRAINT intermediate_cas_key_is_own_bool CHECK (key_is_own IN (0, 1)),
    CONSTRAINT intermediate_cas_issuing_bool CHECK (issuing IN (0, 1)),
    CONSTRAINT intermediate_cas_activation_auto_bool CHECK (activation_auto IN (0, 1)),
    CONSTRAINT intermediate_cas_retirement CHECK (
        state = 'revoked' OR (
            (state IN ('pending', 'staged', 'active')) = (retiring_at IS NULL) AND (state = 'retired') = (retired_at IS NOT NULL)
        )
    ),
    CONSTRAINT intermediate_cas_revocation CHECK (
        (state = 'revoked') = (revoked_at IS NOT NULL) AND (revoked_at IS NULL) = (revocation_reason IS NULL)
            AND (revoked_at IS NULL OR parent_ca_id IS NOT NULL)
    ),
    CONSTRAINT intermediate_cas_revocation_reason_enum CHECK (
        revocation_reason IN (
            'unspecified', 'keyCompromise', 'caCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation',
            'privilegeWithdrawn'
        )
    )
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS intermediate_cas_active_root_key
    ON intermediate_cas (owning_issuer_id) WHERE parent_ca_id IS NULL AND state = 'active';
-- One successor at a time.
CREATE UNIQUE INDEX IF NOT EXISTS intermediate_cas_successor_key
    ON intermediate_cas (succeeds_ca_id) WHERE state IN ('pending', 'staged');
-- Two CAs that share a key could not tell their revocations apart.
CREATE UNIQUE INDEX IF NOT EXISTS intermediate_cas_key_driver_id_key
    ON intermediate_cas (key_driver, key_driver_id) WHERE key_driver_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS intermediate_cas_parent_ca_id_idx ON intermediate_cas (parent_ca_id, serial_number);
CREATE INDEX IF NOT EXISTS intermediate_cas_issuer_idx ON intermediate_cas (owning_issuer_id, created_at, id);
CREATE INDEX IF NOT EXISTS intermediate_cas_spki_sha256_idx ON intermediate_cas (spki_sha256);
CREATE INDEX IF NOT EXISTS intermediate_cas_state_idx ON intermediate_cas (state);
CREATE INDEX IF NOT EXISTS intermediate_cas_not_after_idx ON intermediate_cas (not_after) WHERE state = 'active';

-- Ceremonies of these CAs: what was made, taken in or ended, by whom and with whose agreement. The record is signed and
-- outlives the CA; an approval serves once.

CREATE TABLE IF NOT EXISTS ca_ceremonies (
    id TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    authority_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    approval_id TEXT,
    record TEXT NOT NULL,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT ca_ceremonies_pkey PRIMARY KEY (id),
    CONSTRAINT ca_ceremonies_approval_key UNIQUE (approval_id),
    CONSTRAINT ca_ceremonies_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT ca_ceremonies_operation_enum CHECK (
        operation IN ('create', 'register', 'request', 'certify', 'adopt', 'retire', 'end')
    ),
    CONSTRAINT ca_ceremonies_record_length CHECK (length(record) BETWEEN 2 AND 1048576),
    CONSTRAINT ca_ceremonies_signature_length CHECK (length(signature) BETWEEN 1 AND 1024)
) STRICT;
CREATE INDEX IF NOT EXISTS ca_ceremonies_authority_idx ON ca_ceremonies (authority_id, created_at, id);
