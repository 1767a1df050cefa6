-- Jobs with leases and de-duplication, and the orders that record intent before a CA is asked.

CREATE TABLE IF NOT EXISTS jobs (
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    certificate_id TEXT,
    target_id TEXT,
    agent_id TEXT,
    status TEXT NOT NULL DEFAULT 'Pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 3,
    last_error TEXT,
    error_class TEXT,
    retry_scheduled BOOLEAN NOT NULL DEFAULT FALSE,
    deployment_result JSONB,
    scheduled_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    status_changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    lease_owner TEXT,
    lease_expires_at TIMESTAMPTZ,
    -- Of the agent's questions for work, which one the last claim answered.
    lease_turn BIGINT NOT NULL DEFAULT 0,
    certificate_version_id TEXT,
    batch_id TEXT,
    trigger TEXT NOT NULL DEFAULT 'api',
    is_forced BOOLEAN NOT NULL DEFAULT FALSE,
    requested_by TEXT NOT NULL DEFAULT 'system',
    requested_by_type TEXT NOT NULL DEFAULT 'System',
    dedupe_key TEXT,
    verification_status TEXT NOT NULL DEFAULT 'pending',
    verified_at TIMESTAMPTZ,
    verification_fingerprint TEXT,
    verification_error TEXT,
    -- What validating the served chain came to, and why; none when nobody sent the chain.
    verification_path TEXT,
    verification_path_detail TEXT NOT NULL DEFAULT '',
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT jobs_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE,
    CONSTRAINT jobs_target_fkey FOREIGN KEY (target_id) REFERENCES deployment_targets (id) ON DELETE SET NULL,
    CONSTRAINT jobs_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE SET NULL,
    CONSTRAINT jobs_version_fkey
        FOREIGN KEY (certificate_version_id) REFERENCES certificate_versions (id) ON DELETE SET NULL,
    CONSTRAINT jobs_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT jobs_type_enum CHECK (type IN ('Issuance', 'Renewal', 'Deployment', 'Validation')),
    CONSTRAINT jobs_status_enum CHECK (status IN (
        'Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running', 'Completed', 'Failed', 'Cancelled'
    )),
    CONSTRAINT jobs_error_class_enum
        CHECK (error_class IS NULL OR error_class IN ('transient', 'permanent', 'timeout', 'agent_offline')),
    CONSTRAINT jobs_trigger_enum CHECK (trigger IN ('schedule', 'ari', 'api', 'bulk', 'retry', 'protocol')),
    CONSTRAINT jobs_requested_by_type_enum
        CHECK (requested_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT jobs_verification_status_enum
        CHECK (verification_status IN ('pending', 'success', 'failed', 'skipped')),
    CONSTRAINT jobs_verification_path_enum CHECK (verification_path IS NULL OR verification_path IN (
        'valid', 'chain_incomplete', 'name_mismatch', 'malformed', 'expired', 'untrusted', 'revoked', 'not_yet_valid',
        'bad_signature', 'weak_algorithm', 'not_authority', 'name_constraint', 'path_length', 'policy', 'wrong_purpose',
        'unknown_critical_extension', 'revocation_unknown', 'too_complex'
    )),
    CONSTRAINT jobs_attempts_range CHECK (attempts >= 0 AND max_attempts >= 1),
    CONSTRAINT jobs_retry_shape CHECK (NOT retry_scheduled OR status = 'Failed'),
    CONSTRAINT jobs_lease_shape CHECK (
        (lease_owner IS NULL) = (lease_expires_at IS NULL) AND (lease_owner IS NULL OR status = 'Running')
    )
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_dedupe_key ON jobs (dedupe_key)
    WHERE dedupe_key IS NOT NULL
        AND (status IN ('Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running')
            OR (status = 'Failed' AND retry_scheduled));
CREATE INDEX IF NOT EXISTS jobs_created_at_idx ON jobs (created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS jobs_status_idx ON jobs (status, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS jobs_certificate_id_idx ON jobs (certificate_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS jobs_target_id_idx
    ON jobs (target_id, created_at DESC, id DESC) WHERE target_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_agent_id_idx ON jobs (agent_id, completed_at DESC) WHERE agent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_version_id_idx
    ON jobs (certificate_version_id) WHERE certificate_version_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_batch_id_idx ON jobs (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_agent_work_idx
    ON jobs (agent_id, created_at) WHERE status IN ('Pending', 'AwaitingCSR');
CREATE INDEX IF NOT EXISTS jobs_pending_idx ON jobs (scheduled_at, id) WHERE status = 'Pending';
CREATE INDEX IF NOT EXISTS jobs_retry_due_idx ON jobs (scheduled_at) WHERE status = 'Failed' AND retry_scheduled;
CREATE INDEX IF NOT EXISTS jobs_lease_idx ON jobs (lease_expires_at) WHERE status = 'Running';
CREATE INDEX IF NOT EXISTS jobs_waiting_idx
    ON jobs (status_changed_at) WHERE status IN ('AwaitingCSR', 'AwaitingApproval');
CREATE INDEX IF NOT EXISTS jobs_completed_at_idx ON jobs USING brin (completed_at);

CREATE TABLE IF NOT EXISTS issuer_orders (
    id TEXT NOT NULL,
    issuer_id TEXT NOT NULL,
    certificate_id TEXT,
    job_id TEXT,
    issuing_ca_id TEXT,
    kind TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    serial_number TEXT,
    csr_pem TEXT,
    csr_sha256 TEXT NOT NULL,
    upstream_order_id TEXT,
    upstream_cert_id TEXT,
    -- What the issuer answered with, where that was refused: evidence.
    rejected_pem TEXT,
    upstream_ref JSONB NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'submitting',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_poll_at TIMESTAMPTZ,
    last_polled_at TIMESTAMPTZ,
    deadline_at TIMESTAMPTZ,
    holder TEXT,
    error_class TEXT,
    error_cause TEXT,
    last_error TEXT,
    row_version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT issuer_orders_pkey PRIMARY KEY (id),
    CONSTRAINT issuer_orders_issuer_id_idempotency_key_key UNIQUE (issuer_id, idempotency_key),
    CONSTRAINT issuer_orders_issuer_id_serial_number_key UNIQUE (issuer_id, serial_number),
    CONSTRAINT issuer_orders_issuer_fkey FOREIGN KEY (issuer_id) REFERENCES issuers (id) ON DELETE RESTRICT,
    CONSTRAINT issuer_orders_certificate_fkey
        FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE SET NULL,
    CONSTRAINT issuer_orders_id_form CHECK (length(id) <= 128 AND id ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$'),
    CONSTRAINT issuer_orders_kind_enum CHECK (kind IN ('issue', 'renew', 'revoke')),
    CONSTRAINT issuer_orders_state_enum
        CHECK (state IN ('submitting', 'pending', 'issued', 'failed', 'cancelled', 'expired', 'abandoned')),
    CONSTRAINT issuer_orders_error_class_enum CHECK (error_class IS NULL OR error_class IN (
        'auth', 'network', 'other', 'timeout', 'validation', 'rate_limited', 'upstream_4xx', 'upstream_5xx'
    )),
    CONSTRAINT issuer_orders_error_cause_enum
        CHECK (error_cause IS NULL OR error_cause IN ('authority', 'caa', 'key', 'names')),
    CONSTRAINT issuer_orders_serial_form CHECK (serial_number IS NULL OR (serial_number ~ '^(0|[1-9a-f][0-9a-f]*)$')),
    CONSTRAINT issuer_orders_csr_digest_form CHECK (length(csr_sha256) = 64 AND csr_sha256 ~ '^[0-9a-f]*$'),
    CONSTRAINT issuer_orders_attempts_range CHECK (attempts >= 0)
);
CREATE INDEX IF NOT EXISTS issuer_orders_issuing_ca_id_idx
    ON issuer_orders (issuing_ca_id) WHERE issuing_ca_id IS NOT NULL AND state IN ('submitting', 'pending');
CREATE INDEX IF NOT EXISTS issuer_orders_certificate_id_idx
    ON issuer_orders (certificate_id) WHERE certificate_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS issuer_orders_job_id_idx ON issuer_orders (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS issuer_orders_submitting_idx ON issuer_orders (created_at) WHERE state = 'submitting';
CREATE INDEX IF NOT EXISTS issuer_orders_poll_idx ON issuer_orders (next_poll_at) WHERE state = 'pending';
