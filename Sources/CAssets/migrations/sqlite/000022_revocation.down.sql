-- What was revoked is forgotten: relying parties keep the lists they have until those end, and get no newer ones.

DROP TABLE IF EXISTS crl_generation_events;
DROP TABLE IF EXISTS crl_partitions;
DROP TABLE IF EXISTS crl_blocks;
DROP TABLE IF EXISTS crl_cache;
DROP TABLE IF EXISTS certificate_revocations;
DROP TABLE IF EXISTS revocation_counters;
