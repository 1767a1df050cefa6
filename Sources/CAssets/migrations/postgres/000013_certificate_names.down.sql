-- No data is lost: the names are those of managed_certificates. How far backfills have come is forgotten.

DROP TRIGGER IF EXISTS managed_certificates_names ON managed_certificates;
DROP FUNCTION IF EXISTS certificate_names_follow();
DROP TABLE IF EXISTS certificate_names;
DROP TABLE IF EXISTS data_migrations;
