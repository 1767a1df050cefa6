-- Which versions certified a key: profiles may forbid that it is certified again. Built beside running work, hence outside a
-- transaction. A build that was cut short leaves an invalid index behind, which IF NOT EXISTS would take for the real one.

DROP INDEX CONCURRENTLY IF EXISTS certificate_versions_spki_sha256_idx;
CREATE INDEX CONCURRENTLY IF NOT EXISTS certificate_versions_spki_sha256_idx ON certificate_versions (spki_sha256);
