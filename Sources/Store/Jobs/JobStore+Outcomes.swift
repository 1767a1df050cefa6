package import Domain
package import Encoding
package import Query

/// What looking at the deployed endpoint showed.
package struct Verification: Hashable, Sendable {
    package let status: VerificationStatus
    package let fingerprintSHA256: String?
    package let error: String?
    /// What validating the served chain came to; `nil` when the chain is not at hand.
    package var path: PathVerdict?

    package init(status: VerificationStatus, fingerprintSHA256: String? = nil, error: String? = nil) {
        self.status = status
        self.fingerprintSHA256 = fingerprintSHA256
        self.error = error
    }
}

/// Why a job did not succeed.
package struct JobFailure: Hashable, Sendable {
    package let errorClass: JobErrorClass
    /// Redacted; shown to operators.
    package let message: String
    /// When it is tried again; `nil` ends the job.
    package let retryAt: Timestamp?

    package init(errorClass: JobErrorClass, message: String, retryAt: Timestamp?) {
        self.errorClass = errorClass
        self.message = message
        self.retryAt = retryAt
    }
}

extension JobStore {
    /// Completes a running job.
    ///
    /// - `holder`: who must hold the lease; `nil` when the caller's own transaction claimed it.
    /// - `version`: the version that an issuance stored; `nil` leaves what the job names.
    ///
    /// - Returns: The job; `nil` when it does not run, or somebody else holds it.
    package func complete(
        _ id: JobID,
        holder: String?,
        version: VersionID? = nil,
        result: JSONValue? = nil,
        verification: Verification? = nil,
        in tx: any Transaction
    ) throws -> Job? {
        var assignments: [SQL] = Self.ending("Completed", now: tx.now) + ["last_error = NULL", "error_class = NULL"]
        if let version { assignments.append("certificate_version_id = \(version)") }
        if let result { assignments.append("deployment_result = \(JSONColumn.value(result))") }
        if let verification { assignments += Self.assignments(verification, now: tx.now) }
        return try change(id, assignments, where: Self.isHeld(by: holder), in: tx)
    }

    /// Fails a job that runs or waits for a CSR, with or without another attempt.
    ///
    /// - Returns: The job; `nil` when it is in another state, or somebody else holds it.
    package func fail(
        _ id: JobID,
        holder: String?,
        from statuses: [JobStatus] = [.running],
        _ failure: JobFailure,
        result: JSONValue? = nil,
        verification: Verification? = nil,
        in tx: any Transaction
    ) throws -> Job? {
        var assignments: [SQL] = [
            "status = 'Failed'", "status_changed_at = \(tx.now)", "lease_owner = NULL", "lease_expires_at = NULL",
            "last_error = \(failure.message)", "error_class = \(failure.errorClass)", "updated_at = \(tx.now)",
            "row_version = row_version + 1",
        ]
        if let retryAt = failure.retryAt {
            assignments += ["retry_scheduled = TRUE", "scheduled_at = \(retryAt)"]
        } else {
            assignments += ["retry_scheduled = FALSE", "completed_at = \(tx.now)"]
        }
        if let result { assignments.append("deployment_result = \(JSONColumn.value(result))") }
        if let verification { assignments += Self.assignments(verification, now: tx.now) }
        var condition: SQL = "status IN \(list: statuses)"
        if let holder { condition += " AND (lease_owner IS NULL OR lease_owner = \(holder))" }
        return try change(id, assignments, where: condition, in: tx)
    }

    /// Puts a running job back because the authority answers later; the attempt does not count.
    package func park(_ id: JobID, holder: String?, until time: Timestamp, in tx: any Transaction) throws -> Job? {
        let assignments: [SQL] = [
            "status = 'Pending'", "status_changed_at = \(tx.now)", "attempts = attempts - 1", "lease_owner = NULL",
            "lease_expires_at = NULL", "scheduled_at = \(time)", "updated_at = \(tx.now)",
            "row_version = row_version + 1",
        ]
        return try change(id, assignments, where: Self.isHeld(by: holder), in: tx)
    }

