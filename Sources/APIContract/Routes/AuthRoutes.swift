import Domain

/// Who the caller is, the first administrator, API keys (specification, rest-api §7.24-§7.26).
package enum AuthRoutes {
    package static let info = OpenRoute(
        "getAuthInfo", .get, "/api/v1/auth/info", class: .probe, "How a client authenticates.",
        responses: [.json(200, AuthInfoBody.self, "The ways in.")], cli: .verb("setup")
    )

    package static let bootstrapStatus = OpenRoute(
        "getBootstrap", .get, "/api/v1/auth/bootstrap", "Whether the first administrator can still be made.",
        responses: [.json(200, BootstrapStatusBody.self, "Whether it can.")], cli: .verb("setup")
    )

    package static let bootstrap = OpenRoute(
        "bootstrap", .post, "/api/v1/auth/bootstrap", class: .bootstrap, audit: "bootstrap.consume", bodyLimit: 4096,
        "Makes the first administrator with the set-up token.", request: .body(BootstrapRequest.self),
        responses: [
            .json(201, BootstrapAnswer.self, "The administrator's key, shown once."), .invalid,
            .error(.unauthenticated, "The token is wrong."),
            .error(.bootstrapDisabled, "An administrator exists; this never opens again."),
        ],
        cli: .verb("setup")
    )

    package static let check = ProtectedRoute(
        "checkAuth", .get, "/api/v1/auth/check", .authenticated, "Whether the credential works.",
        responses: [.json(200, AuthCheckBody.self, "It does.")], cli: .verb("auth check")
    )

    package static let me = ProtectedRoute(
        "getMe", .get, "/api/v1/auth/me", .authenticated, "Who the caller is.",
        responses: [.json(200, AuthMeBody.self, "The caller.")], cli: .verb("auth whoami")
    )

    package static let permissions = ProtectedRoute(
        "listPermissions", .get, "/api/v1/auth/permissions", .authenticated, "The permission catalogue.",
        responses: [.json(200, PermissionsAnswer.self, "Every permission.")], cli: .verb("auth permissions")
    )

    package static let listKeys = ProtectedRoute(
        "listKeys", .get, "/api/v1/auth/keys", .permission(.authKeyList), "Actors with a current grant.",
        query: [
            QueryParameter("include", .choice(["credentials"]), "Also keys without a grant, and what is known of each.")
        ],
        responses: [.json(200, KeyListAnswer.self, "By name.")], cli: .verb("keys list")
    )

    package static let createKey = ProtectedRoute(
        "createKey", .post, "/api/v1/auth/keys", .permission(.authKeyCreate), audit: "auth.key_created",
        "Makes an API key.", request: .body(CreateKeyRequest.self),
        responses: [
            .json(201, CreatedKeyAnswer.self, "The key, shown once."), .invalid, .nameTaken,
            .error(.insufficientPermissions, "The roles hold more than the caller does."), .unknownReference,
        ],
        cli: .verb("keys create")
    )

    package static let getKey = ProtectedRoute(
        "getKey", .get, "/api/v1/auth/keys/{id}", .permission(.authKeyList), "What is known about an API key.",
        responses: [.json(200, APIKeyBody.self, "The key, without its value."), .notFound], cli: .verb("keys get")
    )

    package static let updateKey = ProtectedRoute(
        "updateKey", .patch, "/api/v1/auth/keys/{id}", .permission(.authKeyRotate), audit: "auth.key_updated",
        "Changes the end, the networks or the switch of an API key.", request: .mergePatch(UpdateKeyRequest.self),
        responses: [
            .json(200, APIKeyBody.self, "The key, without its value."), .invalid, .notFound, .stale,
            .error(.lastAdministrator, "It is the last administrator's, or the environment declares it."),
            .error(.privilegeEscalation, "The key opens more than the caller may do."),
        ],
        cli: .verb("keys update")
    )

    package static let rotateKey = ProtectedRoute(
        "rotateKey", .post, "/api/v1/auth/keys/{id}/rotate", .ownKeyOr(.authKeyRotate), audit: "auth.key_rotated",
        "Replaces the value of an API key.", request: .optionalBody(RotateKeyRequest.self),
        responses: [.json(200, CreatedKeyAnswer.self, "The new value, shown once."), .invalid, .notFound],
        cli: .verb("keys rotate")
    )

    package static let deleteKey = ProtectedRoute(
        "deleteKey", .delete, "/api/v1/auth/keys/{id}", .permission(.authKeyDelete), audit: "auth.key_deleted",
        "Ends an API key at once.",
        responses: [.noContent, .notFound, .error(.lastAdministrator, "It is the last administrator's.")],
        cli: .verb("keys delete")
    )

    package static let deleteKeySecret = ProtectedRoute(
        "deleteKeySecret", .delete, "/api/v1/auth/keys/{id}/secrets/{secret}", .permission(.authKeyDelete),
        audit: "auth.key_secret_revoked", "Ends one of the two values of an API key that is being rotated.",
        responses: [
            .noContent, .notFound, .error(.invalidState, "It is the only value, or the environment declares it."),
        ],
        cli: .verb("keys revoke-secret")
    )

    package static let all: [Route] = [
        info.route, bootstrapStatus.route, bootstrap.route, check.route, me.route, permissions.route, listKeys.route,
        createKey.route, getKey.route, updateKey.route, rotateKey.route, deleteKey.route,
        deleteKeySecret.route,
    ]
}
