package import Domain

/// A row of `GET /api/v1/auth/keys`: an actor with a current grant.
package struct KeyActorBody: WireValue {
    package var actorID = ""
    package var actorType = ActorType.apiKey
    package var tenantID = "t-default"
    package var roleIDs: [String] = []
    package var grants: [GrantBody] = []
    package var manager: String?
    package var isDisabled: Bool?
    package var allowedNetworks: [String]?
    package var secrets: [KeySecretBody]?

    package init() {}

    package static let contract = Contract<Self>(
        "KeyActor", "An actor and its roles.",
        [
            .required("actor_id", \.actorID, .text(0...255, example: "ops"), "Name of the actor."),
            .required("actor_type", \.actorType, "Kind of actor."),
            .required("tenant_id", \.tenantID, .text(0...64, example: "t-default"), "Tenant."),
            .required("role_ids", \.roleIDs, "Roles held."),
            .defaulted("grants", \.grants, "The roles with their scopes."),
            .optional("managed_by", \.manager, .choice(["api", "env"]), "Who decides about the key; on request."),
            .optional("disabled", \.isDisabled, "Whether the key is switched off; on request."),
            .optional("allowed_cidrs", \.allowedNetworks, .list(network), "Where it may be used from; on request."),
            .optional("secrets", \.secrets, "The values that work, never shown; on request."),
        ]
    )
}

/// The person behind a key, such as the id of a user.
private let owner = Schema.text(1...255, example: "u-alice")

/// A network or an address.
let network = Schema.text(1...64, example: "10.0.0.0/8")

/// One value of an API key: when it was made and whether it works, never the value.
package struct KeySecretBody: WireValue, Hashable {
    package var id = ""
    package var prefix = ""
    package var createdAt = Timestamp.epoch
    package var expiresAt: Timestamp?
    package var lastUsedAt: Timestamp?
    package var lastUsedIP: String?
    package var state = "active"

    package init() {}

    package static let contract = Contract<Self>(
        "KeySecret", "A value of an API key.",
        [
            .required("id", \.id, .text(0...128, example: "ak-9f2cA7xQ41Zk"), "Identifier of the value."),
            .required("prefix", \.prefix, .text(0...32, example: "ctk_9f2c"), "Beginning of the value."),
            .required("created_at", \.createdAt, "Creation of the key."),
            .optional("expires_at", \.expiresAt, "End of life."),
            .optional("last_used_at", \.lastUsedAt, "Last use of the key, to the minute."),
            .optional("last_used_ip", \.lastUsedIP, "Where from."),
            .required("state", \.state, .choice(["active", "replaced", "expired", "disabled"]), "Whether it works."),
        ]
    )
}

/// `GET /api/v1/auth/keys`.
package struct KeyListAnswer: WireValue {
    package var keys: [KeyActorBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "Keys", "Every actor with a current grant.", [.required("keys", \.keys, "By name.")]
    )
}

/// `POST /api/v1/auth/keys`.
package struct CreateKeyRequest: WireValue {
    package var name = ""
    package var roles: [String] = []
    package var grants: [GrantRequestBody] = []
    package var expiresAt: Timestamp?
    package var allowedNetworks: [String] = []
    package var ownerUserID: String?
    package var mayApprove = false
    package var mayNotLogin = false

    package init() {}

    package static let contract = Contract<Self>(
        "CreateKey", "An API key to make.",
        [
            .required("name", \.name, .form(.actorName, example: "ci-deploy"), "The actor's name."),
            .defaulted("roles", \.roles, .list(.id, maximum: 16), "Roles to grant everywhere; needs auth.role.assign."),
            .defaulted(
                "grants", \.grants, .list(GrantRequestBody.wireSchema, maximum: 64),
                "Roles to grant with a scope or an end; needs auth.role.assign."
            ),
            .defaulted("allowed_cidrs", \.allowedNetworks, .list(network, maximum: 64), "Where it may be used from."),
            .optional("expires_at", \.expiresAt, "End of life; must lie ahead."),
            .optional("owner_user_id", \.ownerUserID, owner, "The person that it belongs to, and ends with."),
            .defaulted("may_approve", \.mayApprove, "Whether it may approve what others ask for."),
            .defaulted("may_not_login", \.mayNotLogin, "Whether it opens no browser session."),
        ]
    )
}

/// A new or rotated API key: the value is shown this once.
package struct CreatedKeyAnswer: WireValue {
    package var id = APIKeyID.unset
    package var name = ""
    package var keyValue = ""
    package var roles: [String] = []
    package var expiresAt: Timestamp?
    package var createdAt = Timestamp.epoch
    package var previousValidUntil: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "CreatedKey", "An API key with its value, shown once.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .text(1...64, example: "ci-deploy"), "The actor's name."),
            .required("key_value", \.keyValue, .text(1...255, example: "shown-once"), "The credential."),
            .defaulted("roles", \.roles, "Roles granted."),
            .optional("expires_at", \.expiresAt, "End of life."),
            .required("created_at", \.createdAt, "Creation."),
            .optional("previous_valid_until", \.previousValidUntil, "The old value works until then."),
        ]
    )
}

