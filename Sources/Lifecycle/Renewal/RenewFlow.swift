package import Domain
import Encoding
import Query
package import Store

/// What opening a renewal led to.
package struct OpenedRenewal: Sendable {
    /// `Issuance` when there was no version yet.
    package let type: JobType
    /// One job for each agent that has to make a key.
    package let jobs: [Job]
    /// What they wait for, when the profile asks for an approval.
    package let approval: Approval?
}

/// Opens issuances and renewals: the one function behind schedule, API and protocols (specification, domain §5.5).
package struct RenewFlow: Sendable {
    private let context: LifecycleContext
    private let gate = ApprovalGate()
    private let certificates = CertificateStore()
    private let jobs = JobStore()
    private let planner = RenewalPlanner()
    private let desk: ApprovalDesk

    package init(_ context: LifecycleContext) {
        self.context = context
        desk = ApprovalDesk(context)
    }

    /// Opens a renewal because somebody asked for it.
    ///
    /// - `force`: Cancels a renewal that is under way, in the same transaction.
    package func renew(
        _ id: CertificateID,
        force: Bool,
        trigger: JobTrigger = .api,
        by author: Authorship
    ) async throws -> OpenedRenewal {
        try await context.write { tx in
            let certificate = try certificates.lock(id, within: author.clearance, in: tx)
            let opened = try open(certificate, force: force, trigger: trigger, by: author, in: tx)
            try context.recorder.record(
                .renewalTriggered,
                id.text,
                details: ["force": .bool(force), "trigger": .string(trigger.rawValue)],
                by: author,
                in: tx
            )
            return opened
        }
    }

    /// Opens the jobs of one renewal of a certificate that this transaction has locked.
    ///
    /// Throws what stands in the way: a renewal under way without `force` (409), a state from which nothing renews
    /// (409), a disabled issuer or profile, or no agent that could make a key (422).
    func open(
        _ certificate: Certificate,
        force: Bool,
        trigger: JobTrigger,
        by author: Authorship,
        in tx: any Transaction
    ) throws -> OpenedRenewal {
        if certificate.status == .renewalInProgress {
            guard force else {
                throw ServiceError(
                    .renewalInProgress,
                    "a renewal of \(certificate.id.text) is under way; wait for it or use force"
                )
            }
            try jobs.cancelOpen(.issuances(of: certificate.id), reason: "superseded by a forced renewal", in: tx)
            try desk.expireAbandoned(of: certificate.id, in: tx)
        }
        let profile = try gate.profile(of: certificate, in: tx)
        let inputs = try requireIssuable(certificate, profile, in: tx)
        let policy = try PolicyStore().get(certificate.fields.renewalPolicyID, in: tx)
        let waits = profile?.fields.requiresApproval ?? false
        let type: JobType = inputs.versions.isEmpty ? .issuance : .renewal
        let batch: BatchID = context.newID()
        let new = inputs.agents.sorted().map { agent in
            NewJob(
                id: context.newID(),
                type: type,
                certificateID: certificate.id,
                agentID: agent,
                status: waits ? .awaitingApproval : JobQueue.agent.status,
                maxAttempts: policy.maxAttempts,
                batchID: batch,
                trigger: trigger,
                requestedBy: author.actor,
                dedupeKey: NewJob.issuanceKey(certificate.id, slot: agent)
            )
        }
        var opened = try open(new, by: author, in: tx)
        try moveToInProgress(certificate, in: tx)
        guard waits, let profile, let first = opened.first else {
            return OpenedRenewal(type: type, jobs: opened, approval: nil)
        }
        let terms = IssuanceTerms(
            certificate.fields, of: certificate.id, under: profile.id, version: profile.rowVersion,
            keys: .agents(inputs.agents.sorted()))
        let approval = try desk.requestIssuance(terms, job: first.id, resume: first.queue, by: author, in: tx)
        if approval.state == .approved { opened = try desk.resumeJobs(of: approval, in: tx) }
        return OpenedRenewal(type: type, jobs: opened, approval: approval)
    }

    /// The agents and versions of a certificate that may be renewed now.
    private func requireIssuable(
        _ certificate: Certificate, _ profile: Profile?, in tx: any Transaction
    ) throws -> RenewalInputs {
        switch certificate.status {
        case .pending, .active, .expiring, .expired, .failed, .renewalInProgress: break
        case .revoked:
            throw ServiceError(.invalidState, "\(certificate.id.text) is revoked; create a new certificate instead")
        case .archived:
            throw ServiceError(.invalidState, "\(certificate.id.text) is archived; unarchive it first")
        }
        let issuer = try IssuerStore().get(certificate.fields.issuerID, in: tx)
        guard issuer.enabled else {
            throw ServiceError(.invalidState, "the issuer \(issuer.id.text) is disabled; enable it to issue")
        }
        if let profile, !profile.fields.enabled {
            throw ServiceError(.policyViolation, "the profile \(profile.id.text) is disabled; enable it to issue")
        }
        guard let inputs = try planner.inputs(of: [certificate.id], in: tx).first, !inputs.agents.isEmpty else {
            throw ServiceError(
                .unprocessable,
                "no_agent_for_keygen: \(certificate.id.text) has no enabled target whose agent could make the key; "
                    + "attach a target, or submit a CSR to /api/v1/certificates/\(certificate.id.text)/csr",
                problems: [
                    FieldProblem(
                        pointer: "/target_ids",
                        code: "no_agent_for_keygen",
                        detail: "an enabled target is needed"
                    )
                ]
            )
        }
        return inputs
    }

    private func open(_ new: [NewJob], by author: Authorship, in tx: any Transaction) throws -> [Job] {
        let result = try jobs.open(new, in: tx)
        guard result.duplicates.isEmpty else {
            throw ServiceError(.renewalInProgress, "a renewal of this certificate was opened at the same moment")
        }
        for job in new {
            try context.recorder.record(
                job.status == .awaitingApproval ? .renewalJobCreated : .renewalAwaitingCSR,
                job.id.text,
                details: [
                    "certificate_id": .string(job.certificateID?.text ?? ""),
                    "agent_id": .string(job.agentID?.text ?? ""),
                    "type": .string(job.type.rawValue),
                ],
                by: author,
                in: tx
            )
        }
        return try new.map { try jobs.get($0.id, in: tx) }
    }

    private func moveToInProgress(_ certificate: Certificate, in tx: any Transaction) throws {
        guard certificate.status != .renewalInProgress else { return }
        let status = try certificate.status.after(.renewalOpened)
        let moved = try certificates.transition(
            certificate.id,
            from: [certificate.status],
            to: CertificateOutcome(status: status),
            in: tx
        )
        guard moved != nil else {
            throw ServiceError(.transient, "\(certificate.id.text) changed at the same moment; repeat the request")
        }
    }
}
