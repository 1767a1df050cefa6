package import Domain
import Encoding
package import Query

/// A job with what an agent needs to do it.
package struct AgentWork: Hashable, Sendable {
    package let job: Job
    package let commonName: String
    package let subjectAltNames: [String]
    package let profileID: ProfileID?
    /// Present for deployments and tests.
    package let target: Target?
    /// The whole configuration of the target, sealed for its row; `nil` when it holds no secret.
    package let sealedTargetConfig: [UInt8]?
    /// The fingerprint of the version that a deployment installs.
    package let fingerprintSHA256: String?
}

extension JobStore {
    /// How far two clocks that agree may be apart.
    static let clockTolerance = Duration.minutes(1)

    /// Whether the time of a job has come.
    ///
    /// A job that was last written at a time which has not come yet was written before the clock was set back, and its
    /// due time says nothing: it is due, instead of waiting until the clock has caught up.
    func isDue(at now: Timestamp) -> SQL { "(scheduled_at <= \(now) OR updated_at > \(now + Self.clockTolerance))" }

    /// Claims issuances and renewals for a server: the oldest that are due, each with a lease.
    ///
    /// Servers that claim at the same time never get the same job. The due rows are materialized because PostgreSQL may
    /// otherwise run a locking subquery once per outer row, which claims more than `limit`.
    package func claimForServer(
        limit: Int,
        owner: String,
        lease: Duration,
        in tx: any Transaction
    ) throws -> [Job] {
        try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM jobs
                WHERE status = 'Pending' AND type IN ('Issuance', 'Renewal') AND \(fragment: isDue(at: tx.now))
                ORDER BY scheduled_at, id LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE jobs SET status = 'Running', attempts = attempts + 1, started_at = \(tx.now),
                status_changed_at = \(tx.now), lease_owner = \(owner), lease_expires_at = \(tx.now + lease),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND status = 'Pending'
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
    }

    /// Hands an agent its work: deployments and tests first, which become `Running` with a lease, then the jobs that wait for
    /// its CSR, which do not change.
    ///
    /// - `limit`: items of one answer.
    /// - `mostOutstanding`: jobs that the agent may hold at one time.
    /// - `turn`: of the question that is answered, see ``WorkQuestion``; zero for an agent that does not count.
    package func claimForAgent(
        _ agent: AgentID,
        limit: Int,
        mostOutstanding: Int,
        lease: Duration,
        turn: Int64 = 0,
        in tx: any Transaction
    ) throws -> [AgentWork] {
        try lock(agent, in: tx)
        let held =
            try tx.row(
                "SELECT COUNT(*) AS n FROM jobs WHERE agent_id = \(agent) AND status = 'Running'"
            )?.int("n") ?? 0
        let room = min(limit, max(0, mostOutstanding - held))
        var claimed: [JobID] = []
        if room > 0 {
            claimed = try tx.rows(
                """
                WITH due AS MATERIALIZED (
                    SELECT id FROM jobs
                    WHERE agent_id = \(agent) AND status = 'Pending' AND type IN ('Deployment', 'Validation')
                        AND \(fragment: isDue(at: tx.now))
                    ORDER BY created_at, id LIMIT \(room)\(lock: .forUpdateSkipLocked)
                )
                UPDATE jobs SET status = 'Running', attempts = attempts + 1, started_at = \(tx.now),
                    status_changed_at = \(tx.now), lease_owner = \(agent), lease_expires_at = \(tx.now + lease),
                    lease_turn = \(turn), updated_at = \(tx.now), row_version = row_version + 1
                WHERE id IN (SELECT id FROM due) AND status = 'Pending'
                RETURNING id
                """
            ).map { try $0.id("id") }
        }
        let waiting: [JobID] = try tx.rows(
            """
            SELECT id FROM jobs
            WHERE agent_id = \(agent) AND status = 'AwaitingCSR' AND \(fragment: isDue(at: tx.now))
            ORDER BY created_at, id LIMIT \(max(0, limit - claimed.count))
            """
        ).map { try $0.id("id") }
        return try describe(claimed + waiting, in: tx)
    }

    /// Two polls of one agent at the same time must not each fill its allowance. The agent is locked before its jobs, as
    /// a heartbeat does.
    func lock(_ agent: AgentID, in tx: any Transaction) throws {
        _ = try tx.row("SELECT id FROM agents WHERE id = \(agent)\(lock: .forUpdate)")
    }

