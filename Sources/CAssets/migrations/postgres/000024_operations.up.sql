-- Work on many objects at once: what was asked for, exactly which objects it is about, and how far it has come.

CREATE TABLE IF NOT EXISTS operations (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_by_type TEXT NOT NULL,
    request_id TEXT,
    criteria JSONB NOT NULL,
    reason TEXT NOT NULL,
    invalidity_date TIMESTAMPTZ,
    items_sha256 TEXT NOT NULL,
    total INTEGER NOT NULL,
    succeeded INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    approval_id TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT operations_pkey PRIMARY KEY (id),
    CONSTRAINT operations_approval_fkey
        FOREIGN KEY (approval_id) REFERENCES issuance_approval_requests (id) ON DELETE SET NULL,
    CONSTRAINT operations_kind_enum CHECK (kind IN ('bulk_revoke')),
    CONSTRAINT operations_state_enum
        CHECK (state IN ('awaiting_approval', 'running', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT operations_creator_type_enum
        CHECK (created_by_type IN ('User', 'System', 'Agent', 'APIKey', 'Anonymous', 'Protocol')),
    CONSTRAINT operations_items_form CHECK (items_sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT operations_counts CHECK (
        total >= 0 AND succeeded >= 0 AND skipped >= 0 AND failed >= 0 AND succeeded + skipped + failed <= total
    ),
    CONSTRAINT operations_finish CHECK ((finished_at IS NULL) = (state IN ('awaiting_approval', 'running')))
);
CREATE INDEX IF NOT EXISTS operations_open_idx ON operations (created_at) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS operations_created_at_idx ON operations (created_at, id);
CREATE INDEX IF NOT EXISTS operations_finished_at_idx ON operations (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS operations_approval_id_idx ON operations (approval_id) WHERE approval_id IS NOT NULL;

-- The objects of an operation, in the order in which they are worked on. An object need not exist.
CREATE TABLE IF NOT EXISTS operation_items (
    operation_id TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT,
    finished_at TIMESTAMPTZ,
    CONSTRAINT operation_items_pkey PRIMARY KEY (operation_id, subject_id),
    CONSTRAINT operation_items_operation_fkey
        FOREIGN KEY (operation_id) REFERENCES operations (id) ON DELETE CASCADE,
    CONSTRAINT operation_items_outcome_enum CHECK (outcome IN ('pending', 'succeeded', 'skipped', 'failed')),
    CONSTRAINT operation_items_finish CHECK ((outcome = 'pending') = (finished_at IS NULL))
);
CREATE INDEX IF NOT EXISTS operation_items_open_idx
    ON operation_items (operation_id, subject_id) WHERE outcome = 'pending';
