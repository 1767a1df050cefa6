package import Domain

private let scopeKinds = Schema.choice(["global", "profile", "issuer"])

/// A role.
package struct RoleBody: WireValue {
    package var id = RoleID.unset
    package var tenantID = "t-default"
    package var name = ""
    package var description = ""
    package var isSystem = false
    package var createdAt = Timestamp.epoch
    package var updatedAt = Timestamp.epoch
    package var version = 1

    package init() {}

    package static let contract = Contract<Self>(
        "Role", "A named set of permissions.",
        [
            .required("id", \.id, "Identifier."),
            .required("tenant_id", \.tenantID, .text(0...64, example: "t-default"), "Tenant."),
            .required("name", \.name, .name, "Name."),
            .required("description", \.description, .longText, "What it is for."),
            .defaulted("system", \.isSystem, "Whether it came with the installation and cannot be changed."),
            .required("created_at", \.createdAt, "Creation."),
            .required("updated_at", \.updatedAt, "Last change."),
            .defaulted("version", \.version, "Row version."),
        ]
    )
}

/// `GET /api/v1/auth/roles`.
package struct RolesAnswer: WireValue {
    package var roles: [RoleBody] = []

    package init() {}

    package static let contract = Contract<Self>("Roles", "Every role.", [.required("roles", \.roles, "By name.")])
}

/// `POST /api/v1/auth/roles`.
package struct CreateRoleRequest: WireValue {
    package var name = ""
    package var description = ""
    package var source: RoleID?

    package init() {}

    package static let contract = Contract<Self>(
        "CreateRole", "A role to make.",
        [
            .required("name", \.name, .name, "Name, unique."),
            .defaulted("description", \.description, .longText, "What it is for."),
            .optional("copy_from", \.source, "A role whose permissions it starts with."),
        ]
    )
}

/// `PUT /api/v1/auth/roles/{id}`.
package struct UpdateRoleRequest: WireValue {
    package var name = FieldUpdate<String>.keep
    package var description = FieldUpdate<String>.keep
    package var expectedVersion: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateRole", "What to change about a role.",
        [
            .update("name", \.name, .name, "Name, unique."),
            .update("description", \.description, .longText, clearable: true, "What it is for."),
            .optional("expected_version", \.expectedVersion, "The version that was read."),
        ]
    )
}

/// A permission of a role.
package struct RolePermissionBody: WireValue, Hashable {
    package var roleID = RoleID.unset
    package var permissionID = ""
    package var permission = ""
    package var scopeType = "global"
    package var scopeID: String?

    package init() {}

    package static let contract = Contract<Self>(
        "RolePermission", "A permission of a role.",
        [
            .required("role_id", \.roleID, "Role."),
            .required("permission_id", \.permissionID, .text(1...128, example: "p-cert.read"), "Permission."),
            .defaulted("permission", \.permission, .text(0...128, example: "cert.read"), "Name of the permission."),
            .required("scope_type", \.scopeType, scopeKinds, "Kind of scope."),
            .optional("scope_id", \.scopeID, "Which profile or issuer."),
        ]
    )
}

/// `GET /api/v1/auth/roles/{id}`.
package struct RoleAnswer: WireValue {
    package var role = RoleBody()
    package var permissions: [RolePermissionBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "RoleWithPermissions", "A role and what it allows.",
        [
            .required("role", \.role, "The role."),
            .required("permissions", \.permissions, "What it allows, by name."),
        ]
    )
}

/// `POST /api/v1/auth/roles/{id}/permissions`.
package struct AddPermissionRequest: WireValue {
    package var permission = ""
    package var scopeType = "global"
    package var scopeID: String?

    package init() {}

    package static let contract = Contract<Self>(
        "AddPermission", "A permission to add to a role.",
        [
            .required("permission", \.permission, .text(1...64, example: "cert.read"), "Name of the permission."),
            .defaulted("scope_type", \.scopeType, scopeKinds, "Kind of scope."),
            .optional("scope_id", \.scopeID, .id, "Which profile or issuer."),
        ]
    )
}

