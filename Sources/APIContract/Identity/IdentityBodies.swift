package import Domain

/// `GET /api/v1/auth/info`.
package struct AuthInfoBody: WireValue {
    package var authType = "api-key"
    package var isRequired = true
    package var isDemo: Bool?

    package init() {}

    package static let contract = Contract<Self>(
        "AuthInfo", "How a client authenticates.",
        [
            .required("auth_type", \.authType, .choice(["api-key", "oidc", "none"]), "Kind of credential."),
            .required("required", \.isRequired, "False only in demonstrations."),
            .optional("demo", \.isDemo, "Present and true when every caller is an administrator."),
        ]
    )
}

/// A permission that an actor holds.
package struct EffectivePermission: WireValue, Hashable {
    package var permission = ""
    package var scopeType = "global"
    package var scopeID: String?

    package init() {}
    package init(_ permission: Permission) { self.permission = permission.rawValue }

    package static let contract = Contract<Self>(
        "EffectivePermission", "A permission and where it holds.",
        [
            .required("permission", \.permission, .text(1...64, example: "cert.read"), "Name."),
            .required("scope_type", \.scopeType, .choice(["global", "profile", "issuer"]), "Kind of scope."),
            .optional("scope_id", \.scopeID, "Which profile or issuer."),
        ]
    )
}

/// `GET /api/v1/auth/check`.
package struct AuthCheckBody: WireValue {
    package var status = "authenticated"
    package var user = ""
    package var isAdmin = false
    package var actorID = ""
    package var actorType = ActorType.apiKey
    package var tenantID = "t-default"
    package var roles: [String] = []
    package var effectivePermissions: [EffectivePermission] = []
    package var isAdminViaRole = false

    package init() {}

    package static let contract = Contract<Self>(
        "AuthCheck", "The credential works, and for whom.",
        [
            .required("status", \.status, .choice(["authenticated"]), "Always the same."),
            .required("user", \.user, .text(0...255, example: "ops"), "Name of the actor."),
            .required("admin", \.isAdmin, "Older flag of the key."),
            .required("actor_id", \.actorID, .text(0...255, example: "ops"), "Name of the actor."),
            .required("actor_type", \.actorType, "Kind of actor."),
            .required("tenant_id", \.tenantID, .text(0...64, example: "t-default"), "Tenant."),
            .required("roles", \.roles, "Roles held."),
            .required("effective_permissions", \.effectivePermissions, "Permissions held."),
            .required("admin_via_role", \.isAdminViaRole, "Whether r-admin is among the roles."),
        ]
    )
}

/// `GET /api/v1/auth/me`.
package struct AuthMeBody: WireValue {
    package var actorID = ""
    package var actorType = ActorType.apiKey
    package var tenantID = "t-default"
    package var isAdmin = false
    package var roles: [String] = []
    package var effectivePermissions: [EffectivePermission] = []
    package var displayName: String?
    package var email: String?
    package var session: OwnSession?

    package init() {}

    package static let contract = Contract<Self>(
        "AuthMe", "Who the caller is.",
        [
            .required("actor_id", \.actorID, .text(0...255, example: "ops"), "Name of the actor."),
            .required("actor_type", \.actorType, "Kind of actor."),
            .required("tenant_id", \.tenantID, .text(0...64, example: "t-default"), "Tenant."),
            .required("admin", \.isAdmin, "Whether r-admin is among the roles."),
            .required("roles", \.roles, "Roles held."),
            .required("effective_permissions", \.effectivePermissions, "Permissions held."),
            .optional("display_name", \.displayName, .text(1...255, example: "Olga Ops"), "Name of the person."),
            .optional("email", \.email, .text(1...320, example: "olga@example.com"), "Address of the person."),
            .optional("session", \.session, "The session that the request came with."),
        ]
    )
}

/// One entry of the permission catalogue.
package struct PermissionBody: WireValue {
    package var id = ""
    package var name = ""
    package var namespace = ""

    package init() {}
    package init(_ permission: Permission) {
        id = permission.rawValue
        name = permission.rawValue
        namespace = String(permission.rawValue.prefix { $0 != "." })
    }

    package static let contract = Contract<Self>(
        "Permission", "Something that a role can allow.",
        [
            .required("id", \.id, .text(1...64, example: "cert.read"), "Identifier."),
            .required("name", \.name, .text(1...64, example: "cert.read"), "Name."),
            .required("namespace", \.namespace, .text(1...64, example: "cert"), "Area."),
        ]
    )
}

/// `GET /api/v1/auth/permissions`.
package struct PermissionsAnswer: WireValue {
    package var permissions: [PermissionBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "Permissions", "The permission catalogue.", [.required("permissions", \.permissions, "Every permission.")]
    )
}
