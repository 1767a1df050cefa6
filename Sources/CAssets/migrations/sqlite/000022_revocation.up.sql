-- What has been revoked, and the revocation lists made of it (RFC 5280 §5). An authority is one signing certificate:
-- a built-in issuer (then it has the issuer's identifier) or a CA of its hierarchy.

-- The counters of an authority. A revocation takes the next change under the lock of this row, so that the order of
-- changes is the order of commits, and a list that covers change n covers all before it.
CREATE TABLE IF NOT EXISTS revocation_counters (
    authority_id TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    last_change INTEGER NOT NULL DEFAULT 0,
    last_crl_number INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT revocation_counters_pkey PRIMARY KEY (authority_id),
    CONSTRAINT revocation_counters_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE CASCADE,
    CONSTRAINT revocation_counters_range CHECK (last_change >= 0 AND last_crl_number >= 0)
) STRICT;
CREATE INDEX IF NOT EXISTS revocation_counters_issuer_id_idx ON revocation_counters (issuer_id);

-- One row for each certificate that was ever revoked, whatever became of the certificate's own row.
CREATE TABLE IF NOT EXISTS certificate_revocations (
    id TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    authority_id TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    certificate_id TEXT,
    version_id TEXT,
    -- The order that was answered with it; what was refused has no version.
    order_id TEXT,
    spki_sha256 TEXT,
    not_after INTEGER NOT NULL,
    short_lived INTEGER NOT NULL DEFAULT FALSE,
    is_ca INTEGER NOT NULL DEFAULT FALSE,
    reason TEXT NOT NULL,
    revoked_by TEXT NOT NULL,
    revoked_at INTEGER NOT NULL,
    invalidity_date INTEGER,
    released_at INTEGER,
    first_change INTEGER NOT NULL,
    change_number INTEGER NOT NULL,
    notification TEXT NOT NULL,
    notify_attempts INTEGER NOT NULL DEFAULT 0,
    next_notify_at INTEGER,
    notify_error TEXT,
    -- What the issuer calls the request that it has not decided yet.
    notify_reference TEXT,
    -- When the issuer answered for good, or the certificate ended.
    notify_ended_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT certificate_revocations_pkey PRIMARY KEY (id),
    CONSTRAINT certificate_revocations_issuer_id_serial_number_key UNIQUE (issuer_id, serial_number, authority_id),
    CONSTRAINT certificate_revocations_issuer_fkey
        FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT,
    CONSTRAINT certificate_revocations_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE SET NULL,
    CONSTRAINT certificate_revocations_version_fkey
        FOREIGN KEY (version_id) REFERENCES certificate_versions (id) ON DELETE SET NULL,
    CONSTRAINT certificate_revocations_id_form
        CHECK (id GLOB '[A-Za-z0-9]*' AND id NOT GLOB '*[^A-Za-z0-9._-]*' AND length(id) <= 128),
    CONSTRAINT certificate_revocations_serial_form CHECK (
        length(serial_number) > 0
            AND serial_number NOT GLOB '*[^0-9a-f]*'
            AND (serial_number = '0' OR serial_number NOT GLOB '0*')
    ),
    CONSTRAINT certificate_revocations_spki_form
        CHECK (spki_sha256 IS NULL OR (length(spki_sha256) = 64 AND spki_sha256 NOT GLOB '*[^0-9a-f]*')),
    CONSTRAINT certificate_revocations_reason_enum CHECK (reason IN (
        'unspecified', 'keyCompromise', 'caCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation',
        'certificateHold', 'privilegeWithdrawn', 'aACompromise'
    )),
    CONSTRAINT certificate_revocations_short_lived_bool CHECK (short_lived IN (0, 1)),
    CONSTRAINT certificate_revocations_is_ca_bool CHECK (is_ca IN (0, 1)),
    CONSTRAINT certificate_revocations_release
        CHECK (released_at IS NULL OR (reason = 'certificateHold' AND released_at >= revoked_at)),
    CONSTRAINT certificate_revocations_notification_enum
        CHECK (notification IN ('none', 'pending', 'done', 'refused', 'expired')),
    CONSTRAINT certificate_revocations_notification_due
        CHECK ((notification = 'pending') = (next_notify_at IS NOT NULL)),
    CONSTRAINT certificate_revocations_notification_end
        CHECK ((notification IN ('done', 'refused', 'expired')) = (notify_ended_at IS NOT NULL)),
    CONSTRAINT certificate_revocations_attempts_range CHECK (notify_attempts >= 0)
) STRICT;
CREATE INDEX IF NOT EXISTS certificate_revocations_change_idx
    ON certificate_revocations (authority_id, change_number);
CREATE INDEX IF NOT EXISTS certificate_revocations_end_idx ON certificate_revocations (authority_id, not_after);
CREATE INDEX IF NOT EXISTS certificate_revocations_certificate_id_idx
    ON certificate_revocations (certificate_id) WHERE certificate_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS certificate_revocations_version_id_idx
    ON certificate_revocations (version_id) WHERE version_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS certificate_revocations_revoked_at_idx ON certificate_revocations (revoked_at, id);
CREATE INDEX IF NOT EXISTS certificate_revocations_compromised_idx
    ON certificate_revocations (spki_sha256) WHERE reason IN ('keyCompromise', 'caCompromise', 'aACompromise');
CREATE INDEX IF NOT EXISTS certificate_revocations_notify_idx
    ON certificate_revocations (next_notify_at) WHERE next_notify_at IS NOT NULL;
-- What issuers do not know, or do not want to know: a few of many.
CREATE INDEX IF NOT EXISTS certificate_revocations_open_idx
    ON certificate_revocations (notification, issuer_id, revoked_at) WHERE notification IN ('pending', 'refused');

-- The newest list of each scope: 'full', 'delta', or 'K-N' for shard K of N. Its octets are head, the entries of its
-- blocks in order, and tail; so that one more revocation writes one block, not a million entries.
CREATE TABLE IF NOT EXISTS crl_cache (
    authority_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    crl_number INTEGER NOT NULL,
    through_change INTEGER NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    -- From when on less than a quarter of its validity is left; and since when it is known that no newer one can be made.
    ending_at INTEGER NOT NULL,
    alerted_at INTEGER,
    pruned_through INTEGER NOT NULL,
    generated_at INTEGER NOT NULL,
    generation_duration_ms INTEGER NOT NULL,
    revoked_count INTEGER NOT NULL,
    head_der BLOB NOT NULL,
    tail_der BLOB NOT NULL,
    length INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    CONSTRAINT crl_cache_pkey PRIMARY KEY (authority_id, scope),
    CONSTRAINT crl_cache_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE CASCADE,
    CONSTRAINT crl_cache_validity CHECK (this_update < next_update AND ending_at BETWEEN this_update AND next_update)
) STRICT;
CREATE INDEX IF NOT EXISTS crl_cache_issuer_id_idx ON crl_cache (issuer_id);
CREATE INDEX IF NOT EXISTS crl_cache_next_update_idx ON crl_cache (next_update);
CREATE INDEX IF NOT EXISTS crl_cache_alerted_idx ON crl_cache (authority_id) WHERE alerted_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS crl_blocks (
    authority_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    block INTEGER NOT NULL,
    entry_count INTEGER NOT NULL,
    entries BLOB NOT NULL,
    CONSTRAINT crl_blocks_pkey PRIMARY KEY (authority_id, scope, block),
    CONSTRAINT crl_blocks_crl_fkey
        FOREIGN KEY (authority_id, scope) REFERENCES crl_cache (authority_id, scope) ON DELETE CASCADE,
    CONSTRAINT crl_blocks_range CHECK (block >= 0 AND entry_count >= 0)
) STRICT;

-- How many shards an authority has, or once had: a certificate names the shard of its day until it ends.
CREATE TABLE IF NOT EXISTS crl_partitions (
    authority_id TEXT NOT NULL,
    partitions INTEGER NOT NULL,
    issuer_id TEXT NOT NULL,
    since INTEGER NOT NULL,
    CONSTRAINT crl_partitions_pkey PRIMARY KEY (authority_id, partitions),
    CONSTRAINT crl_partitions_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE CASCADE,
    CONSTRAINT crl_partitions_range CHECK (partitions BETWEEN 1 AND 256)
) STRICT;
CREATE INDEX IF NOT EXISTS crl_partitions_issuer_id_idx ON crl_partitions (issuer_id);

CREATE TABLE IF NOT EXISTS crl_generation_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issuer_id TEXT NOT NULL,
    authority_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    crl_number INTEGER,
    -- The newest change that the list has taken into account: what a delta list to it has to tell comes after.
    through_change INTEGER,
    -- When the list ends: until then somebody may hold it, and a delta list has to go with it.
    next_update INTEGER,
    duration_ms INTEGER NOT NULL,
    revoked_count INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    error TEXT,
    CONSTRAINT crl_generation_events_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE CASCADE,
    CONSTRAINT crl_generation_events_outcome CHECK (succeeded = (error IS NULL)),
    CONSTRAINT crl_generation_events_succeeded_bool CHECK (succeeded IN (0, 1))
) STRICT;
CREATE INDEX IF NOT EXISTS crl_generation_events_issuer_id_idx ON crl_generation_events (issuer_id, started_at);
CREATE INDEX IF NOT EXISTS crl_generation_events_started_at_idx ON crl_generation_events (started_at);
CREATE INDEX IF NOT EXISTS crl_generation_events_full_idx
    ON crl_generation_events (authority_id, crl_number) WHERE scope = 'full' AND succeeded;