    /// Grants a failed job one more attempt, now.
    package func grantRetry(_ id: JobID, in tx: any Transaction) throws -> Job? {
        let assignments: [SQL] = [
            "max_attempts = CASE WHEN attempts >= max_attempts THEN attempts + 1 ELSE max_attempts END",
            "status = \(fragment: Self.queueStatus)", "retry_scheduled = FALSE", "completed_at = NULL",
            "status_changed_at = \(tx.now)", "scheduled_at = \(tx.now)", "updated_at = \(tx.now)",
            "row_version = row_version + 1",
        ]
        let rule = UniqueRule(constraint: "jobs_dedupe_key", entity: .job, field: "dedupe_key")
        let rows = try UniqueRule.checking([rule]) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE jobs SET \(fragment: SQL.joined(assignments, by: ", "))
                WHERE id = \(id) AND status = 'Failed' RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else { return nil }
        let job = try Job(row)
        try tx.notify(.jobs, payload: job.agentID?.text ?? "")
        return job
    }

    /// Cancels one open job; `nil` when it is over already.
    package func cancel(_ id: JobID, reason: String, in tx: any Transaction) throws -> Job? {
        let assignments = Self.ending("Cancelled", now: tx.now) + ["last_error = \(reason)"]
        return try change(id, assignments, where: Self.isOpen, in: tx)
    }

    /// Whose open jobs are cancelled together.
    package enum CancelScope: Sendable {
        case certificate(CertificateID)
        /// Issuances and renewals alone.
        case issuances(of: CertificateID)
        case agent(AgentID)
        case target(TargetID)
        case mapping(CertificateID, TargetID)
        /// Deployments of versions that a newer one replaced.
        case deployments(of: [VersionID])
        case batch(BatchID)

        var condition: SQL {
            switch self {
            case .certificate(let id): "certificate_id = \(id)"
            case .issuances(let id): "certificate_id = \(id) AND type IN ('Issuance', 'Renewal')"
            case .agent(let id): "agent_id = \(id)"
            case .target(let id): "target_id = \(id)"
            case .mapping(let certificate, let target): "certificate_id = \(certificate) AND target_id = \(target)"
            case .deployments(let versions): "certificate_version_id IN \(list: versions) AND type = 'Deployment'"
            case .batch(let id): "batch_id = \(id)"
            }
        }
    }

    /// Cancels every open job of a scope, in one statement; those that were cancelled.
    @discardableResult
    package func cancelOpen(_ scope: CancelScope, reason: String, in tx: any Transaction) throws -> [Job] {
        let assignments = Self.ending("Cancelled", now: tx.now) + ["last_error = \(reason)"]
        return try tx.rows(
            """
            UPDATE jobs SET \(fragment: SQL.joined(assignments, by: ", "))
            WHERE \(fragment: scope.condition) AND \(fragment: Self.isOpen)
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
    }

    /// Stores what looking at the endpoint of a deployment showed.
    package func recordVerification(
        _ id: JobID,
        _ verification: Verification,
        in tx: any Transaction
    ) throws -> Job? {
        let assignments: [SQL] =
            Self.assignments(verification, now: tx.now) + Self.assignments(verification.path) + [
                "updated_at = \(tx.now)", "row_version = row_version + 1",
            ]
        return try change(id, assignments, where: "type = 'Deployment'", in: tx)
    }

    static func ending(_ status: String, now: Timestamp) -> [SQL] {
        [
            "status = \(status)", "status_changed_at = \(now)", "completed_at = \(now)", "retry_scheduled = FALSE",
            "lease_owner = NULL", "lease_expires_at = NULL", "updated_at = \(now)", "row_version = row_version + 1",
        ]
    }

    private static func assignments(_ verification: Verification, now: Timestamp) -> [SQL] {
        let isSkipped = verification.status == .skipped
        let lookedAt: Timestamp? = isSkipped ? nil : now
        return (isSkipped ? assignments(nil) : []) + [
            "verification_status = \(verification.status)", "verified_at = \(lookedAt)",
            "verification_fingerprint = \(verification.fingerprintSHA256)",
            "verification_error = \(verification.error)",
        ]
    }

    /// The end of a job leaves alone what was found out of the chain before.
    private static func assignments(_ path: PathVerdict?) -> [SQL] {
        ["verification_path = \(path?.outcome)", "verification_path_detail = \(path?.detail ?? "")"]
    }

    private static func isHeld(by holder: String?) -> SQL {
        guard let holder else { return "status = 'Running'" }
        return "status = 'Running' AND lease_owner = \(holder)"
    }

    private func change(
        _ id: JobID,
        _ assignments: [SQL],
        where condition: SQL,
        in tx: any Transaction
    ) throws -> Job? {
        try tx.row(
            """
            UPDATE jobs SET \(fragment: SQL.joined(assignments, by: ", "))
            WHERE id = \(id) AND \(fragment: condition) RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
    }
}
