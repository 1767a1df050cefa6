import Domain

/// Certificate profiles (specification, rest-api §7.12).
package enum ProfileRoutes {
    package static let list = ProtectedRoute(
        "listProfiles", .get, "/api/v1/profiles", .permission(.profileRead), scope: .list, "Lists profiles.",
        query: CommonQuery.paging() + [CommonQuery.search],
        responses: [.page(of: ProfileBody.self)], cli: .verb("profiles list")
    )

    package static let create = ProtectedRoute(
        "createProfile", .post, "/api/v1/profiles", .permission(.profileEdit), audit: "create_profile",
        "Adds a profile.",
        request: .body(CreateProfileRequest.self),
        responses: [.json(201, ProfileBody.self, "As stored."), .pendingApproval, .invalid, .nameTaken],
        cli: .verb("profiles create")
    )

    package static let get = ProtectedRoute(
        "getProfile", .get, "/api/v1/profiles/{id}", .permission(.profileRead), scope: .profile, "Reads a profile.",
        responses: [.json(200, ProfileBody.self, "The profile."), .notFound], cli: .verb("profiles get")
    )

    package static let replace = ProtectedRoute(
        "updateProfile", .put, "/api/v1/profiles/{id}", .permission(.profileEdit), scope: .profile,
        audit: "update_profile",
        "Changes the members that are sent.", request: .body(UpdateProfileRequest.self), responses: changed,
        cli: .verb("profiles update")
    )

    package static let patch = ProtectedRoute(
        "patchProfile", .patch, "/api/v1/profiles/{id}", .permission(.profileEdit), scope: .profile,
        audit: "update_profile",
        "Changes or clears members (RFC 7396).", request: .mergePatch(UpdateProfileRequest.self), responses: changed,
        cli: .verb("profiles update")
    )

    package static let delete = ProtectedRoute(
        "deleteProfile", .delete, "/api/v1/profiles/{id}", .permission(.profileDelete), scope: .profile,
        audit: "delete_profile",
        "Deletes a profile that nothing uses.",
        responses: [.noContent, .pendingApproval, .notFound, .stale, .error(.inUse, "Certificates still use it.")],
        cli: .verb("profiles delete")
    )

    package static let certificates = ProtectedRoute(
        "listProfileCertificates", .get, "/api/v1/profiles/{id}/certificates", .permission(.certRead), scope: .profile,
        "Lists the certificates of a profile.",
        query: CommonQuery.paging(sort: CertificateRoutes.sortKeys)
            + CertificateRoutes.filters.filter { $0.name != "profile_id" },
        responses: [.page(of: CertificateBody.self), .notFound], cli: .verb("certs list")
    )

    package static let check = ProtectedRoute(
        "checkProfile", .post, "/api/v1/profiles/{id}/check", .permission(.certRead), scope: .profile,
        "Which certificates the profile, as saved or as proposed, would refuse at their next renewal. Changes nothing.",
        request: .optionalBody(ProfileCheckRequest.self),
        responses: [
            .json(200, ProfileCheckAnswer.self, "What was found."), .invalid, .notFound, .unknownReference, .stale,
        ],
        cli: .verb("profiles check")
    )

    package static let evaluate = ProtectedRoute(
        "evaluateProfile", .post, "/api/v1/profiles/{id}/evaluate", .permission(.certRead), scope: .profile,
        "What the profile, as saved or as proposed, makes of a request. Changes nothing.",
        request: .body(EvaluateRequest.self),
        responses: [
            .json(200, EvaluateAnswer.self, "The verdict."), .invalid, .notFound, .unknownReference, .stale,
        ],
        cli: .verb("profiles evaluate")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route, certificates.route,
        check.route, evaluate.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, ProfileBody.self, "As stored."), .pendingApproval, .invalid, .notFound, .nameTaken, .stale,
    ]
}
