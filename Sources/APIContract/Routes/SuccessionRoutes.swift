import Domain
import Encoding

/// How a CA of a tree takes the place of another: known first, then signing (ADR-0037).
package enum SuccessionRoutes {
    package static let succeed = ProtectedRoute(
        "succeedIntermediateCA", .post, "/api/v1/intermediates/{id}/successor", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_staged",
        "Renews a CA with a new key: makes another of the same terms, which is staged and signs nothing before it is activated.",
        request: .optionalBody(SucceedIntermediateCARequest.self),
        responses: [
            .json(
                201, IntermediateCABody.self, "Staged; or pending with a request, when the parent's key is elsewhere."),
            .pendingApproval, .invalid, .notFound, .nameTaken,
            .error(.invalidState, "It is not in service, a successor waits, or its parent is not active."),
            .error(.unprocessable, "The key can't be made."),
        ],
        cli: .verb("intermediates succeed")
    )

    package static let consumers = ProtectedRoute(
        "listIntermediateCAConsumers", .get, "/api/v1/intermediates/{id}/consumers", .permission(.issuerRead),
        scope: .object, "The targets that have to trust a CA, those that do not yet first.",
        query: [
            CommonQuery.flag("lacking", "Only those that do not trust it yet."),
            QueryParameter("limit", .integer(1...1000), default: 200, "Most targets to answer."),
        ],
        responses: [
            .json(200, CAConsumersAnswer.self, "The targets."), .notFound,
            .error(.invalidState, "It is pending and has no certificate yet."),
        ],
        cli: .verb("intermediates consumers")
    )

    package static let activate = ProtectedRoute(
        "activateIntermediateCA", .post, "/api/v1/intermediates/{id}/activate", .permission(.caHierarchyManage),
        scope: .object, audit: "intermediate_ca_activated",
        "Puts a staged CA in the place of the one before, which retires, when every known target trusts it.",
        request: .optionalBody(ActivateIntermediateCARequest.self),
        responses: [
            .json(200, ActivateIntermediateCAAnswer.self, "What was done."), .invalid, .notFound,
            .error(.invalidState, "It is not staged, targets do not trust it yet, or it is held for longer."),
            .error(.unprocessable, "Its key was reported as compromised."),
        ],
        cli: .verb("intermediates activate")
    )

    package static let all: [Route] = [succeed.route, consumers.route, activate.route]
}
