package import Domain
import Encoding
package import Query
package import Store

/// Takes requests for approval and writes decisions down, in the transaction of whoever calls.
package struct ApprovalDesk: Sendable {
    /// Decides in place of people while `CERTCTL_APPROVAL_BYPASS` is on.
    static let bypass = Actor(id: "system-bypass", type: .system)
    /// Ends what nobody decided.
    static let reaper = Actor(id: "system-reaper", type: .system)

    private let context: LifecycleContext
    private let approvals = ApprovalStore()
    private let outcomes: RenewalOutcome

    package init(_ context: LifecycleContext) {
        self.context = context
        outcomes = RenewalOutcome(context)
    }

    /// Who asks, with the person or service behind the credential.
    private func requester(_ author: Authorship, in tx: any Transaction) throws -> NewApproval.Requester {
        NewApproval.Requester(
            actor: author.actor, principal: try KeyCustodyStore().principal(of: author.actor, in: tx))
    }

    // MARK: Asking

    func requestIssuance(
        _ terms: IssuanceTerms, job: JobID, resume: JobQueue, by author: Authorship, in tx: any Transaction
    ) throws -> Approval {
        try file(
            .issuance(
                context.newID(), terms, job: job, resume: resume, by: requester(author, in: tx), expiresAt: end(in: tx)),
            .approvalRequested, by: author, in: tx)
    }

    func requestEdit(
        _ terms: ProfileEditTerms, base: Timestamp?, by author: Authorship, in tx: any Transaction
    ) throws -> Approval {
        let requester = try requester(author, in: tx)
        return try file(
            .profileEdit(context.newID(), terms, base: base, by: requester, expiresAt: end(in: tx)),
            .profileEditRequested, by: author, in: tx)
    }

    package func requestGrant(
        _ terms: RoleGrantTerms, by author: Authorship, in tx: any Transaction
    ) throws -> Approval {
        let requester = try requester(author, in: tx)
        return try file(
            .roleGrant(context.newID(), terms, by: requester, expiresAt: end(in: tx)), .approvalRequested, by: author,
            in: tx)
    }

    func requestBulkRevocation(
        _ terms: BulkRevocationTerms, by author: Authorship, in tx: any Transaction
    ) throws -> Approval {
        let requester = try requester(author, in: tx)
        return try file(
            .bulkRevocation(context.newID(), terms, by: requester, expiresAt: end(in: tx)), .approvalRequested,
            by: author, in: tx)
    }

    func requestCeremony(
        _ terms: CeremonyTerms, by author: Authorship, in tx: any Transaction
    ) throws -> Approval {
        let requester = try requester(author, in: tx)
        return try file(
            .ceremony(context.newID(), terms, by: requester, expiresAt: end(in: tx)), .approvalRequested, by: author,
            in: tx)
    }

    private func end(in tx: any Transaction) -> Timestamp { tx.now + context.timing.awaitingApprovalTimeout }

    /// Stores the request. While approvals are bypassed it comes back approved, and the caller goes on at once.
    private func file(
        _ new: NewApproval, _ action: RecordedAction, by author: Authorship, in tx: any Transaction
    ) throws -> Approval {
        let approval = try approvals.insert(new, in: tx)
        try context.recorder.record(
            action, approval.id.text, details: Self.details(approval), by: author, in: tx)
        guard context.timing.bypassesApprovals else { return approval }
        return try conclude(
            approval, ApprovalDecision(.approved, by: Self.bypass, note: "CERTCTL_APPROVAL_BYPASS"), .approvalBypassed,
            by: Authorship(actor: Self.bypass, origin: author.origin?.bare, clearance: .system), in: tx)
    }

    // MARK: Deciding

    /// Writes a decision down. Throws 409 `already_decided` when there is one.
    func conclude(
        _ approval: Approval, _ decision: ApprovalDecision, _ action: RecordedAction, by author: Authorship,
        in tx: any Transaction
    ) throws -> Approval {
        guard let decided = try approvals.decide(approval.id, decision, in: tx) else {
            throw Self.decidedAlready(approval.id)
        }
        var details = Self.details(decided)
        details["decided_by"] = .string(decision.actor.id)
        if let note = decision.note { details["note"] = .string(note) }
        try context.recorder.record(action, decided.id.text, details: details, by: author, in: tx)
        return decided
    }

    static func decidedAlready(_ id: ApprovalID) -> ServiceError {
        ServiceError(.alreadyDecided, "the approval \(id.text) is already decided; a decision is final")
    }

    /// Ends a request that nobody may decide any more, with what follows for its job.
    func expire(_ approval: Approval, note: String, in tx: any Transaction) throws -> Approval {
        let author = Authorship(actor: Self.reaper, origin: nil, clearance: .system)
        let expired = try conclude(
            approval, ApprovalDecision(.expired, by: Self.reaper, note: note), .approvalExpired, by: author, in: tx)
        try cancelWork(of: expired, reason: "the approval \(approval.id.text) expired: \(note)", by: author, in: tx)
        return expired
    }

    /// Ends the requests about a certificate whose jobs wait no longer.
    func expireAbandoned(of certificate: CertificateID, in tx: any Transaction) throws {
        for approval in try approvals.pending(of: certificate, in: tx) {
            guard let id = approval.jobID, let job = try JobStore().find(id, in: tx),
                job.status != .awaitingApproval
            else { continue }
            _ = try expire(approval, note: "its job no longer waits", in: tx)
        }
    }

    /// What waited for a refused request is cancelled: its operation, or its jobs. The certificate of a job stands where its
    /// validity puts it, and the schedule waits a day before it asks again.
    func cancelWork(
        of approval: Approval, reason: String, by author: Authorship, in tx: any Transaction
    ) throws {
        if approval.kind == .bulkRevocation {
            try OperationDesk(context).cancel(awaiting: approval.id, reason: reason, by: author, in: tx)
        }
        guard let id = approval.jobID, let certificate = approval.certificateID else { return }
        let batch = try JobStore().find(id, in: tx)?.batchID
        let cancelled = try approvals.cancelWaiting(id, batch: batch, reason: reason, in: tx)
        try recordCancellation(of: cancelled, at: certificate, reason: reason, by: author, in: tx)
    }

    private func recordCancellation(
        of jobs: [Job], at certificate: CertificateID, reason: String, by author: Authorship, in tx: any Transaction
    ) throws {
        for job in jobs {
            try context.recorder.record(
                .jobCancelled, job.id.text, details: ["reason": .string(reason)], by: author, in: tx)
        }
        guard !jobs.isEmpty, try JobStore().openIssuances(of: certificate, in: tx).isEmpty else { return }
        try outcomes.recordCancellation(of: certificate, in: tx)
        try RenewalPlanner().postpone(certificate, in: tx)
    }

    /// Ends what nobody wants issued any more: requests that wait for a decision, and approved ones that no server has begun with.
    /// Jobs that need no approval, or are with a CA, are left.
    ///
    /// - Returns: The requests that expired; whoever calls tells ``observe(_:)`` of them.
    func withdraw(_ jobs: [JobID], by author: Authorship, in tx: any Transaction) throws -> [Approval] {
        let reason = "the account of the order has ended"
        var expired: [Approval] = []
        for job in jobs {
            guard let latest = try approvals.latest(of: job, batch: nil, in: tx) else { continue }
            let approval = try approvals.lock(latest.id, within: .system, in: tx)
            if approval.state == .pending {
                expired.append(try expire(approval, note: reason, in: tx))
            } else if try approvals.claimReady(job, in: tx) != nil,
                let cancelled = try JobStore().cancel(job, reason: reason, in: tx),
                let certificate = approval.certificateID
            {
                try recordCancellation(of: [cancelled], at: certificate, reason: reason, by: author, in: tx)
            }
        }
        return expired
    }

    /// The jobs of an approved request go on from where they would have begun without it.
    func resumeJobs(of approval: Approval, in tx: any Transaction) throws -> [Job] {
        guard let id = approval.jobID, let resume = approval.resumeStatus else { return [] }
        let batch = try JobStore().find(id, in: tx)?.batchID
        return try approvals.resume(id, batch: batch, as: resume, in: tx)
    }

    /// Tells whoever counts; after the transaction.
    func observe(_ approval: Approval) {
        let outcome: ApprovalOutcome
        switch approval.state {
        case .approved: outcome = approval.decidedBy == Self.bypass.id ? .bypassed : .approved
        case .rejected: outcome = approval.isWithdrawn ? .withdrawn : .rejected
        case .expired: outcome = .expired
        case .pending: return
        }
        context.observers.approvalEnded(
            LifecycleObservers.ApprovalEnd(
                outcome: outcome, profile: approval.profileID,
                age: (approval.decidedAt ?? approval.createdAt) - approval.createdAt
            )
        )
    }

    private static func details(_ approval: Approval) -> JSONObject {
        var details: JSONObject = [
            "kind": .string(approval.kind.rawValue), "payload_digest": .string(approval.payloadDigest ?? ""),
            "requested_by": .string(approval.requestedBy.id),
        ]
        if let id = approval.certificateID { details["certificate_id"] = .string(id.text) }
        if let id = approval.jobID { details["job_id"] = .string(id.text) }
        if let id = approval.profileID { details["profile_id"] = .string(id.text) }
        for (key, value) in approval.metadata.sorted(by: { $0.key < $1.key }) where details[key] == nil {
            details[key] = .string(value)
        }
        return details
    }
}

extension RequestOrigin {
    /// The same request without its idempotency key, for what the server adds of its own.
    var bare: RequestOrigin { RequestOrigin(requestID: requestID, clientAddress: clientAddress, channel: channel) }
}
