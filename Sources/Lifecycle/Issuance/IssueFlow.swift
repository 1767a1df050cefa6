import ConnectorKit
package import Domain
import IssuerConnectors
import PKI
package import Query
import Sealing
import Store

/// What submitting a CSR led to.
package enum IssuanceAnswer: Sendable {
    /// The version is stored and durable.
    case issued(IssuedVersion, job: JobID)
    /// The CA works on it; the job tells when it is done.
    case accepted(job: JobID)
    /// Somebody has to agree first; the job then goes on by itself.
    case awaitingApproval(ApprovalID, job: JobID)

    package var job: JobID {
        switch self {
        case .issued(_, let job), .accepted(let job), .awaitingApproval(_, let job): job
        }
    }
}

/// The one path by which anything is issued (specification, issuers §2.4, §2.8).
///
/// First transaction: the intent, with the serial number, is on record. Then the CA is asked, outside of any
/// transaction. Second transaction: version, order, job, certificate, audit and event together. A crash in between
/// leaves an order that ``OrderRecovery`` gives up; its serial number is never used again.
package struct IssueFlow: Sendable {
    /// Serial numbers drawn before giving up; a second draw has never been needed.
    private static let serialDraws = 3

    private let context: LifecycleContext
    private let registry: IssuerRegistry
    private let completion: IssuanceCompletion
    /// Names this process in leases.
    private let instance: String
    /// The same as it says that it lives.
    private let replica: String
    private let jobs = JobStore()
    private let gate = ApprovalGate()
    private let clientApprovals: ClientApprovals

    package init(_ context: LifecycleContext, registry: IssuerRegistry, instance: String) {
        self.context = context
        self.registry = registry
        self.instance = "server:" + instance
        replica = instance
        completion = IssuanceCompletion(context)
        clientApprovals = ClientApprovals(context)
    }

    /// Issues for a CSR that a client made, for a certificate without targets. Every call issues anew: a client renews
    /// by sending its CSR again.
    ///
    /// - `claim`: Told of the job before anything is asked of a CA, in the transaction that puts the intent on record: a
    ///   protocol binds what it keeps to the job there, or throws when somebody else did.
    package func submit(
        clientCSR csrPEM: String,
        for id: CertificateID,
        claim: @escaping @Sendable (JobID, any Transaction) throws -> Void = { _, _ in },
        by author: Authorship
    ) async throws -> IssuanceAnswer {
        try await submit(try Preflight.request(pem: csrPEM), for: id, claim: claim, by: author)
    }

    /// The same for a CSR whose proof of possession was checked.
    func submit(
        _ csr: VerifiedCertificationRequest,
        for id: CertificateID,
        claim: @escaping @Sendable (JobID, any Transaction) throws -> Void = { _, _ in },
        by author: Authorship
    ) async throws -> IssuanceAnswer {
        let step = try await recordingSerial { [self] in
            try await context.writeTogether(about: id.text) { tx in
                let subject = try IssuanceRecords.subject(id, in: tx)
                guard author.clearance.covers(subject.certificate.scopes) else {
                    throw StoreError.notFound(.certificate, id: id.text)
                }
                guard !subject.hasTargets else {
                    throw ServiceError(
                        .invalidState,
                        "the keys of \(id.text) are made by the agents of its targets; detach them to use your own key"
                    )
                }
                try subject.requireIssuable()
                if let terms = try gate.demand(on: subject, keys: ClientApprovals.keys(of: csr)) {
                    if let refusal = try refusal(of: csr.request, for: subject, by: author, in: tx) { throw refusal }
                    let answer = try clientApprovals.request(terms, subject, by: author, in: tx)
                    try claim(answer.job, tx)
                    return Step.answered(answer)
                }
                let job = IssuanceJob(
                    id: context.newID(),
                    type: subject.certificate.currentVersionID == nil ? .issuance : .renewal
                )
                try claim(job.id, tx)
                return Step.ask(try intend(csr, subject: subject, job: job, by: author, in: tx))
            }
        }
        return try await finish(step)
    }

    /// Issues for the requests of clients that were approved in the meantime; how many it looked at.
    ///
    /// - `permits`: Asked right before the intent is put on record, outside of any transaction; a job that it is false for waits, or
    ///   has ended by then.
    package func issueApproved(
        where permits: @Sendable (JobID) async throws -> Bool = { _ in true }
    ) async throws -> Int {
        let ready = try await context.read { tx in try clientApprovals.ready(in: tx) }
        for id in ready {
            guard try await permits(id) else { continue }
            let step = try await recordingSerial { [self] in
                try await context.write { tx in try admitApproved(id, in: tx) }
            }
            guard let step else { continue }
            do {
                _ = try await finish(step)
            } catch is ServiceError {
                // On record with the job, whose requester reads it there.
            }
        }
        return ready.count
    }

    private func admitApproved(_ id: JobID, in tx: any Transaction) throws -> Step? {
        guard let claimed = try clientApprovals.claim(id, in: tx) else { return nil }
        let job = claimed.job
        let author = Authorship(actor: job.requestedBy, origin: nil, clearance: .system)
        do {
            let csr = try Preflight.request(pem: claimed.csrPEM)
            let subject = try IssuanceRecords.subject(claimed.certificate, in: tx)
            try subject.requireIssuable()
            guard !subject.hasTargets else {
                throw ServiceError(.invalidState, "\(claimed.certificate.text) has targets by now")
            }
            let parked = IssuanceJob(job, attempts: job.attempts + 1, holder: nil, isParked: true)
            return .ask(try intend(csr, subject: subject, job: parked, by: author, in: tx))
        } catch let error as ServiceError where error.code != .transient && error.code != .unavailable {
            try clientApprovals.fail(job, error, by: author, in: tx)
            return .refused(error)
        }
    }

    private func finish(_ step: Step) async throws -> IssuanceAnswer {
        switch step {
        case .ask(let intent): return try await ask(intent)
        case .answered(let answer): return answer
        case .refused(let error): throw error
        }
    }

    /// Issues for the CSR by which an agent answers one of its jobs.
    ///
    /// Sending it again returns the version that the job stored, as long as the key is the same; another key is 409.
    ///
    /// - `job`: The job, when the agent names it; else the oldest one that waits for `certificate`.
    package func submit(
        agentCSR csrPEM: String,
        of agent: AgentID,
        job: JobID?,
        certificate: CertificateID?,
        by author: Authorship
    ) async throws -> IssuanceAnswer {
        let csr = try Preflight.request(pem: csrPEM)
        let step = try await recordingSerial { [self] in
            try await context.write { tx in
                try admit(csr, of: agent, job: job, certificate: certificate, by: author, in: tx)
            }
        }
        return try await finish(step)
    }

    private enum Step: Sendable {
        case ask(IssuanceIntent)
        case answered(IssuanceAnswer)
        /// The refusal is on record: the job has failed.
        case refused(ServiceError)
    }

    private func admit(
        _ csr: VerifiedCertificationRequest,
        of agent: AgentID,
        job jobID: JobID?,
        certificate: CertificateID?,
        by author: Authorship,
        in tx: any Transaction
    ) throws -> Step {
        let job = try findJob(jobID, of: agent, certificate: certificate, in: tx)
        guard let certificateID = job.certificateID else {
            throw ServiceError(.invalidState, "job \(job.id.text) belongs to no certificate any more")
        }
        guard job.status == .awaitingCSR else { return .answered(try repeated(csr.request, job: job, in: tx)) }
        let subject = try IssuanceRecords.subject(certificateID, in: tx)
        try subject.requireIssuable()
        if let refusal = try refusal(of: csr.request, for: subject, by: author, in: tx) {
            try completion.refuse(job, certificate: certificateID, refusal, by: author, in: tx)
            return .refused(refusal)
        }
        if let refusal = try gateRefusal(of: job, subject, in: tx) {
            try completion.refuse(job, certificate: certificateID, refusal, by: author, in: tx)
            return .refused(refusal)
        }
        _ = try job.phase.after(.csrAccepted)
        let lease = context.timing.runningLease
        guard let claimed = try jobs.acceptCSR(job.id, from: agent, owner: instance, lease: lease, in: tx) else {
            throw ServiceError(.invalidState, "job \(job.id.text) no longer waits for a CSR")
        }
        return .ask(
            try intend(
                csr,
                subject: subject,
                job: IssuanceJob(claimed, attempts: claimed.attempts, holder: instance),
                by: author,
                in: tx
            )
        )
    }

    /// Why the gate stays shut for the job of an agent: it was opened before its profile asked for approvals, or
    /// something else was approved. The job ends, and the schedule opens another, which waits for an approval.
    private func gateRefusal(
        of job: Job, _ subject: IssuanceInputs, in tx: any Transaction
    ) throws -> ServiceError? {
        guard let agent = job.agentID else { return nil }
        do {
            _ = try gate.permit(for: subject, slot: .agent(agent), job: job.id, batch: job.batchID, in: tx)
            return nil
        } catch let error as ServiceError where error.code == .approvalRequired || error.code == .staleApproval {
            return error
        }
    }

    /// The job that a CSR belongs to. A job of another agent is as unknown as one that does not exist.
    private func findJob(
        _ id: JobID?,
        of agent: AgentID,
        certificate: CertificateID?,
        in tx: any Transaction
    ) throws -> Job {
        if let id {
            guard let job = try jobs.find(id, in: tx), job.agentID == agent,
                certificate == nil || job.certificateID == certificate,
                job.type == .issuance || job.type == .renewal
            else { throw ServiceError(.notFound, "there is no job \(id.text) of this agent that takes a CSR") }
            return job
        }
        guard let certificate, try CertificateStore().isVisible(certificate, to: agent, in: tx) else {
            throw ServiceError(.notFound, "there is no such certificate for this agent")
        }
        if let job = try jobs.awaitingCSR(of: certificate, from: agent, in: tx) { return job }
        guard let job = try IssuanceRecords.latestJob(of: certificate, agent: agent, in: tx) else {
            throw ServiceError(.invalidState, "no job of this agent waits for a CSR of \(certificate.text)")
        }
        return job
    }

    /// The answer to a CSR for a job that has taken one already.
    private func repeated(_ csr: CertificationRequest, job: Job, in tx: any Transaction) throws -> IssuanceAnswer {
        if let version = try VersionStore().find(storedBy: job.id, in: tx) {
            guard version.spkiSHA256 == csr.subjectPublicKey.spkiSHA256,
                let detail = try VersionStore().find(version.id, in: tx)
            else {
                throw ServiceError(.invalidState, "job \(job.id.text) was completed with another key")
            }
            return .issued(IssuedVersion(detail), job: job.id)
        }
        if let order = try OrderStore().open(of: job.id, in: tx), let pem = order.csrPEM,
            let earlier = try? CertificationRequest(pem: pem), earlier.subjectPublicKey == csr.subjectPublicKey
        {
            return .accepted(job: job.id)
        }
        throw ServiceError(
            .invalidState,
            "job \(job.id.text) waits for no CSR: it is \(job.status.rawValue)"
        )
    }

    // MARK: First transaction

    /// Records the order; the caller has checked the state of the certificate.
    private func intend(
        _ csr: VerifiedCertificationRequest,
        subject: IssuanceInputs,
        job: IssuanceJob,
        by author: Authorship,
        in tx: any Transaction
    ) throws -> IssuanceIntent {
        if let refusal = try refusal(of: csr.request, for: subject, by: author, in: tx) { throw refusal }
        let slot = job.agentID.map { IssuanceSlot.agent($0) } ?? ClientApprovals.slot(of: csr)
        let permit = try gate.permit(for: subject, slot: slot, job: job.id, batch: job.batchID, in: tx)
        let capabilities = try IssuerCatalog.capabilities(of: subject.issuerType)
        let serial = capabilities.serialAllocation == .caller ? SerialNumber.random(context.random) : nil
        let names = try Preflight.approvedNames(of: subject.certificate.fields)
        var template = try Preflight.template(for: csr.request, subject, by: author.actor)
        if subject.certificate.source == .acme {
            (template.notBefore, template.notAfter) = try ACMEOrderStore().period(of: job.id, in: tx)
            // An end that was ordered is limited by the cap, not by what the profile gives unasked.
            if template.notAfter != nil {
                template.ttl = subject.profile.flatMap { $0.maxTTLSeconds > 0 ? .seconds($0.maxTTLSeconds) : nil }
            }
        }
        let intent = IssuanceIntent(
            subject: subject,
            order: context.newID(),
            job: job,
            csr: csr,
            names: names,
            template: template,
            serialNumber: serial,
            authority: try AuthorityChoice.choose(
                for: subject, names, template.extendedKeyUsages, key: csr.request.subjectPublicKey,
                allowing: context.algorithms, in: tx),
            author: author,
            startedAt: tx.now,
            under: permit
        )
        var order = NewOrder(
            id: intent.order,
            issuerID: subject.issuerID,
            certificateID: subject.certificate.id,
            jobID: job.id,
            purpose: job.type == .renewal ? .renew : .issue,
            idempotencyKey: "\(job.id.text)/\(job.attempts)",
            serialNumber: serial?.hex,
            csrPEM: csr.request.pem,
            csrSHA256: TokenHash.sha256(Secret(csr.request.der)),
            deadlineAt: tx.now + OrderPolling.defaultDeadline
        )
        order.issuingCA = intent.authority
        order.holder = replica
        try OrderStore().record(order, in: tx)
        return intent
    }

    private func refusal(
        of csr: CertificationRequest, for subject: IssuanceInputs, by author: Authorship, in tx: any Transaction
    ) throws -> ServiceError? {
        let problems = try Preflight.problems(
            with: csr, for: subject, allowing: context.algorithms, besides: context.weakKeys, by: author.actor, in: tx)
        guard let first = problems.first else { return nil }
        return ServiceError(.policyViolation, first.detail, problems: problems)
    }

    private func recordingSerial<Result: Sendable>(
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        for _ in 1..<Self.serialDraws {
            do {
                return try await body()
            } catch let error as ServiceError where error.code == .transient {
                continue
            }
        }
        return try await body()
    }

    // MARK: The CA, and the second transaction

    private func ask(_ intent: IssuanceIntent) async throws -> IssuanceAnswer {
        context.ordersInFlight.begin(intent.order, job: intent.job.id)
        defer { context.ordersInFlight.end(intent.order) }
        do {
            let connector = try await registry.signer(
                for: intent.subject.issuerID,
                intent.authority,
                revision: intent.subject.configRevision
            )
            let outcome = try await connector.issue(completion.request(for: intent))
            return try await completion.apply(outcome, of: connector, to: intent)
        } catch let error as IssuerError {
            // A caller that went away learns nothing any more; the order is given up by recovery.
            try Task.checkCancellation()
            throw try await completion.fail(intent, error)
        }
    }
}