/// A role to grant.
package struct GrantRequestBody: WireValue, Hashable {
    package var roleID = RoleID.unset
    package var scopeType = "global"
    package var scopeID: String?
    package var expiresAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "GrantRequest", "A role to grant, and where it holds.",
        [
            .required("role_id", \.roleID, "Role."),
            .defaulted("scope_type", \.scopeType, scopeKinds, "Kind of scope."),
            .optional("scope_id", \.scopeID, .id, "Which profile or issuer."),
            .optional("expires_at", \.expiresAt, "When it ends; must lie ahead."),
        ]
    )
}

/// `PUT /api/v1/auth/actors/{type}/{id}/roles`.
package struct ReplaceGrantsRequest: WireValue {
    package var grants: [GrantRequestBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "ReplaceGrants", "All grants that an actor is to have.",
        [
            .required(
                "grants", \.grants, .list(GrantRequestBody.wireSchema, maximum: 256), "Exactly these; none for no role."
            )
        ]
    )
}

/// A role that an actor holds.
package struct GrantBody: WireValue, Hashable {
    package var id = GrantID.unset
    package var roleID = ""
    package var scopeType = "global"
    package var scopeID: String?
    package var expiresAt: Timestamp?
    package var source = "manual"

    package init() {}

    package static let contract = Contract<Self>(
        "Grant", "A role that an actor holds, and where.",
        [
            .required("id", \.id, "Identifier."),
            .required("role_id", \.roleID, .text(1...128, example: "r-operator"), "Role."),
            .required("scope_type", \.scopeType, scopeKinds, "Kind of scope."),
            .optional("scope_id", \.scopeID, "Which profile or issuer."),
            .optional("expires_at", \.expiresAt, "When it ends."),
            .required("source", \.source, .text(1...32, example: "manual"), "Why it exists."),
        ]
    )
}

/// `POST /api/v1/auth/explain`.
package struct ExplainRequest: WireValue {
    package var actorID: String?
    package var actorType: ActorType?
    package var permission = ""
    package var scopeType = "global"
    package var scopeID: String?

    package init() {}

    package static let contract = Contract<Self>(
        "Explain", "A question about what an actor may do.",
        [
            .optional("actor_id", \.actorID, .text(1...255, example: "ops"), "Whose rights; the caller's when absent."),
            .optional("actor_type", \.actorType, "Kind of actor; APIKey when absent."),
            .required("permission", \.permission, .text(1...64, example: "cert.issue"), "Name of the permission."),
            .defaulted("scope_type", \.scopeType, scopeKinds, "Kind of scope."),
            .optional("scope_id", \.scopeID, .id, "Which profile or issuer."),
        ]
    )
}

/// A grant that allows something.
package struct ExplainedGrant: WireValue, Hashable {
    package var grantID = ""
    package var roleID = ""
    package var scope = ""

    package init() {}

    package static let contract = Contract<Self>(
        "ExplainedGrant", "A grant that allows it.",
        [
            .required("grant_id", \.grantID, .text(0...128, example: "ar-1"), "Grant; empty for an agent's own role."),
            .required("role_id", \.roleID, .text(1...128, example: "r-operator"), "Role."),
            .required("scope", \.scope, .text(1...255, example: "issuer:iss-local"), "Where it holds."),
        ]
    )
}

/// The answer to an ``ExplainRequest``.
package struct ExplainAnswer: WireValue {
    package var isAllowed = false
    package var because: [ExplainedGrant] = []
    package var missing: String?

    package init() {}

    package static let contract = Contract<Self>(
        "Explanation", "Whether an actor may do something, and why.",
        [
            .required("allowed", \.isAllowed, "Whether it may."),
            .required("because", \.because, "The grants that allow it."),
            .optional("missing", \.missing, .text(1...255, example: "cert.issue"), "What it would need."),
        ]
    )
}
