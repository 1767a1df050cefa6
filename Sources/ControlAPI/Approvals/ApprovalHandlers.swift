import APIContract
import Access
import Domain
import Encoding
import HTTPServing
import Lifecycle
import Store

/// Four-eyes approvals (specification, rest-api §7.11).
struct ApprovalHandlers: Sendable {
    let lists: Lists
    let flow: ApprovalFlow

    func register(in handlers: inout HandlerTable) {
        handlers.on(ApprovalRoutes.list, list)
        handlers.on(ApprovalRoutes.get, get)
        handlers.on(ApprovalRoutes.approve) { try await decide($0, .approve) }
        handlers.on(ApprovalRoutes.reject) { try await decide($0, .reject) }
        handlers.on(ApprovalRoutes.withdraw, withdraw)
        handlers.on(ApprovalRoutes.approveJob, approveJob)
        handlers.on(ApprovalRoutes.rejectJob, rejectJob)
    }

    private func list(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        var filter = ApprovalFilter()
        filter.states = context.query.values("state")
        filter.kinds = context.query.values("kind")
        filter.certificateIDs = context.query.ids("certificate_id")
        filter.requestedBy = context.query.text("requested_by")
        let clearance = context.clearance
        return try await lists.answer(
            context, filter: filter, natural: (ApprovalSort.createdAt, true),
            fetch: { try ApprovalStore().list($0, within: clearance, in: $1) }, body: { ApprovalBody($0) }
        )
    }

    private func get(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (id, clearance) = (try context.request.id(as: ApprovalID.self), context.clearance)
        let (approval, changes) = try await lists.database.fetch { tx in
            let approval = try ApprovalStore().get(id, within: clearance, in: tx)
            let profile = try approval.profileID.flatMap { try ProfileStore().find($0, in: tx) }
            return (approval, approval.changes(of: profile))
        }
        var body = ApprovalBody(approval)
        body.diff = changes?.map { PatchOperationBody($0) }
        return .json(body, version: approval.rowVersion)
    }

    private func decide(
        _ context: AuthenticatedContext, _ verdict: ApprovalFlow.Verdict
    ) async throws -> OutgoingResponse {
        let request: DecisionRequest = try context.request.decode()
        let decided = try await flow.decide(
            try context.request.id(), verdict, note: request.note, by: context.principal.approver, context.authorship)
        let answer = DecisionAnswer {
            $0.id = decided.id
            $0.decidedBy = decided.decidedBy ?? ""
            $0.action = decided.state.rawValue
        }
        return .json(answer)
    }

    private func withdraw(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: DecisionRequest = try context.request.decode()
        let ended = try await flow.withdraw(try context.request.id(), note: request.note, by: context.authorship)
        let answer = DecisionAnswer {
            $0.id = ended.id
            $0.decidedBy = ended.decidedBy ?? ""
            $0.action = "withdrawn"
        }
        return .json(answer)
    }

    private func approveJob(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        _ = try await flow.decide(
            job: try context.request.id(), .approve, note: nil, by: context.principal.approver, context.authorship)
        return .json(StatusAnswer { $0.status = "job_approved" })
    }

    private func rejectJob(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let request: RejectJobRequest = try context.request.decode()
        _ = try await flow.decide(
            job: try context.request.id(), .reject, note: request.reason, by: context.principal.approver,
            context.authorship)
        return .json(StatusAnswer { $0.status = "job_rejected" })
    }
}

extension Principal {
    /// What this principal decides approvals by. A session that a key was exchanged for is worth what the key is.
    fileprivate var approver: Approver {
        if actor.type == .user, let signIn { return Approver(actor, .session(signedInAt: signIn.time)) }
        guard actor.type == .apiKey, let credentialID else { return Approver(actor, .other) }
        return Approver(actor, .apiKey(APIKeyID(stored: credentialID)))
    }
}

extension PendingApprovalAnswer {
    init(_ id: ApprovalID, _ what: String) {
        self.init {
            $0.approvalID = id
            $0.message = "\(what) waits for the approval of a second person: \(id.text)"
        }
    }
}

extension OutgoingResponse {
    /// 202: nothing has changed yet.
    static func pendingApproval(_ id: ApprovalID, _ what: String) -> OutgoingResponse {
        .json(PendingApprovalAnswer(id, what), status: 202, location: "/api/v1/approvals/\(id.text)")
    }
}

extension PatchOperationBody {
    fileprivate init(_ operation: JSONPatch.Operation) {
        self.init {
            $0.operation = operation.kind.rawValue
            $0.path = operation.path.text
            $0.value = operation.value
        }
    }
}

extension ApprovalBody {
    init(_ approval: Approval) {
        self.init {
            $0.id = approval.id
            $0.kind = approval.kind
            $0.certificateID = approval.certificateID
            $0.jobID = approval.jobID
            $0.profileID = approval.profileID
            $0.requestedBy = approval.requestedBy.id
            $0.requestedByType = approval.requestedBy.type
            $0.state = approval.state
            $0.decidedBy = approval.decidedBy
            $0.decidedAt = approval.decidedAt
            $0.note = approval.note
            $0.metadata = approval.metadata
            if let payload = approval.payload {
                $0.payload = Base64.encode(Array(JSONValue.object(payload).text.utf8))
                $0.payloadJSON = payload
            }
            $0.payloadDigest = approval.payloadDigest
            $0.isWithdrawn = approval.isWithdrawn
            $0.expiresAt = approval.expiresAt
            $0.createdAt = approval.createdAt
            $0.updatedAt = approval.updatedAt
            $0.version = approval.rowVersion
        }
    }
}
