-- Which certificates of CAs are in the file of trusted CAs of a target, as its agent said after the last deployment.

CREATE TABLE IF NOT EXISTS trust_holdings (
    target_id TEXT NOT NULL,
    cert_sha256 TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    CONSTRAINT trust_holdings_pkey PRIMARY KEY (target_id, cert_sha256),
    CONSTRAINT trust_holdings_target_fkey
        FOREIGN KEY (target_id) REFERENCES deployment_targets (id) ON DELETE CASCADE,
    CONSTRAINT trust_holdings_cert_form CHECK (length(cert_sha256) = 64 AND cert_sha256 NOT GLOB '*[^0-9a-f]*')
) STRICT;
