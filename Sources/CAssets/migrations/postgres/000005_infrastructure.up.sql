-- Idempotent requests, leadership and loops, sealing keys, and the TLS identity of the control plane.

CREATE TABLE IF NOT EXISTS idempotency_keys (
    actor_id TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'running',
    response_status INTEGER,
    response_headers JSONB,
    response_body BYTEA,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (actor_type, actor_id, method, path, key),
    CONSTRAINT idempotency_keys_actor_type_enum
        CHECK (actor_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT idempotency_keys_method_enum CHECK (method IN ('POST', 'PATCH')),
    CONSTRAINT idempotency_keys_key_length CHECK (length(key) BETWEEN 8 AND 255),
    CONSTRAINT idempotency_keys_digest_form CHECK (length(request_digest) = 64 AND request_digest ~ '^[0-9a-f]*$'),
    CONSTRAINT idempotency_keys_state_enum CHECK (state IN ('running', 'done')),
    CONSTRAINT idempotency_keys_response_shape CHECK (
        (state = 'done') = (response_status IS NOT NULL)
        AND (response_status IS NULL) = (response_headers IS NULL)
        AND (response_status IS NULL) = (response_body IS NULL)
    )
);
CREATE INDEX IF NOT EXISTS idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);

CREATE TABLE IF NOT EXISTS scheduler_leader (
    id INTEGER NOT NULL,
    holder TEXT,
    host TEXT NOT NULL DEFAULT '',
    pid INTEGER NOT NULL DEFAULT 0,
    epoch BIGINT NOT NULL DEFAULT 0,
    acquired_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    CONSTRAINT scheduler_leader_pkey PRIMARY KEY (id),
    CONSTRAINT scheduler_leader_single CHECK (id = 1),
    CONSTRAINT scheduler_leader_shape CHECK ((holder IS NULL) = (expires_at IS NULL)),
    CONSTRAINT scheduler_leader_epoch_range CHECK (epoch >= 0)
);

CREATE TABLE IF NOT EXISTS scheduler_state (
    loop TEXT NOT NULL,
    last_started_at TIMESTAMPTZ,
    last_finished_at TIMESTAMPTZ,
    last_result TEXT,
    last_error TEXT,
    next_due_at TIMESTAMPTZ NOT NULL,
    leader_epoch BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT scheduler_state_pkey PRIMARY KEY (loop),
    CONSTRAINT scheduler_state_result_enum
        CHECK (last_result IS NULL OR last_result IN ('success', 'failure', 'cancelled'))
);

CREATE TABLE IF NOT EXISTS sealing_keys (
    kek_id TEXT NOT NULL,
    derivation TEXT NOT NULL,
    salt BYTEA,
    check_value BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    retired_at TIMESTAMPTZ,
    CONSTRAINT sealing_keys_pkey PRIMARY KEY (kek_id),
    CONSTRAINT sealing_keys_id_form CHECK (length(kek_id) = 16),
    CONSTRAINT sealing_keys_derivation_enum CHECK (derivation IN ('hkdf-sha256', 'pbkdf2-sha256')),
    CONSTRAINT sealing_keys_salt_shape CHECK ((derivation = 'pbkdf2-sha256') = (salt IS NOT NULL))
);

CREATE TABLE IF NOT EXISTS control_plane_tls (
    id INTEGER NOT NULL,
    chain_pem TEXT NOT NULL,
    private_key_encrypted BYTEA NOT NULL,
    fingerprint_sha256 TEXT NOT NULL,
    not_after TIMESTAMPTZ NOT NULL,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT control_plane_tls_pkey PRIMARY KEY (id),
    CONSTRAINT control_plane_tls_single CHECK (id = 1),
    CONSTRAINT control_plane_tls_fingerprint_form
        CHECK (length(fingerprint_sha256) = 64 AND fingerprint_sha256 ~ '^[0-9a-f]*$')
);
