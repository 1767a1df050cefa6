import Domain

/// Renewal policies (specification, rest-api §7.14).
package enum RenewalPolicyRoutes {
    package static let list = ProtectedRoute(
        "listRenewalPolicies", .get, "/api/v1/renewal-policies", .permission(.policyRead),
        "Lists renewal policies by name.",
        query: CommonQuery.paging() + [CommonQuery.search],
        responses: [.page(of: RenewalPolicyBody.self)], cli: .verb("renewal-policies list")
    )

    package static let create = ProtectedRoute(
        "createRenewalPolicy", .post, "/api/v1/renewal-policies", .permission(.policyEdit),
        audit: "create_renewal_policy", "Adds a renewal policy.",
        request: .body(CreateRenewalPolicyRequest.self),
        responses: [.json(201, RenewalPolicyBody.self, "As stored."), .invalid, .nameTaken],
        cli: .verb("renewal-policies create")
    )

    package static let get = ProtectedRoute(
        "getRenewalPolicy", .get, "/api/v1/renewal-policies/{id}", .permission(.policyRead), "Reads a renewal policy.",
        responses: [.json(200, RenewalPolicyBody.self, "The policy."), .notFound], cli: .verb("renewal-policies get")
    )

    package static let replace = ProtectedRoute(
        "updateRenewalPolicy", .put, "/api/v1/renewal-policies/{id}", .permission(.policyEdit),
        audit: "update_renewal_policy",
        "Changes the members that are sent.", request: .body(UpdateRenewalPolicyRequest.self), responses: changed,
        cli: .verb("renewal-policies update")
    )

    package static let patch = ProtectedRoute(
        "patchRenewalPolicy", .patch, "/api/v1/renewal-policies/{id}", .permission(.policyEdit),
        audit: "update_renewal_policy",
        "Changes or clears members (RFC 7396).", request: .mergePatch(UpdateRenewalPolicyRequest.self),
        responses: changed,
        cli: .verb("renewal-policies update")
    )

    package static let delete = ProtectedRoute(
        "deleteRenewalPolicy", .delete, "/api/v1/renewal-policies/{id}", .permission(.policyDelete),
        audit: "delete_renewal_policy",
        "Deletes a renewal policy that nothing uses.",
        responses: [.noContent, .notFound, .stale, .error(.inUse, "Certificates still use it.")],
        cli: .verb("renewal-policies delete")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, RenewalPolicyBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale,
    ]
}
