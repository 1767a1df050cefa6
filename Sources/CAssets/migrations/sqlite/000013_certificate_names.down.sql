-- No data is lost: the names are those of managed_certificates. How far backfills have come is forgotten.

DROP TRIGGER IF EXISTS managed_certificates_names_insert;
DROP TRIGGER IF EXISTS managed_certificates_names_update;
DROP TABLE IF EXISTS certificate_names;
DROP TABLE IF EXISTS data_migrations;
