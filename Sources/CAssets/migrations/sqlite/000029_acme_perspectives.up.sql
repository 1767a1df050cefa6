-- What agents saw of proofs that the control plane had seen (ADR-0031): one question to each perspective for each attempt.

CREATE TABLE IF NOT EXISTS acme_perspective_checks (
    id TEXT NOT NULL,
    challenge_id TEXT NOT NULL,
    purpose TEXT NOT NULL DEFAULT 'proof',
    attempt INTEGER NOT NULL,
    perspective TEXT NOT NULL,
    thumbprint TEXT NOT NULL,
    agent_id TEXT,
    claimed_at INTEGER,
    verdict TEXT,
    problem TEXT,
    detail TEXT,
    answered_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT acme_perspective_checks_pkey PRIMARY KEY (id),
    CONSTRAINT acme_perspective_checks_perspective_key UNIQUE (challenge_id, purpose, attempt, perspective),
    CONSTRAINT acme_perspective_checks_agent_key UNIQUE (challenge_id, purpose, attempt, agent_id),
    CONSTRAINT acme_perspective_checks_challenge_fkey
        FOREIGN KEY (challenge_id) REFERENCES acme_challenges (challenge_id) ON DELETE CASCADE,
    CONSTRAINT acme_perspective_checks_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE,
    CONSTRAINT acme_perspective_checks_purpose_enum CHECK (purpose IN ('proof', 'caa')),
    CONSTRAINT acme_perspective_checks_verdict_enum CHECK (verdict IN ('confirmed', 'refused')),
    CONSTRAINT acme_perspective_checks_attempt_range CHECK (attempt >= 1),
    CONSTRAINT acme_perspective_checks_claim CHECK ((agent_id IS NULL) = (claimed_at IS NULL)),
    CONSTRAINT acme_perspective_checks_answer
        CHECK ((verdict IS NULL) = (answered_at IS NULL) AND (verdict IS NULL OR agent_id IS NOT NULL)),
    CONSTRAINT acme_perspective_checks_problem
        CHECK ((problem IS NOT NULL) = (verdict IS NOT NULL AND verdict = 'refused'))
) STRICT;
CREATE INDEX IF NOT EXISTS acme_perspective_checks_agent_id_idx ON acme_perspective_checks (agent_id);
CREATE INDEX IF NOT EXISTS acme_perspective_checks_open_idx
    ON acme_perspective_checks (perspective, created_at) WHERE agent_id IS NULL;
CREATE INDEX IF NOT EXISTS acme_perspective_checks_expires_at_idx ON acme_perspective_checks (expires_at);
