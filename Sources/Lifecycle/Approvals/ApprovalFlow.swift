package import Domain
import Encoding
package import Query
package import Store

/// Decides about requests that need a second person (specification, security §8).
///
/// Decision, effect and audit are one transaction: an effect that fails leaves the request undecided.
package struct ApprovalFlow: Sendable {
    package enum Verdict: Sendable { case approve, reject }

    /// Gives a role that was approved. Throws 409 `stale_approval` when the role is another by now.
    package typealias GrantApplier =
        @Sendable (borrowing ApprovedRequest, Authorship, any Transaction) throws -> Void

    private static let batch = 200

    private let context: LifecycleContext
    private let desk: ApprovalDesk
    private let profiles: ProfileFlow
    private let applyGrant: GrantApplier
    private let approvals = ApprovalStore()
    private let rule = ApproverRule()
    private let gate = ApprovalGate()

    package init(_ context: LifecycleContext, applyGrant: @escaping GrantApplier) {
        self.context = context
        self.applyGrant = applyGrant
        desk = ApprovalDesk(context)
        profiles = ProfileFlow(context)
    }

    // MARK: Deciding

    /// Decides about a request.
    ///
    /// Throws 403 for whoever asked and for credentials that don't approve, 404 out of reach, 409 when it is decided,
    /// over, or about something that has changed.
    package func decide(
        _ id: ApprovalID,
        _ verdict: Verdict,
        note: String?,
        by approver: Approver,
        _ author: Authorship
    ) async throws -> Approval {
        do {
            let decided = try await context.write { tx in
                try decide(id, verdict, note: note?.trimmingBlanks, by: approver, author, in: tx)
            }
            desk.observe(decided)
            guard decided.state != .expired else {
                throw ServiceError(.alreadyDecided, "the approval \(id.text) expired before it was decided")
            }
            return decided
        } catch let error as ServiceError where error.code == .staleApproval {
            try await retire(id, because: error.detail)
            throw error
        } catch let error as EffectFailure {
            try await recordFailure(of: error, deciding: id, by: author)
            throw error.reason
        }
    }

    /// Decides about the request that a job waits for: the same decision by another name.
    package func decide(
        job: JobID,
        _ verdict: Verdict,
        note: String?,
        by approver: Approver,
        _ author: Authorship
    ) async throws -> Approval {
        let id = try await context.read { tx in
            let job = try JobStore().get(job, within: author.clearance, in: tx)
            guard let approval = try approvals.latest(of: job.id, batch: job.batchID, in: tx) else {
                throw ServiceError(
                    .invalidState, "job \(job.id.text) waits for no approval: it is \(job.status.rawValue)")
            }
            return approval.id
        }
        return try await decide(id, verdict, note: note, by: approver, author)
    }

    private func decide(
        _ id: ApprovalID,
        _ verdict: Verdict,
        note: String?,
        by approver: Approver,
        _ author: Authorship,
        in tx: any Transaction
    ) throws -> Approval {
        let approval = try approvals.lock(id, within: author.clearance, in: tx)
        guard approval.state == .pending else { throw ApprovalDesk.decidedAlready(id) }
        if isOver(approval, at: tx.now) { return try desk.expire(approval, note: "nobody decided in time", in: tx) }
        try rule.requireSecondPerson(approver, for: approval, in: tx)
        switch verdict {
        case .reject:
            let rejected = try desk.conclude(
                approval, ApprovalDecision(.rejected, by: approver.actor, note: note), .approvalRejected, by: author,
                in: tx)
            try desk.cancelWork(of: rejected, reason: "rejected by \(approver.actor.id)", by: author, in: tx)
            return rejected
        case .approve:
            try rule.requireFitToApprove(approver, in: tx)
            let approved = try desk.conclude(
                approval, ApprovalDecision(.approved, by: approver.actor, note: note), .approvalApproved, by: author,
                in: tx)
            try perform(approved, by: author, in: tx)
            return approved
        }
    }

    /// Takes a request back. For everybody but the one who asked there is no such request.
    ///
    /// Throws 404, and 409 when it is decided or over.
    package func withdraw(_ id: ApprovalID, note: String?, by author: Authorship) async throws -> Approval {
        let ended = try await context.write { tx in
            let approval = try approvals.lock(id, within: .system, in: tx)
            guard approval.requestedBy == author.actor else { throw StoreError.notFound(.approval, id: id.text) }
            guard approval.state == .pending else { throw ApprovalDesk.decidedAlready(id) }
            if isOver(approval, at: tx.now) { return try desk.expire(approval, note: "nobody decided in time", in: tx) }
            let decision = ApprovalDecision(.rejected, by: author.actor, note: note?.trimmingBlanks)
            let withdrawn = try desk.conclude(approval, decision, .approvalWithdrawn, by: author, in: tx)
            try desk.cancelWork(of: withdrawn, reason: "withdrawn by \(author.actor.id)", by: author, in: tx)
            return withdrawn
        }
        desk.observe(ended)
        guard ended.state != .expired else {
            throw ServiceError(.alreadyDecided, "the approval \(id.text) expired before it was withdrawn")
        }
        return ended
    }

    private func isOver(_ approval: Approval, at now: Timestamp) -> Bool {
        now >= approval.expiresAt ?? (approval.createdAt + context.timing.awaitingApprovalTimeout)
    }

    // MARK: Effects

    /// An effect that was refused: the decision is undone with it, and the refusal is audited.
    private struct EffectFailure: Error {
        let reason: ServiceError
        let action: RecordedAction
    }

    private func perform(_ approval: Approval, by author: Authorship, in tx: any Transaction) throws {
        guard let request = try approvals.approved(approval.id, in: tx) else {
            throw ApprovalGate.stale(approval.id, "its payload is not the one that was asked for")
        }
        switch request.subject {
        case .issuance(let terms): try resume(approval, terms, in: tx)
        case .profileEdit:
            do {
                try profiles.apply(request, by: author, in: tx)
            } catch let error as StoreError {
                throw EffectFailure(reason: error.serviceError, action: .profileApplyFailed)
            } catch let error as ServiceError where error.code != .staleApproval {
                throw EffectFailure(reason: error, action: .profileApplyFailed)
            }
        case .roleGrant: try applyGrant(request, author, tx)
        case .bulkRevocation: try OperationDesk(context).begin(under: approval.id, by: author, in: tx)
        // Keys are made and certificates signed outside of transactions: the request is repeated, and goes through once.
        case .ceremony: break
        }
    }

    /// What was asked for must still be what would be signed; then its jobs go on.
    private func resume(_ approval: Approval, _ terms: IssuanceTerms, in tx: any Transaction) throws {
        guard let inputs = try IssuanceInputs.read(terms.certificateID, in: tx) else {
            throw ApprovalGate.stale(approval.id, "the certificate is gone")
        }
        try inputs.requireIssuable()
        guard try gate.demand(on: inputs, keys: terms.keys) == terms else {
            throw ApprovalGate.stale(approval.id, "the certificate or its profile changed since it was asked for")
        }
        guard try !desk.resumeJobs(of: approval, in: tx).isEmpty else {
            throw ApprovalGate.stale(approval.id, "its job no longer waits")
        }
    }

    /// A request that can't be carried out any more ends, so that a new one can be made.
    private func retire(_ id: ApprovalID, because reason: String) async throws {
        let expired = try await context.write { tx -> Approval? in
            let approval = try approvals.lock(id, within: .system, in: tx)
            guard approval.state == .pending else { return nil }
            return try desk.expire(approval, note: reason, in: tx)
        }
        if let expired { desk.observe(expired) }
    }

    private func recordFailure(of failure: EffectFailure, deciding id: ApprovalID, by author: Authorship) async throws {
        let author = Authorship(actor: author.actor, origin: author.origin?.bare, clearance: author.clearance)
        try await context.write { tx in
            try context.recorder.record(
                failure.action, id.text, details: ["error": .string(failure.reason.detail)], by: author, in: tx)
        }
    }

    // MARK: Expiry

    /// Ends a batch of requests that nobody decided in time, or whose jobs wait no longer; those that ended.
    ///
    /// - `fence`: keeps a leader that was replaced from writing.
    func expireDue(_ fence: @escaping @Sendable (any Transaction) throws -> Void) async throws -> Int {
        let expired = try await context.database.write { tx in
            try fence(tx)
            let due = try approvals.overdue(
                olderThan: context.timing.awaitingApprovalTimeout, limit: Self.batch, in: tx)
            return try due.map { approval in
                let note = isOver(approval, at: tx.now) ? "nobody decided in time" : "its job no longer waits"
                return try desk.expire(approval, note: note, in: tx)
            }
        }
        for approval in expired { desk.observe(approval) }
        return expired.count
    }

    static var sweepBatch: Int { batch }
}
