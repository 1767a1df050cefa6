-- Which versions certified a key: profiles may forbid that it is certified again.

CREATE INDEX IF NOT EXISTS certificate_versions_spki_sha256_idx ON certificate_versions (spki_sha256);
