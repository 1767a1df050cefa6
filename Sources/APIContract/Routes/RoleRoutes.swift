import Domain
import Encoding

/// Roles, and who holds them (specification, rest-api §7.25, security §3.5).
package enum RoleRoutes {
    package static let list = ProtectedRoute(
        "listRoles", .get, "/api/v1/auth/roles", .permission(.authRoleList), "Lists roles.",
        responses: [.json(200, RolesAnswer.self, "By name.")], cli: .verb("auth roles list")
    )

    package static let create = ProtectedRoute(
        "createRole", .post, "/api/v1/auth/roles", .permission(.authRoleCreate), audit: "role.create",
        "Makes a role, empty or as a copy.", request: .body(CreateRoleRequest.self),
        responses: [.json(201, RoleBody.self, "As stored."), .invalid, .nameTaken, .unknownReference, escalation],
        cli: .verb("auth roles create")
    )

    package static let get = ProtectedRoute(
        "getRole", .get, "/api/v1/auth/roles/{id}", .permission(.authRoleList), "Reads a role with its permissions.",
        responses: [.json(200, RoleAnswer.self, "The role."), .notFound], cli: .verb("auth roles get")
    )

    package static let replace = ProtectedRoute(
        "updateRole", .put, "/api/v1/auth/roles/{id}", .permission(.authRoleEdit), audit: "role.update",
        "Changes the members that are sent.", request: .body(UpdateRoleRequest.self), responses: changed,
        cli: .verb("auth roles update")
    )

    package static let patch = ProtectedRoute(
        "patchRole", .patch, "/api/v1/auth/roles/{id}", .permission(.authRoleEdit), audit: "role.update",
        "Changes or clears members (RFC 7396).", request: .mergePatch(UpdateRoleRequest.self), responses: changed,
        cli: .verb("auth roles update")
    )

    package static let delete = ProtectedRoute(
        "deleteRole", .delete, "/api/v1/auth/roles/{id}", .permission(.authRoleDelete), audit: "role.delete",
        "Deletes a role that nobody holds.",
        responses: [.noContent, .error(.inUse, "Somebody holds it, or it came with the installation.")],
        cli: .verb("auth roles delete")
    )

    package static let addPermission = ProtectedRoute(
        "addRolePermission", .post, "/api/v1/auth/roles/{id}/permissions", .permission(.authRoleEdit),
        audit: "role.permission.add", "Adds a permission; repeating it changes nothing.",
        request: .body(AddPermissionRequest.self),
        responses: [.noContent, .invalid, .notFound, .unknownReference, escalation, builtIn],
        cli: .verb("auth roles allow")
    )

    package static let removePermission = ProtectedRoute(
        "removeRolePermission", .delete, "/api/v1/auth/roles/{id}/permissions/{permission}",
        .permission(.authRoleEdit), audit: "role.permission.remove",
        "Removes a permission; repeating it changes nothing.", query: scopeQuery(default: "global"),
        responses: [.noContent, .notFound, builtIn], cli: .verb("auth roles disallow")
    )

    package static let grantToKey = ProtectedRoute(
        "grantRole", .post, "/api/v1/auth/keys/{id}/roles", .permission(.authRoleAssign), audit: "actor_role.grant",
        "Grants a role to an API key; repeating it changes nothing.", request: .body(GrantRequestBody.self),
        responses: granted, cli: .verb("auth keys assign")
    )

    package static let revokeFromKey = ProtectedRoute(
        "revokeRole", .delete, "/api/v1/auth/keys/{id}/roles/{role_id}", .permission(.authRoleRevoke),
        audit: "actor_role.revoke", "Takes a role from an API key, in all scopes or in one.",
        query: scopeQuery(default: nil), responses: revoked, cli: .verb("auth keys revoke")
    )

    package static let grantToActor = ProtectedRoute(
        "grantActorRole", .post, "/api/v1/auth/actors/{type}/{id}/roles", .permission(.authRoleAssign),
        audit: "actor_role.grant", "Grants a role to any actor; repeating it changes nothing.",
        request: .body(GrantRequestBody.self), responses: granted, cli: .verb("auth keys assign")
    )

    package static let revokeFromActor = ProtectedRoute(
        "revokeActorRole", .delete, "/api/v1/auth/actors/{type}/{id}/roles/{role_id}", .permission(.authRoleRevoke),
        audit: "actor_role.revoke", "Takes a role from any actor, in all scopes or in one.",
        query: scopeQuery(default: nil), responses: revoked, cli: .verb("auth keys revoke")
    )

    package static let replaceOfActor = ProtectedRoute(
        "replaceActorRoles", .put, "/api/v1/auth/actors/{type}/{id}/roles", .permission(.authRoleAssign),
        audit: "actor_role.replace", "Makes the grants of an actor exactly these; needs auth.role.revoke too.",
        request: .body(ReplaceGrantsRequest.self), responses: granted + [lastAdministrator],
        cli: .verb("auth keys set-roles")
    )

    package static let explain = ProtectedRoute(
        "explainAccess", .post, "/api/v1/auth/explain", .selfOr(.authRoleList),
        "Why an actor may do something, or what it lacks. Anybody may ask about themselves.",
        request: .body(ExplainRequest.self),
        responses: [
            .json(200, ExplainAnswer.self, "The answer."), .invalid,
            .error(.insufficientPermissions, "It asks about somebody else."),
        ],
        cli: .verb("auth explain")
    )

    package static let all: [Route] = [
        list.route, create.route, get.route, replace.route, patch.route, delete.route, addPermission.route,
        removePermission.route,
        grantToKey.route, revokeFromKey.route, grantToActor.route, revokeFromActor.route, replaceOfActor.route,
        explain.route,
    ]

    private static let changed: [ResponseContent] = [
        .json(200, RoleBody.self, "As stored."), .invalid, .notFound, .nameTaken, .stale, builtIn,
    ]
    private static let builtIn = ResponseContent.error(.systemRole, "The role came with the installation.")
    private static let escalation = ResponseContent.error(
        .privilegeEscalation, "It would give away what the caller may not do itself."
    )
    private static let lastAdministrator = ResponseContent.error(.lastAdministrator, "Nobody would administer.")
    private static let granted: [ResponseContent] = [
        .noContent, .pendingApproval, .invalid, .unknownReference, escalation,
        .error(.auditorOverlap, "An auditor would change things, or the actor is reserved."),
    ]
    private static let revoked: [ResponseContent] = [.noContent, .invalid, .notFound, lastAdministrator]

    private static func scopeQuery(default fallback: String?) -> [QueryParameter] {
        [
            QueryParameter(
                "scope_type", .choice(["global", "profile", "issuer"]), default: fallback.map { .string($0) },
                "Kind of scope."
            ),
            QueryParameter("scope_id", .id, "Which profile or issuer."),
        ]
    }
}
