package import Domain
import Encoding
package import Query

/// A request that was approved, exactly as it stands in its row: the digest was compared when this was made.
///
/// Whatever needs four eyes takes one of these, and only the repository makes it: from a row that was decided, or that
/// the same transaction decides.
package struct ApprovedRequest: ~Copyable, Sendable {
    package let id: ApprovalID
    package let subject: ApprovalSubject
    package let requestedBy: Actor

    fileprivate init(_ approval: Approval, _ subject: ApprovalSubject) {
        id = approval.id
        self.subject = subject
        requestedBy = approval.requestedBy
    }
}

/// The four-eyes approvals.
package struct ApprovalStore: Sendable {
    package init() {}

    static let columns: SQL = """
        id, approval_kind, certificate_id, job_id, profile_id, requested_by, requested_by_type,
        requested_by_principal, state, decided_by, decided_by_type, decided_at, decision_note, metadata, payload, payload_digest,
        resume_status, expires_at, row_version, created_at, updated_at
        """
    private static let rules = [
        UniqueRule(
            constraint: "issuance_approval_requests_pending_edit_key", entity: .approval, field: "profile_id"),
        UniqueRule(
            constraint: "issuance_approval_requests_pending_act_key", entity: .approval, field: "payload_digest"),
        UniqueRule(constraint: "issuance_approval_requests_pending_job_key", entity: .approval, field: "job_id"),
    ]

    // MARK: Asking

    @discardableResult
    package func insert(_ new: NewApproval, in tx: any Transaction) throws -> Approval {
        let (certificate, profile): (CertificateID?, ProfileID?) =
            switch new.subject {
            case .issuance(let terms): (terms.certificateID, terms.profileID)
            case .profileEdit(let terms): (nil, terms.profileID)
            case .roleGrant, .bulkRevocation, .ceremony: (nil, nil)
            }
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO issuance_approval_requests (
                    id, approval_kind, certificate_id, job_id, profile_id, requested_by, requested_by_type,
                    requested_by_principal, metadata, payload, payload_digest, resume_status, base_updated_at,
                    expires_at, created_at, updated_at
                ) VALUES (
                    \(new.id), \(new.subject.kind), \(certificate), \(new.job?.id), \(profile), \(new.requestedBy.id),
                    \(new.requestedBy.type), \(new.principal), \(JSONColumn.value(new.metadata)),
                    \(JSONColumn.value(.object(new.subject.payload))), \(new.subject.digest), \(new.job?.resume),
                    \(new.baseUpdatedAt), \(new.expiresAt), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try Approval(rows.onlyRow())
    }

    // MARK: Reading

    package func find(_ id: ApprovalID, in tx: any Transaction) throws -> Approval? {
        try tx.row("SELECT \(fragment: Self.columns) FROM issuance_approval_requests WHERE id = \(id)")
            .map { try Approval($0) }
    }

    /// The approval; one out of reach is not there.
    package func get(_ id: ApprovalID, within clearance: Clearance, in tx: any Transaction) throws -> Approval {
        try visible(id, within: clearance, lock: "", in: tx)
    }

    /// The same, locked until the transaction ends: two decisions follow one another.
    package func lock(_ id: ApprovalID, within clearance: Clearance, in tx: any Transaction) throws -> Approval {
        try visible(id, within: clearance, lock: "\(lock: .forUpdate)", in: tx)
    }

    private func visible(
        _ id: ApprovalID, within clearance: Clearance, lock: SQL, in tx: any Transaction
    ) throws -> Approval {
        let conditions: [SQL] = ["id = \(id)"] + clearance.approvalConditions
        let row = try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM issuance_approval_requests
            WHERE \(fragment: SQL.joined(conditions, by: " AND "))\(fragment: lock)
            """
        )
        guard let row else { throw StoreError.notFound(.approval, id: id.text) }
        return try Approval(row)
    }

    package func list(
        _ request: ListRequest<ApprovalFilter, ApprovalSort>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Page<Approval> {
        let listing = Listing(
            request,
            columns: Self.columns,
            source: "issuance_approval_requests",
            conditions: request.filter.conditions + clearance.approvalConditions,
            key: request.sort.key,
            id: "id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Approval($0) }
    }

    /// Which of these approvals lie in reach, in one statement; none is asked where the reach has no bounds.
    package func visible(
        among ids: Set<ApprovalID>, within clearance: Clearance, in tx: any Transaction
    ) throws -> Set<ApprovalID> {
        guard !ids.isEmpty, !clearance.reach.isEverywhere else { return ids }
        let conditions: [SQL] = ["id IN \(list: ids.sorted())"] + clearance.approvalConditions
        let rows = try tx.rows(
            "SELECT id FROM issuance_approval_requests WHERE \(fragment: SQL.joined(conditions, by: " AND "))")
        return Set(try rows.map { try $0.id("id") })
    }

    /// The newest approval of a job, or of another job of its batch: one decision is about them all.
    package func latest(of job: JobID, batch: BatchID?, in tx: any Transaction) throws -> Approval? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM issuance_approval_requests
            WHERE job_id = \(job)
                OR job_id IN (SELECT j.id FROM jobs j WHERE j.batch_id = \(batch) AND j.batch_id IS NOT NULL)
            ORDER BY created_at DESC, id DESC LIMIT 1
            """
        ).map { try Approval($0) }
    }

    /// What waits for a decision about a certificate.
    package func pending(of certificate: CertificateID, in tx: any Transaction) throws -> [Approval] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM issuance_approval_requests
            WHERE certificate_id = \(certificate) AND state = 'pending' ORDER BY created_at, id
            """
        ).map { try Approval($0) }
    }

    /// The edit of a profile that waits for a decision.
    package func pendingEdit(of profile: ProfileID, in tx: any Transaction) throws -> Approval? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM issuance_approval_requests
            WHERE profile_id = \(profile) AND state = 'pending' AND approval_kind = 'profile_edit'
            """
        ).map { try Approval($0) }
    }

    /// Requests that nobody will decide any more: those whose time is over, and those whose job waits no longer.
    ///
    /// - `age`: counts for requests of earlier installations, which have no end of their own.
    package func overdue(olderThan age: Duration, limit: Int, in tx: any Transaction) throws -> [Approval] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM issuance_approval_requests
            WHERE state = 'pending' AND (
                expires_at <= \(tx.now) OR (expires_at IS NULL AND created_at <= \(tx.now - age))
                OR job_id IN (SELECT j.id FROM jobs j
                    WHERE j.id = issuance_approval_requests.job_id AND j.status <> 'AwaitingApproval')
            )
            ORDER BY created_at, id LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            """
        ).map { try Approval($0) }
    }

    /// The newest request of a kind for exactly this, whatever became of it.
    package func latest(_ kind: ApprovalKind, digest: String, in tx: any Transaction) throws -> Approval? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM issuance_approval_requests
            WHERE approval_kind = \(kind) AND payload_digest = \(digest)
            ORDER BY created_at DESC, id DESC LIMIT 1\(lock: .forUpdate)
            """
        ).map { try Approval($0) }
    }

    // MARK: Deciding

    /// Decides a pending request; `nil` when it was decided before.
    package func decide(_ id: ApprovalID, _ decision: ApprovalDecision, in tx: any Transaction) throws -> Approval? {
        try tx.row(
            """
            UPDATE issuance_approval_requests SET state = \(decision.state), decided_by = \(decision.actor.id),
                decided_by_type = \(decision.actor.type), decided_at = \(tx.now), decision_note = \(decision.note),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND state = 'pending' RETURNING \(fragment: Self.columns)
            """
        ).map { try Approval($0) }
    }

    /// What an approved row allows, if its payload is still the one that its digest was made of.
    package func approved(_ id: ApprovalID, in tx: any Transaction) throws -> ApprovedRequest? {
        guard let approval = try find(id, in: tx), approval.state == .approved, let subject = approval.subject else {
            return nil
        }
        return ApprovedRequest(approval, subject)
    }

    // MARK: The jobs that wait

    /// Lets the jobs of a batch go on from where they would have begun without an approval.
    package func resume(
        _ job: JobID, batch: BatchID?, as status: JobStatus, in tx: any Transaction
    ) throws -> [Job] {
        let jobs = try tx.rows(
            """
            UPDATE jobs SET status = \(status), status_changed_at = \(tx.now), scheduled_at = \(tx.now),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE \(fragment: Self.members(job, batch)) AND status = 'AwaitingApproval'
            RETURNING \(fragment: JobStore.columns)
            """
        ).map { try Job($0) }
        for receiver in Set(jobs.map { $0.agentID?.text ?? "" }).sorted() { try tx.notify(.jobs, payload: receiver) }
        return jobs
    }

    /// Cancels the jobs of a batch that still wait.
    package func cancelWaiting(
        _ job: JobID, batch: BatchID?, reason: String, in tx: any Transaction
    ) throws -> [Job] {
        let assignments: [SQL] = JobStore.ending("Cancelled", now: tx.now) + ["last_error = \(reason)"]
        return try tx.rows(
            """
            UPDATE jobs SET \(fragment: SQL.joined(assignments, by: ", "))
            WHERE \(fragment: Self.members(job, batch)) AND status = 'AwaitingApproval'
            RETURNING \(fragment: JobStore.columns)
            """
        ).map { try Job($0) }
    }

    private static func members(_ job: JobID, _ batch: BatchID?) -> SQL {
        guard let batch else { return "id = \(job)" }
        return "(id = \(job) OR batch_id = \(batch)) AND type IN ('Issuance', 'Renewal')"
    }

    /// Approved jobs that a server does itself, because their request came with the call: those that no order was made
    /// for yet.
    package func readyForServer(limit: Int, in tx: any Transaction) throws -> [JobID] {
        try tx.rows(
            """
            SELECT j.id FROM jobs j JOIN issuance_approval_requests r ON r.job_id = j.id
            WHERE j.status = 'Pending' AND j.agent_id IS NULL AND j.type IN ('Issuance', 'Renewal')
                AND r.state = 'approved' AND NOT EXISTS (SELECT 1 FROM issuer_orders o WHERE o.job_id = j.id)
            ORDER BY j.scheduled_at, j.id LIMIT \(limit)
            """
        ).map { try $0.id("id") }
    }

    /// Puts one of those behind the others until then.
    package func postpone(_ job: JobID, until time: Timestamp, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE jobs SET scheduled_at = \(time), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(job) AND status = 'Pending' AND agent_id IS NULL
            """
        )
    }

    /// Takes one of those for this transaction; `nil` when another server was faster.
    package func claimReady(_ job: JobID, in tx: any Transaction) throws -> Job? {
        guard
            let row = try tx.row(
                """
                SELECT \(fragment: JobStore.columns) FROM jobs
                WHERE id = \(job) AND status = 'Pending' AND agent_id IS NULL\(lock: .forUpdate)
                """
            ), try tx.row("SELECT 1 AS one FROM issuer_orders WHERE job_id = \(job)") == nil
        else { return nil }
        return try Job(row)
    }
}

extension Clearance {
    /// What an approval meets when it lies in reach: that of a certificate through its issuer and profile, that of a
    /// profile through the profile. A grant, a bulk revocation or a ceremony needs a
    /// reach without bounds.
    var approvalConditions: [SQL] {
        guard !reach.isEverywhere else { return [] }
        return [
            """
            (profile_id IN \(list: reach.profiles.sorted()) OR EXISTS (SELECT 1 FROM managed_certificates c
                WHERE c.id = issuance_approval_requests.certificate_id
                    AND \(fragment: SQL.joined(certificateConditions, by: " AND "))))
            """
        ]
    }
}
