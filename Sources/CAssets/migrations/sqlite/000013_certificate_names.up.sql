-- The names of certificates, one row for each, so that a certificate is found by a name without reading all of them;
-- and the progress of tasks that fill what a migration made room for.
--
-- Writers of any release keep the names through the triggers; the backfill `certificate_names` fills those of
-- certificates that were there before. Names are kept in lower case.

CREATE TABLE IF NOT EXISTS data_migrations (
    name TEXT NOT NULL,
    migration TEXT NOT NULL,
    position TEXT NOT NULL DEFAULT '',
    rows_done INTEGER NOT NULL DEFAULT 0,
    run_by TEXT NOT NULL,
    started_at INTEGER,
    updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000),
    finished_at INTEGER,
    paused_at INTEGER,
    CONSTRAINT data_migrations_pkey PRIMARY KEY (name),
    CONSTRAINT data_migrations_rows_range CHECK (rows_done >= 0),
    CONSTRAINT data_migrations_shape CHECK (
        (started_at IS NOT NULL OR (finished_at IS NULL AND rows_done = 0 AND position = ''))
        AND (finished_at IS NULL OR paused_at IS NULL)
    )
) STRICT;

CREATE TABLE IF NOT EXISTS certificate_names (
    name TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    CONSTRAINT certificate_names_pkey PRIMARY KEY (name, certificate_id),
    CONSTRAINT certificate_names_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_names_certificate_id_idx ON certificate_names (certificate_id);

DROP TRIGGER IF EXISTS managed_certificates_names_insert;
CREATE TRIGGER managed_certificates_names_insert AFTER INSERT ON managed_certificates
BEGIN
    INSERT INTO certificate_names (name, certificate_id)
    SELECT lower(element.value), NEW.id FROM json_each(NEW.sans) AS element WHERE TRUE
    ON CONFLICT DO NOTHING;
END;
DROP TRIGGER IF EXISTS managed_certificates_names_update;
CREATE TRIGGER managed_certificates_names_update AFTER UPDATE OF sans ON managed_certificates
BEGIN
    DELETE FROM certificate_names
    WHERE certificate_id = NEW.id AND name NOT IN (
        SELECT lower(element.value) FROM json_each(NEW.sans) AS element
    );
    INSERT INTO certificate_names (name, certificate_id)
    SELECT lower(element.value), NEW.id FROM json_each(NEW.sans) AS element WHERE TRUE
    ON CONFLICT DO NOTHING;
END;
