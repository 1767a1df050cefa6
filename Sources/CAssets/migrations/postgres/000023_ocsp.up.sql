-- OCSP: who answers for a certification authority, and the answers that were signed ahead (RFC 6960).
--
-- An authority is an issuer or one of its CAs; its identifier is no foreign key, because answers outlive what they are about.

-- A row without a certificate is an appointment under way: its serial number is on record before the CA signs.
CREATE TABLE IF NOT EXISTS ocsp_responders (
    id TEXT NOT NULL,
    authority_id TEXT NOT NULL,
    ca_sha256 TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    key_algorithm TEXT NOT NULL,
    spki_sha256 TEXT NOT NULL,
    key_encrypted BYTEA,
    key_path TEXT,
    key_driver TEXT,
    key_ref TEXT,
    cert_pem TEXT,
    not_before TIMESTAMPTZ,
    not_after TIMESTAMPTZ,
    superseded_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ocsp_responders_pkey PRIMARY KEY (id),
    CONSTRAINT ocsp_responders_authority_serial_key UNIQUE (authority_id, serial_number),
    CONSTRAINT ocsp_responders_ca_form CHECK (ca_sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ocsp_responders_spki_form CHECK (length(spki_sha256) = 64 AND spki_sha256 ~ '^[0-9a-f]*$'),
    CONSTRAINT ocsp_responders_key_algorithm_enum CHECK (
        key_algorithm IN (
            'ECDSA-P256', 'ECDSA-P384', 'ECDSA-P521', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'Ed25519', 'ML-DSA-65', 'ML-DSA-87'
        )
    ),
    CONSTRAINT ocsp_responders_key_place CHECK (
        (key_encrypted IS NOT NULL AND key_path IS NULL AND key_driver IS NULL AND key_ref IS NULL)
            OR (key_encrypted IS NULL AND key_path IS NOT NULL AND key_driver IS NULL AND key_ref IS NULL)
            OR (key_encrypted IS NULL AND key_path IS NULL AND key_driver IS NOT NULL AND key_ref IS NOT NULL)
    ),
    CONSTRAINT ocsp_responders_validity CHECK (
        (cert_pem IS NULL AND not_before IS NULL AND not_after IS NULL)
            OR (cert_pem IS NOT NULL AND not_before IS NOT NULL AND not_after IS NOT NULL AND not_before < not_after)
    )
);
CREATE INDEX IF NOT EXISTS ocsp_responders_spki_sha256_idx ON ocsp_responders (spki_sha256);
-- One responder answers for an authority at a time, and one appointment is under way.
CREATE UNIQUE INDEX IF NOT EXISTS ocsp_responders_current_key
    ON ocsp_responders (authority_id) WHERE cert_pem IS NOT NULL AND superseded_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS ocsp_responders_pending_key ON ocsp_responders (authority_id) WHERE cert_pem IS NULL;

-- Answers are the same for everybody who names a certificate in the same way; nobody needs them but for speed.
CREATE TABLE IF NOT EXISTS ocsp_response_cache (
    authority_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    cert_id_form TEXT NOT NULL,
    cert_status TEXT NOT NULL,
    revocation_reason TEXT,
    revoked_at TIMESTAMPTZ,
    response_der BYTEA NOT NULL,
    this_update TIMESTAMPTZ NOT NULL,
    next_update TIMESTAMPTZ NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ocsp_response_cache_pkey PRIMARY KEY (authority_id, serial_number, cert_id_form),
    CONSTRAINT ocsp_response_cache_status_enum CHECK (cert_status IN ('good', 'revoked')),
    CONSTRAINT ocsp_response_cache_revoked CHECK (
        (cert_status = 'revoked') = (revocation_reason IS NOT NULL) AND (cert_status = 'revoked') = (revoked_at IS NOT NULL)
    ),
    CONSTRAINT ocsp_response_cache_updates CHECK (this_update < next_update)
);
CREATE INDEX IF NOT EXISTS ocsp_response_cache_this_update_idx ON ocsp_response_cache (this_update);
CREATE INDEX IF NOT EXISTS ocsp_response_cache_next_update_idx ON ocsp_response_cache (next_update);
