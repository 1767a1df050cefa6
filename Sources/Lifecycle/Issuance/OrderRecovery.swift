import ConnectorKit
import Domain
import Encoding
import PKI
import Query
import Store

/// Takes up orders that nobody is working on: those whose process ended, and those whose CA answers later.
package struct OrderRecovery: Sendable {
    private static let batch = 100
    /// A poll that takes longer than this is taken over by another worker.
    private static let pollLease = Duration.seconds(60)

    private let context: LifecycleContext
    private let registry: IssuerRegistry
    private let completion: IssuanceCompletion
    private let renewals: RenewalOutcome
    private let orders = OrderStore()
    private let jobs = JobStore()

    package init(_ context: LifecycleContext, registry: IssuerRegistry) {
        self.context = context
        self.registry = registry
        completion = IssuanceCompletion(context)
        renewals = RenewalOutcome(context)
    }

    // MARK: Orders without a process

    /// Gives up orders that were submitted before `age` ago and have no outcome. Their serial numbers are never used
    /// again; each is audited, and its job returns to the agent, which sends its CSR again.
    ///
    /// - `age`: Zero at the start of the only process; else longer than any call to a CA may take. Calls that this
    /// process is making are never given up, whatever the clock says.
    /// - `silence`: After how long without a sign of life another replica is taken to have ended, and its calls with it;
    ///   `nil` when that can't be told.
    /// - `instance`: This replica, whose database others share; what those that live are at is left to them.
    package func abandonLost(
        olderThan age: Duration, orSilentFor silence: Duration? = nil, by instance: String? = nil
    ) async throws -> Int {
        var total = 0
        while true {
            let count = try await context.write { tx in
                let lost = try orders.abandon(
                    submittedBefore: tx.now - age,
                    orSilentFor: silence,
                    by: instance,
                    except: context.ordersInFlight.orders,
                    limit: Self.batch,
                    in: tx
                )
                for order in lost { try giveUp(order, in: tx) }
                return lost.count
            }
            total += count
            if count < Self.batch { return total }
        }
    }

    private func giveUp(_ order: IssuerOrder, in tx: any Transaction) throws {
        try context.recorder.record(
            .orderAbandoned,
            order.certificateID?.text ?? order.id.text,
            details: [
                "order_id": .string(order.id.text), "issuer_id": .string(order.issuerID.text),
                "serial_number": .string(order.serialNumber ?? ""), "job_id": .string(order.jobID?.text ?? ""),
            ],
            by: .system,
            in: tx
        )
        guard let id = order.jobID, let job = try jobs.find(id, in: tx), job.status == .running else { return }
        if let requeued = try IssuanceRecords.requeue(id, in: tx) {
            try tx.notify(.jobs, payload: requeued.agentID?.text ?? "")
            return
        }
        let message = "the server ended before the outcome was recorded, and no attempts are left"
        let failure = JobFailure(errorClass: .transient, message: message, retryAt: nil)
        guard try jobs.fail(id, holder: nil, failure, in: tx) != nil, let certificate = job.certificateID else {
            return
        }
        try renewals.recordFailure(of: certificate, reason: message, by: .system, in: tx)
    }

    // MARK: Orders whose CA answers later

    /// Asks once for every order whose poll is due.
    package func pollDue() async throws -> Int {
        let due = try await context.write { tx in
            try orders.claimPolls(limit: Self.batch, leaseFor: Self.pollLease, in: tx)
        }
        for order in due { try await poll(order) }
        return due.count
    }

    private func poll(_ order: IssuerOrder) async throws {
        guard let intent = try await intent(of: order) else { return }
        let now = context.time.now
        if let deadline = order.deadlineAt, now >= deadline {
            let error = IssuerError(
                .timeout,
                "the issuer did not answer until \(deadline.rfc3339)",
                help: "look at the order \(order.upstreamOrderID ?? "") at the issuer"
            )
            _ = try await completion.fail(intent, error)
            return
        }
        do {
            let connector = try await registry.signer(
                for: order.issuerID,
                order.issuingCA,
                revision: intent.subject.configRevision
            )
            let upstream = UpstreamOrder(
                reference: order.upstreamOrderID ?? "",
                state: order.upstreamReference.text
            )
            let outcome = try await connector.poll(upstream)
            if case .pending(let upstream, let retryAfter) = outcome {
                try await postpone(order, upstream, retryAfter)
            } else {
                _ = try await completion.apply(outcome, of: connector, to: intent)
            }
        } catch let error as IssuerError where error.isRetryable {
            try Task.checkCancellation()
            try await postpone(order, nil, error.retryAfter)
        } catch let error as IssuerError {
            _ = try await completion.fail(intent, error)
        } catch let error as ServiceError where error.code == .policyViolation || error.code == .invalidState {
            // The outcome is on record: the answer was refused, or the certificate no longer takes one.
        }
    }

    private func postpone(_ order: IssuerOrder, _ upstream: UpstreamOrder?, _ retryAfter: Duration?) async throws {
        let unit = context.random.unitInterval()
        try await context.write { tx in
            let wait = OrderPolling.wait(
                polls: order.attempts,
                age: tx.now - order.createdAt,
                retryAfter: retryAfter,
                unit: unit
            )
            try orders.park(
                order.id,
                upstreamOrderID: upstream?.reference ?? order.upstreamOrderID ?? "",
                reference: upstream.flatMap { try? JSONValue(parsing: $0.state) } ?? order.upstreamReference,
                nextPollAt: tx.now + wait,
                in: tx
            )
        }
    }

    /// The intent behind a stored order; `nil`, with the order closed, when nothing can come of it any more.
    private func intent(of order: IssuerOrder) async throws -> IssuanceIntent? {
        try await context.write { tx in
            guard let certificate = order.certificateID, let jobID = order.jobID, let pem = order.csrPEM,
                let csr = try? VerifiedCertificationRequest(try CertificationRequest(pem: pem)),
                let job = try jobs.find(jobID, in: tx), job.phase.isOpen,
                let subject = try IssuanceInputs.read(certificate, in: tx)
            else {
                try orders.fail(
                    order.id,
                    error: "the job or the certificate of the order is gone",
                    errorClass: IssuerError.Class.other.rawValue,
                    in: tx
                )
                return nil
            }
            guard let permit = try permit(for: subject, csr, job: job, order: order, in: tx) else { return nil }
            return IssuanceIntent(
                subject: subject,
                order: order.id,
                job: IssuanceJob(job, attempts: job.attempts + 1, holder: nil, isParked: true),
                csr: csr,
                names: try Preflight.approvedNames(of: subject.certificate.fields),
                template: try Preflight.template(for: csr.request, subject, by: job.requestedBy),
                serialNumber: try order.serialNumber.map { try SerialNumber(hex: $0) },
                authority: order.issuingCA,
                author: Authorship(actor: job.requestedBy, origin: nil, clearance: .system),
                startedAt: order.createdAt,
                under: permit
            )
        }
    }

    /// What the CA was asked for must still be what was approved; else order and job end here.
    private func permit(
        for subject: IssuanceInputs, _ csr: VerifiedCertificationRequest, job: Job, order: IssuerOrder,
        in tx: any Transaction
    ) throws -> ApprovalPermit? {
        let slot = job.agentID.map { IssuanceSlot.agent($0) } ?? ClientApprovals.slot(of: csr)
        do {
            return try ApprovalGate().permit(for: subject, slot: slot, job: job.id, batch: job.batchID, in: tx)
        } catch let error as ServiceError where error.code == .approvalRequired || error.code == .staleApproval {
            try orders.fail(
                order.id, error: error.detail, errorClass: IssuerError.Class.validation.rawValue, in: tx)
            try IssuanceRecords.claimParked(job.id, in: tx)
            let failure = JobFailure(errorClass: .permanent, message: error.detail, retryAt: nil)
            if try jobs.fail(job.id, holder: nil, failure, in: tx) != nil, job.agentID != nil {
                try renewals.recordFailure(
                    of: subject.certificate.id, reason: error.detail, by: .system, in: tx)
            }
            return nil
        }
    }
}
