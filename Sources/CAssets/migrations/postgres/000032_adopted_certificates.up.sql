-- What a CA that came from elsewhere with its key had signed before: what OCSP answers for, what may be revoked by its serial
-- number, and what keeps the CA from ending.

CREATE TABLE IF NOT EXISTS adopted_certificates (
    authority_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    spki_sha256 TEXT NOT NULL,
    is_ca BOOLEAN NOT NULL,
    not_after TIMESTAMPTZ NOT NULL,
    CONSTRAINT adopted_certificates_pkey PRIMARY KEY (authority_id, serial_number),
    CONSTRAINT adopted_certificates_authority_fkey
        FOREIGN KEY (authority_id) REFERENCES intermediate_cas (id) ON DELETE RESTRICT,
    CONSTRAINT adopted_certificates_serial_form CHECK (serial_number ~ '^(0|[1-9a-f][0-9a-f]*)$'),
    CONSTRAINT adopted_certificates_spki_form CHECK (length(spki_sha256) = 64 AND spki_sha256 ~ '^[0-9a-f]*$')
);
CREATE INDEX IF NOT EXISTS adopted_certificates_serial_number_idx ON adopted_certificates (serial_number);
CREATE INDEX IF NOT EXISTS adopted_certificates_end_idx ON adopted_certificates (authority_id, not_after);
