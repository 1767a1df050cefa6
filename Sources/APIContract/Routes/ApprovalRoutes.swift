import Domain

/// Four-eyes approvals (specification, rest-api §7.11, security §8).
package enum ApprovalRoutes {
    package static let list = ProtectedRoute(
        "listApprovals", .get, "/api/v1/approvals", .permission(.approvalRead), scope: .list,
        "Lists approvals, newest first.",
        query: CommonQuery.paging() + [
            CommonQuery.choice("state", ApprovalState.allCases.map(\.rawValue), "State."),
            CommonQuery.choice("kind", ApprovalKind.allCases.map(\.rawValue), "What they are about."),
            CommonQuery.id("certificate_id", "Certificate."),
            QueryParameter("requested_by", .text(1...255, example: "ops"), "Who asked."),
        ],
        responses: [.page(of: ApprovalBody.self)], cli: .verb("approvals list")
    )

    package static let get = ProtectedRoute(
        "getApproval", .get, "/api/v1/approvals/{id}", .permission(.approvalRead), scope: .object,
        "Reads an approval with the exact request.",
        responses: [.json(200, ApprovalBody.self, "The approval."), .notFound], cli: .verb("approvals get")
    )

    package static let approve = ProtectedRoute(
        "approve", .post, "/api/v1/approvals/{id}/approve", .permission(.approvalApprove), scope: .object,
        audit: "approval_approved", "Agrees to what somebody else asked for, and does it.",
        request: .optionalBody(DecisionRequest.self), responses: decided, cli: .verb("approvals approve")
    )

    package static let reject = ProtectedRoute(
        "reject", .post, "/api/v1/approvals/{id}/reject", .permission(.approvalReject), scope: .object,
        audit: "approval_rejected", "Refuses what somebody else asked for.",
        request: .optionalBody(DecisionRequest.self), responses: decided, cli: .verb("approvals reject")
    )

    package static let withdraw = ProtectedRoute(
        "withdraw", .post, "/api/v1/approvals/{id}/withdraw", .authenticated, audit: "approval_withdrawn",
        "Takes back what the caller asked for.", request: .optionalBody(DecisionRequest.self),
        responses: [
            .json(200, DecisionAnswer.self, "Withdrawn."), .invalid, .notFound,
            .error(.alreadyDecided, "It is decided already."),
        ],
        cli: .verb("approvals withdraw")
    )

    package static let approveJob = ProtectedRoute(
        "approveJob", .post, "/api/v1/jobs/{id}/approve", .permission(.approvalApprove), scope: .object,
        audit: "approval_approved", "Decides about the approval that the job waits for.",
        responses: [.json(200, StatusAnswer.self, "Approved."), .notFound] + refusals,
        cli: .verb("jobs approve")
    )

    package static let rejectJob = ProtectedRoute(
        "rejectJob", .post, "/api/v1/jobs/{id}/reject", .permission(.approvalReject), scope: .object,
        audit: "approval_rejected", "Decides about the approval that the job waits for.",
        request: .optionalBody(RejectJobRequest.self),
        responses: [.json(200, StatusAnswer.self, "Rejected."), .notFound] + refusals,
        cli: .verb("jobs reject")
    )

    package static let all: [Route] = [
        list.route, get.route, approve.route, reject.route, withdraw.route, approveJob.route, rejectJob.route,
    ]

    private static let decided: [ResponseContent] =
        [.json(200, DecisionAnswer.self, "Decided."), .invalid, .notFound] + refusals
    private static let refusals: [ResponseContent] = [
        .error(.selfApprovalForbidden, "Two-person integrity: whoever asked does not decide."),
        .error(.alreadyDecided, "It is decided, or what it is about has changed."),
    ]
}

extension ResponseContent {
    /// A change that waits for a second person.
    static let pendingApproval = json(202, PendingApprovalAnswer.self, "A second person has to agree first.")
}
