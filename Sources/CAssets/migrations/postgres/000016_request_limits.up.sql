-- Limits that replicas share. A cell says when the attempts of one key are paid for (GCRA, microseconds since 1970); one
-- that was not touched for a day is removed, as is a replica that fell silent.

CREATE TABLE IF NOT EXISTS rate_limit_cells (
    bucket_key TEXT NOT NULL,
    paid_until BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT rate_limit_cells_pkey PRIMARY KEY (bucket_key)
);
CREATE INDEX IF NOT EXISTS rate_limit_cells_updated_at_idx ON rate_limit_cells (updated_at);

CREATE TABLE IF NOT EXISTS server_replicas (
    instance TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT server_replicas_pkey PRIMARY KEY (instance)
);
