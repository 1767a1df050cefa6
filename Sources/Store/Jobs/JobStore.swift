package import Domain
package import Query

/// The jobs. Every change is a compare-and-set: it names the states it starts from, and the holder where one matters.
package struct JobStore: Sendable {
    package init() {}

    static let columns: SQL = """
        id, type, certificate_id, target_id, agent_id, status, attempts, max_attempts, last_error, error_class,
        retry_scheduled, deployment_result, scheduled_at, started_at, completed_at, status_changed_at, lease_owner,
        lease_expires_at, certificate_version_id, batch_id, trigger, is_forced, requested_by, requested_by_type,
        verification_status, verified_at, verification_fingerprint, verification_error, verification_path,
        verification_path_detail, row_version, created_at, updated_at
        """

    /// The condition of an open job, the same as of the index that keeps its key.
    static let isOpen: SQL = """
        (status IN ('Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running')
            OR (status = 'Failed' AND retry_scheduled))
        """

    /// The queue that a job returns to.
    static let queueStatus: SQL = """
        CASE WHEN type IN ('Issuance', 'Renewal') AND agent_id IS NOT NULL THEN 'AwaitingCSR' ELSE 'Pending' END
        """

    /// What opening jobs did.
    package struct Opened: Hashable, Sendable {
        /// Opened by this call.
        package let opened: [JobID]
        /// Not opened, because a job with the same key is open.
        package let duplicates: [JobID]
    }

    /// Opens jobs, leaving out those whose key an open job holds, in one statement; wakes those who wait for work.
    @discardableResult
    package func open(_ jobs: [NewJob], in tx: any Transaction) throws -> Opened {
        guard !jobs.isEmpty else { return Opened(opened: [], duplicates: []) }
        let rows = try tx.rows(
            """
            INSERT INTO jobs (
                id, type, certificate_id, target_id, agent_id, status, max_attempts, scheduled_at, status_changed_at,
                certificate_version_id, batch_id, trigger, is_forced, requested_by, requested_by_type, dedupe_key,
                created_at, updated_at
            ) VALUES \(fragment: SQL.joined(jobs.map { Self.values($0, now: tx.now) }, by: ", "))
            ON CONFLICT DO NOTHING RETURNING id
            """
        )
        let opened = try rows.map { row -> JobID in try row.id("id") }
        let taken = Set(opened)
        for receiver in Set(jobs.filter { taken.contains($0.id) }.map { $0.agentID?.text ?? "" }).sorted() {
            try tx.notify(.jobs, payload: receiver)
        }
        return Opened(opened: opened, duplicates: jobs.map(\.id).filter { !taken.contains($0) })
    }

    private static func values(_ job: NewJob, now: Timestamp) -> SQL {
        """
        (
            \(job.id), \(job.type), \(job.certificateID), \(job.targetID), \(job.agentID), \(job.status),
            \(job.maxAttempts), \(job.scheduledAt ?? now), \(now), \(job.versionID), \(job.batchID), \(job.trigger),
            \(job.isForced), \(job.requestedBy.id), \(job.requestedBy.type), \(job.dedupeKey), \(now), \(now)
        )
        """
    }

    /// Records work that is done already, such as an issuance answered at once: one attempt, completed now.
    package func recordCompleted(_ job: NewJob, startedAt: Timestamp, in tx: any Transaction) throws {
        try tx.submit(
            DeferredStatement(
                head: """
                    INSERT INTO jobs (
                        id, type, certificate_id, target_id, agent_id, status, attempts, max_attempts, scheduled_at,
                        started_at, completed_at, status_changed_at, certificate_version_id, batch_id, trigger,
                        requested_by, requested_by_type, created_at, updated_at
                    ) VALUES
                    """,
                member: """
                     (
                        \(job.id), \(job.type), \(job.certificateID), \(job.targetID), \(job.agentID), 'Completed', 1,
                        \(job.maxAttempts), \(startedAt), \(startedAt), \(tx.now), \(tx.now), \(job.versionID),
                        \(job.batchID), \(job.trigger), \(job.requestedBy.id), \(job.requestedBy.type), \(tx.now),
                        \(tx.now)
                    )
                    """
            )
        )
    }

    package func find(_ id: JobID, in tx: any Transaction) throws -> Job? {
        try tx.row("SELECT \(fragment: Self.columns) FROM jobs WHERE id = \(id)").map { try Job($0) }
    }

    package func get(_ id: JobID, in tx: any Transaction) throws -> Job {
        guard let job = try find(id, in: tx) else { throw StoreError.notFound(.job, id: id.text) }
        return job
    }

    package func list(
        _ request: ListRequest<JobFilter, JobSort>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Page<Job> {
        let listing = Listing(
            request,
            columns: Self.columns,
            source: "jobs",
            conditions: request.filter.conditions + clearance.jobConditions,
            key: request.sort.key,
            id: "id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Job($0) }
    }

    /// The open issuance and renewal jobs of a certificate, oldest first.
    package func openIssuances(of certificate: CertificateID, in tx: any Transaction) throws -> [Job] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM jobs
            WHERE certificate_id = \(certificate) AND type IN ('Issuance', 'Renewal')
                AND \(fragment: Self.isOpen)
            ORDER BY created_at, id
            """
        ).map { try Job($0) }
    }

    /// The job that an agent must answer with a CSR for a certificate, if one waits.
    package func awaitingCSR(
        of certificate: CertificateID,
        from agent: AgentID,
        in tx: any Transaction
    ) throws -> Job? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM jobs
            WHERE certificate_id = \(certificate) AND agent_id = \(agent) AND status = 'AwaitingCSR'
            ORDER BY created_at, id LIMIT 1
            """
        ).map { try Job($0) }
    }

    /// How the jobs of a batch stand: by status, retries that are scheduled counting as `Pending`.
    package func tally(of batch: BatchID, in tx: any Transaction) throws -> [JobStatus: Int] {
        var tally: [JobStatus: Int] = [:]
        let rows = try tx.rows(
            """
            SELECT CASE WHEN retry_scheduled THEN 'Pending' ELSE status END AS phase, COUNT(*) AS n
            FROM jobs WHERE batch_id = \(batch) AND type IN ('Issuance', 'Renewal') GROUP BY 1
            """
        )
        for row in rows { tally[try row.value("phase")] = try row.int("n") }
        return tally
    }

    /// When the next job of a server comes due; `nil` when none waits.
    package func nextStart(in tx: any Transaction) throws -> Timestamp? {
        try tx.row(
            """
            SELECT scheduled_at FROM jobs WHERE status = 'Pending' AND type IN ('Issuance', 'Renewal')
            ORDER BY scheduled_at LIMIT 1
            """
        )?.time("scheduled_at")
    }

    /// When the next retry comes due; `nil` when none is scheduled.
    package func nextRetry(in tx: any Transaction) throws -> Timestamp? {
        try tx.row(
            """
            SELECT scheduled_at FROM jobs WHERE status = 'Failed' AND retry_scheduled ORDER BY scheduled_at LIMIT 1
            """
        )?.time("scheduled_at")
    }
}
