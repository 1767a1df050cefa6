-- Further certificates of the CAs of trees: of the same name and key, signed by somebody else. The first certificate of a CA is in
-- its own row.

CREATE TABLE IF NOT EXISTS ca_certificates (
    id TEXT NOT NULL,
    ca_id TEXT NOT NULL,
    -- Who signed it, when that is a CA of a tree; else above_pem has what leads from it to a root, the root last.
    parent_ca_id TEXT,
    above_pem TEXT,
    cert_pem TEXT NOT NULL,
    cert_sha256 TEXT NOT NULL,
    issuer_subject TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    not_before TIMESTAMPTZ NOT NULL,
    not_after TIMESTAMPTZ NOT NULL,
    -- Since when it is in no chain any more, and why (RFC 5280 section 5.3.1).
    withdrawn_at TIMESTAMPTZ,
    withdrawal_reason TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ca_certificates_pkey PRIMARY KEY (id),
    CONSTRAINT ca_certificates_cert_sha256_key UNIQUE (cert_sha256),
    CONSTRAINT ca_certificates_ca_fkey
        FOREIGN KEY (ca_id) REFERENCES intermediate_cas (id) ON DELETE RESTRICT,
    CONSTRAINT ca_certificates_parent_fkey
        FOREIGN KEY (parent_ca_id) REFERENCES intermediate_cas (id) ON DELETE RESTRICT,
    CONSTRAINT ca_certificates_parent_other CHECK (parent_ca_id IS NULL OR parent_ca_id <> ca_id),
    CONSTRAINT ca_certificates_above CHECK ((parent_ca_id IS NULL) = (above_pem IS NOT NULL)),
    CONSTRAINT ca_certificates_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT ca_certificates_cert_form CHECK (length(cert_sha256) = 64 AND cert_sha256 ~ '^[0-9a-f]*$'),
    CONSTRAINT ca_certificates_serial_form CHECK (serial_number ~ '^(0|[1-9a-f][0-9a-f]*)$'),
    CONSTRAINT ca_certificates_validity CHECK (not_before < not_after),
    CONSTRAINT ca_certificates_withdrawal CHECK ((withdrawn_at IS NULL) = (withdrawal_reason IS NULL)),
    CONSTRAINT ca_certificates_withdrawal_reason_enum CHECK (
        withdrawal_reason IN (
            'unspecified', 'keyCompromise', 'caCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation',
            'privilegeWithdrawn'
        )
    )
);
CREATE INDEX IF NOT EXISTS ca_certificates_ca_id_idx ON ca_certificates (ca_id, created_at, id);
CREATE INDEX IF NOT EXISTS ca_certificates_parent_ca_id_idx
    ON ca_certificates (parent_ca_id, serial_number) WHERE parent_ca_id IS NOT NULL;