    /// The work items of several jobs, in one statement.
    private func describe(_ ids: [JobID], in tx: any Transaction) throws -> [AgentWork] {
        guard !ids.isEmpty else { return [] }
        let rows = try tx.rows(
            """
            SELECT \(fragment: Self.qualifiedColumns), COALESCE(c.common_name, '') AS common_name,
                COALESCE(c.sans, '[]') AS sans, c.certificate_profile_id,
                d.id AS d_id, d.name AS d_name, d.type AS d_type, d.agent_id AS d_agent_id, d.config AS d_config,
                d.enabled AS d_enabled, d.last_tested_at AS d_last_tested_at, d.test_status AS d_test_status,
                d.source AS d_source, d.retired_at AS d_retired_at, d.retired_reason AS d_retired_reason,
                d.row_version AS d_row_version, d.created_at AS d_created_at, d.updated_at AS d_updated_at,
                d.encrypted_config AS d_encrypted_config, v.fingerprint_sha256
            FROM jobs j
            LEFT JOIN managed_certificates c ON c.id = j.certificate_id
            LEFT JOIN deployment_targets d ON d.id = j.target_id
            LEFT JOIN certificate_versions v ON v.id = j.certificate_version_id
            WHERE j.id IN \(list: ids) ORDER BY CASE WHEN j.type IN ('Deployment', 'Validation') THEN 0 ELSE 1 END, j.created_at, j.id
            """
        )
        return try rows.map { row in
            AgentWork(
                job: try Job(row),
                commonName: try row.text("common_name"),
                subjectAltNames: try row.texts("sans"),
                profileID: try row.optionalID("certificate_profile_id"),
                target: try row.optionalText("d_id") == nil ? nil : Target(row, prefix: "d_"),
                sealedTargetConfig: try row.optionalBytes("d_encrypted_config"),
                fingerprintSHA256: try row.optionalText("fingerprint_sha256")
            )
        }
    }

    private static let qualifiedColumns: SQL = """
        j.id, j.type, j.certificate_id, j.target_id, j.agent_id, j.status, j.attempts, j.max_attempts, j.last_error,
        j.error_class, j.retry_scheduled, j.deployment_result, j.scheduled_at, j.started_at, j.completed_at,
        j.status_changed_at, j.lease_owner, j.lease_expires_at, j.certificate_version_id, j.batch_id, j.trigger,
        j.is_forced, j.requested_by, j.requested_by_type, j.verification_status, j.verified_at, j.verification_fingerprint,
        j.verification_error, j.verification_path, j.verification_path_detail, j.row_version, j.created_at, j.updated_at
        """

    /// Takes the CSR of the assigned agent: `AwaitingCSR` → `Running`, one attempt, a lease for `owner`.
    ///
    /// - `owner`: who signs now; the agent, or the server that took the request.
    ///
    /// - Returns: The job; `nil` when it does not wait for a CSR of this agent.
    package func acceptCSR(
        _ id: JobID,
        from agent: AgentID,
        owner: String,
        lease: Duration,
        in tx: any Transaction
    ) throws -> Job? {
        try tx.row(
            """
            UPDATE jobs SET status = 'Running', attempts = attempts + 1, started_at = \(tx.now),
                status_changed_at = \(tx.now), lease_owner = \(owner), lease_expires_at = \(tx.now + lease),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND agent_id = \(agent) AND status = 'AwaitingCSR'
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
    }

    /// Extends the leases that `owner` still holds; those that it does. The others are somebody else's now.
    package func extendLeases(
        _ ids: [JobID],
        owner: String,
        lease: Duration,
        in tx: any Transaction
    ) throws -> [JobID] {
        guard !ids.isEmpty else { return [] }
        return try tx.rows(
            """
            UPDATE jobs SET lease_expires_at = \(tx.now + lease), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id IN \(list: ids) AND status = 'Running' AND lease_owner = \(owner)
            RETURNING id
            """
        ).map { try $0.id("id") }
    }

    /// Gives back what a server holds, when it shuts down; the attempt does not count.
    package func releaseLeases(owner: String, in tx: any Transaction) throws -> [JobID] {
        try tx.rows(
            """
            UPDATE jobs SET status = \(fragment: Self.queueStatus), attempts = attempts - 1, started_at = NULL,
                status_changed_at = \(tx.now), lease_owner = NULL, lease_expires_at = NULL, updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE status = 'Running' AND lease_owner = \(owner)
            RETURNING id
            """
        ).map { try $0.id("id") }
    }
}
