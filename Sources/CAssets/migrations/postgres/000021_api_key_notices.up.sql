-- What was said about the end of an API key, or about its not being used, so that it is said once. A new end, or another
-- use, is something new to speak of.

CREATE TABLE IF NOT EXISTS api_key_notices (
    api_key_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    about TIMESTAMPTZ NOT NULL,
    noticed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT api_key_notices_pkey PRIMARY KEY (api_key_id, kind, about),
    CONSTRAINT api_key_notices_key_fkey FOREIGN KEY (api_key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
    CONSTRAINT api_key_notices_kind_enum
        CHECK (kind IN ('expires_30d', 'expires_7d', 'expires_1d', 'expired', 'unused'))
);