/// `GET /api/v1/auth/keys/{id}`.
package struct APIKeyBody: WireValue {
    package var id = APIKeyID.unset
    package var name = ""
    package var prefix = ""
    package var createdBy = ""
    package var createdAt = Timestamp.epoch
    package var expiresAt: Timestamp?
    package var lastUsedAt: Timestamp?
    package var lastUsedIP: String?
    package var roles: [String] = []
    package var manager = "api"
    package var isDisabled = false
    package var allowedNetworks: [String] = []
    package var boundAgentID: AgentID?
    package var previousValidUntil: Timestamp?
    package var ownerUserID: String?
    package var mayApprove = false
    package var mayNotLogin = false
    package var version = 1

    package init() {}

    package static let contract = Contract<Self>(
        "APIKey", "What is known about an API key.",
        [
            .required("id", \.id, "Identifier."),
            .required("name", \.name, .text(1...64, example: "ci-deploy"), "The actor's name."),
            .required("prefix", \.prefix, .text(0...32, example: "ctk_9f2c"), "Beginning of the value."),
            .defaulted("created_by", \.createdBy, "Who made it."),
            .required("created_at", \.createdAt, "Creation."),
            .optional("expires_at", \.expiresAt, "End of life."),
            .optional("last_used_at", \.lastUsedAt, "Last use, to the minute."),
            .optional("last_used_ip", \.lastUsedIP, "Where from."),
            .defaulted("roles", \.roles, "Roles held."),
            .defaulted("managed_by", \.manager, .choice(["api", "env"]), "Who decides about the key."),
            .defaulted("disabled", \.isDisabled, "Whether it is switched off."),
            .defaulted("allowed_cidrs", \.allowedNetworks, .list(network), "Where it may be used from."),
            .optional("bound_agent_id", \.boundAgentID, "The agent that a shared key works for."),
            .optional("previous_valid_until", \.previousValidUntil, "The replaced value works until then."),
            .optional("owner_user_id", \.ownerUserID, owner, "The person that it belongs to, and ends with."),
            .defaulted("may_approve", \.mayApprove, "Whether it may approve what others ask for."),
            .defaulted("may_not_login", \.mayNotLogin, "Whether it opens no browser session."),
            .defaulted("version", \.version, "Row version."),
        ]
    )
}

/// `PATCH /api/v1/auth/keys/{id}` (RFC 7396).
package struct UpdateKeyRequest: WireValue {
    package var expiresAt = FieldUpdate<Timestamp>.keep
    package var isDisabled = FieldUpdate<Bool>.keep
    package var allowedNetworks = FieldUpdate<[String]>.keep

    package init() {}

    package static let contract = Contract<Self>(
        "UpdateKey", "What to change about an API key.",
        [
            .update("expires_at", \.expiresAt, clearable: true, "End of life; null for none."),
            .update("disabled", \.isDisabled, "Whether it is switched off."),
            .update(
                "allowed_cidrs", \.allowedNetworks, .list(network, maximum: 64), clearable: true,
                "Where it may be used from; null for anywhere."
            ),
        ]
    )
}

/// `POST /api/v1/auth/keys/{id}/rotate`; the body may be absent.
package struct RotateKeyRequest: WireValue {
    package var overlapSeconds = 86_400
    package var expiresAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "RotateKey", "Options of a rotation.",
        [
            .defaulted(
                "overlap_seconds", \.overlapSeconds, .integer(0...604_800), "The old value stays valid this long."),
            .optional("expires_at", \.expiresAt, "New end of life; must lie ahead."),
        ]
    )
}

/// `GET /api/v1/auth/bootstrap`.
package struct BootstrapStatusBody: WireValue {
    package var isAvailable = false

    package init() {}

    package static let contract = Contract<Self>(
        "BootstrapStatus", "Whether the first administrator can still be made.",
        [.required("available", \.isAvailable, "False for ever once an administrator exists.")]
    )
}

/// `POST /api/v1/auth/bootstrap`.
package struct BootstrapRequest: WireValue {
    package var token = ""
    package var actorName = ""

    package init() {}

    package static let contract = Contract<Self>(
        "Bootstrap", "Makes the first administrator.",
        [
            .required("token", \.token, .text(1...255, example: "printed-by-the-server"), "The one-time set-up token."),
            .required("actor_name", \.actorName, .form(.actorName, example: "admin"), "Name of the administrator."),
        ]
    )
}

/// 201 of the bootstrap.
package struct BootstrapAnswer: WireValue {
    package var actorID = ""
    package var apiKeyID = APIKeyID.unset
    package var keyValue = ""
    package var createdAt = Timestamp.epoch
    package var message = ""

    package init() {}

    package static let contract = Contract<Self>(
        "Bootstrapped", "The first administrator with its key, shown once.",
        [
            .required("actor_id", \.actorID, .text(1...64, example: "admin"), "Name of the administrator."),
            .required("api_key_id", \.apiKeyID, "The key's identifier."),
            .required("key_value", \.keyValue, .text(1...255, example: "shown-once"), "The credential."),
            .required("created_at", \.createdAt, "Creation."),
            .required("message", \.message, .longText, "What to do with it."),
        ]
    )
}
