-- Keys that seal: who holds which, keys of authentication codes that outlive a rotation, and the values that another
-- program wrote before: in its own formats (3), or in the clear (0).

CREATE TABLE IF NOT EXISTS sealing_key_holders (
    instance TEXT NOT NULL,
    kek_ids TEXT NOT NULL,
    active_kek_id TEXT NOT NULL,
    active_since INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    CONSTRAINT sealing_key_holders_pkey PRIMARY KEY (instance)
) STRICT;

CREATE TABLE IF NOT EXISTS code_keys (
    label TEXT NOT NULL,
    key_encrypted BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT code_keys_pkey PRIMARY KEY (label)
) STRICT;

CREATE TABLE IF NOT EXISTS legacy_seals (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    row_id TEXT NOT NULL,
    crypto_version INTEGER NOT NULL,
    CONSTRAINT legacy_seals_pkey PRIMARY KEY (table_name, column_name, row_id),
    CONSTRAINT legacy_seals_version_enum CHECK (crypto_version IN (0, 3))
) STRICT;
