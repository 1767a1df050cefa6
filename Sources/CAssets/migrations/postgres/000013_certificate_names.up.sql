-- The names of certificates, one row for each, so that a certificate is found by a name without reading all of them;
-- and the progress of tasks that fill what a migration made room for.
--
-- Writers of any release keep the names through the trigger; the backfill `certificate_names` fills those of
-- certificates that were there before. Names are kept in lower case.

CREATE TABLE IF NOT EXISTS data_migrations (
    name TEXT NOT NULL,
    migration TEXT NOT NULL,
    position TEXT NOT NULL DEFAULT '',
    rows_done BIGINT NOT NULL DEFAULT 0,
    run_by TEXT NOT NULL,
    started_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at TIMESTAMPTZ,
    paused_at TIMESTAMPTZ,
    CONSTRAINT data_migrations_pkey PRIMARY KEY (name),
    CONSTRAINT data_migrations_rows_range CHECK (rows_done >= 0),
    CONSTRAINT data_migrations_shape CHECK (
        (started_at IS NOT NULL OR (finished_at IS NULL AND rows_done = 0 AND position = ''))
        AND (finished_at IS NULL OR paused_at IS NULL)
    )
);

CREATE TABLE IF NOT EXISTS certificate_names (
    name TEXT NOT NULL,
    certificate_id TEXT NOT NULL,
    CONSTRAINT certificate_names_pkey PRIMARY KEY (name, certificate_id),
    CONSTRAINT certificate_names_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS certificate_names_certificate_id_idx ON certificate_names (certificate_id);

CREATE OR REPLACE FUNCTION certificate_names_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM certificate_names kept
    WHERE kept.certificate_id = NEW.id AND kept.name NOT IN (
        SELECT lower(element.value) FROM jsonb_array_elements_text(NEW.sans) AS element (value)
    );
    INSERT INTO certificate_names (name, certificate_id)
    SELECT lower(element.value), NEW.id FROM jsonb_array_elements_text(NEW.sans) AS element (value)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS managed_certificates_names ON managed_certificates;
CREATE TRIGGER managed_certificates_names AFTER INSERT OR UPDATE OF sans ON managed_certificates
    FOR EACH ROW EXECUTE FUNCTION certificate_names_follow();
