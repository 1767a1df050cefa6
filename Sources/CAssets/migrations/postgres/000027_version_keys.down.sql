-- Nothing is lost: an index.

DROP INDEX IF EXISTS certificate_versions_spki_sha256_idx;
