package import Domain
package import Query

/// What became of jobs whose time ran out.
package struct TimedOutJobs: Sendable {
    /// Will be done again.
    package let requeued: [Job]
    /// Had no attempts left and failed for good.
    package let failed: [Job]
}

extension JobStore {
    /// Returns jobs whose lease ran out to their queue, or fails them when they have no attempts left.
    ///
    /// - `agentJobTTL`: jobs of agents that have been silent for so long are taken back even while their lease
    /// lasts.
    /// - `except`: jobs whose holder is known to be at work.
    package func expireLeases(
        agentSilence agentJobTTL: Duration,
        except busy: [JobID] = [],
        limit: Int,
        in tx: any Transaction
    ) throws -> TimedOutJobs {
        let isIdle: SQL = busy.isEmpty ? "TRUE" : "id NOT IN \(list: busy)"
        let overdue: SQL = """
            SELECT id FROM jobs
            WHERE status = 'Running' AND \(fragment: isIdle)
                AND (lease_expires_at <= \(tx.now)
                    OR (started_at <= \(tx.now - agentJobTTL) AND EXISTS (
                        SELECT 1 FROM agent_liveness l
                        WHERE l.agent_id = jobs.agent_id AND l.agent_id = jobs.lease_owner
                            AND l.last_heartbeat_at <= \(tx.now - agentJobTTL)
                    )))
            ORDER BY lease_expires_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            """
        let requeued = try tx.rows(
            """
            WITH due AS MATERIALIZED (\(fragment: overdue))
            UPDATE jobs SET status = \(fragment: Self.queueStatus), lease_owner = NULL, lease_expires_at = NULL,
                status_changed_at = \(tx.now), scheduled_at = \(tx.now), last_error = \(Self.silence),
                error_class = \(fragment: Self.silenceClass), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND status = 'Running' AND attempts < max_attempts
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
        let failed = try tx.rows(
            """
            WITH due AS MATERIALIZED (\(fragment: overdue))
            UPDATE jobs SET status = 'Failed', retry_scheduled = FALSE, completed_at = \(tx.now), lease_owner = NULL,
                lease_expires_at = NULL, status_changed_at = \(tx.now), last_error = \(Self.silence),
                error_class = \(fragment: Self.silenceClass), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND status = 'Running' AND attempts >= max_attempts
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
        for receiver in Set(requeued.map { $0.agentID?.text ?? "" }).sorted() {
            try tx.notify(.jobs, payload: receiver)
        }
        return TimedOutJobs(requeued: requeued, failed: failed)
    }

    private static let silence = "whoever held the job fell silent before reporting its end"
    private static let silenceClass: SQL = "CASE WHEN agent_id IS NULL THEN 'timeout' ELSE 'agent_offline' END"

    /// Ends the leases that a clock which was set back has made longer than any lease is: they last `lease` from now.
    ///
    /// Whoever lives renews its lease before that.
    package func shortenLeases(to lease: Duration, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE jobs SET lease_expires_at = \(tx.now + lease), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id IN (
                SELECT id FROM jobs
                WHERE status = 'Running' AND updated_at > \(tx.now + Self.clockTolerance)
                    AND lease_expires_at > \(tx.now + lease)
                LIMIT \(limit)
            ) AND status = 'Running'
            """
        )
    }

    /// Ends the wait for CSRs that began before `deadline`: an attempt is spent, and another one comes at `retryAt`
    /// while any are left.
    package func timeOutCSRs(
        waitingSince deadline: Timestamp,
        retryAt: Timestamp,
        limit: Int,
        in tx: any Transaction
    ) throws -> TimedOutJobs {
        let jobs = try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM jobs WHERE status = 'AwaitingCSR' AND status_changed_at <= \(deadline)
                ORDER BY status_changed_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE jobs SET status = 'Failed', attempts = attempts + 1,
                retry_scheduled = (attempts + 1 < max_attempts),
                scheduled_at = CASE WHEN attempts + 1 < max_attempts THEN \(retryAt) ELSE scheduled_at END,
                completed_at = CASE WHEN attempts + 1 < max_attempts THEN completed_at ELSE \(tx.now) END,
                status_changed_at = \(tx.now), last_error = 'the agent sent no CSR in time', error_class = 'timeout',
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND status = 'AwaitingCSR'
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
        return TimedOutJobs(
            requeued: jobs.filter(\.isRetryScheduled),
            failed: jobs.filter { !$0.isRetryScheduled }
        )
    }

    /// Returns failed jobs to their queue whose next attempt is due.
    package func startRetries(limit: Int, in tx: any Transaction) throws -> [Job] {
        let jobs = try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM jobs WHERE status = 'Failed' AND retry_scheduled AND \(fragment: isDue(at: tx.now))
                ORDER BY scheduled_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE jobs SET status = \(fragment: Self.queueStatus), retry_scheduled = FALSE,
                scheduled_at = CASE WHEN scheduled_at > \(tx.now) THEN \(tx.now) ELSE scheduled_at END,
                status_changed_at = \(tx.now), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND status = 'Failed' AND retry_scheduled
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
        for receiver in Set(jobs.map { $0.agentID?.text ?? "" }).sorted() { try tx.notify(.jobs, payload: receiver) }
        return jobs
    }
}
