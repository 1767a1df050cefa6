package import Domain

/// The session of the caller, in `GET /api/v1/auth/me`.
package struct OwnSession: WireValue, Hashable {
    package var id = SessionID.unset
    package var method = SignInMethod.apiKey
    package var authTime = Timestamp.epoch
    package var endsAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "OwnSession", "The session of the caller.",
        [
            .required("id", \.id, "Handle."),
            .required("auth_method", \.method, "How the person signed in."),
            .required("auth_time", \.authTime, "When the person signed in."),
            .required("absolute_expires_at", \.endsAt, "When it ends, whatever happens."),
        ]
    )
}

/// A row of `GET /api/v1/auth/sessions`.
package struct SessionBody: WireValue {
    package var id = SessionID.unset
    package var actorID = ""
    package var actorType = ActorType.user
    package var method = SignInMethod.apiKey
    package var authTime = Timestamp.epoch
    package var ipAddress: String?
    package var userAgent: String?
    package var createdAt = Timestamp.epoch
    package var lastSeenAt = Timestamp.epoch
    package var idleExpiresAt = Timestamp.epoch
    package var absoluteExpiresAt = Timestamp.epoch
    package var isRevoked = false
    package var isCurrent = false

    package init() {}

    package static let contract = Contract<Self>(
        "Session", "A browser session; its handle is not what the cookie holds.",
        [
            .required("id", \.id, "Handle."),
            .required("actor_id", \.actorID, .text(1...255, example: "bg-ops"), "Who signed in."),
            .required("actor_type", \.actorType, "Kind of actor."),
            .required("auth_method", \.method, "How."),
            .required("auth_time", \.authTime, "When."),
            .optional("ip_address", \.ipAddress, .text(1...64, example: "192.0.2.7"), "Where from."),
            .optional("user_agent", \.userAgent, .text(1...1024, example: "Mozilla/5.0"), "With what."),
            .required("created_at", \.createdAt, "Creation."),
            .required("last_seen_at", \.lastSeenAt, "Last use, to the minute."),
            .required("idle_expires_at", \.idleExpiresAt, "End, unless it is used."),
            .required("absolute_expires_at", \.absoluteExpiresAt, "End, whatever happens."),
            .required("revoked", \.isRevoked, "Whether it was ended."),
            .required("current", \.isCurrent, "Whether the request came with it."),
        ]
    )
}

/// `GET /api/v1/auth/sessions`.
package struct SessionsAnswer: WireValue {
    package var sessions: [SessionBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "Sessions", "Sessions that can still be used.", [.required("sessions", \.sessions, "Newest first.")]
    )
}

/// `DELETE /api/v1/auth/sessions`.
package struct RevokedSessionsAnswer: WireValue {
    package var count = 0

    package init() {}

    package static let contract = Contract<Self>(
        "RevokedSessions", "How many sessions were ended.", [.required("revoked_count", \.count, "How many.")]
    )
}

/// `POST /api/v1/auth/session-keys/rotate`.
package struct RotatedSessionKeyAnswer: WireValue {
    package var id = ""
    package var createdAt = Timestamp.epoch
    package var retiredID: String?
    package var retiredValidUntil: Timestamp?

    package init() {}

    private static let key = Schema.text(1...64, example: "sk-AAAAAAAAAAAAAAAAAAAAAA")

    package static let contract = Contract<Self>(
        "RotatedSessionKey", "The key that signs session cookies from now on.",
        [
            .required("id", \.id, key, "Identifier."),
            .required("created_at", \.createdAt, "Creation."),
            .optional("retired_id", \.retiredID, key, "The key before."),
            .optional("retired_valid_until", \.retiredValidUntil, "Cookies of the key before work until then."),
        ]
    )
}

/// `POST /auth/breakglass/login`.
package struct BreakglassLoginRequest: WireValue {
    package var actorID = ""
    package var password = ""
    package var code = ""

    package init() {}

    package static let contract = Contract<Self>(
        "BreakglassLogin", "Name, password and second factor of a local account.",
        [
            .required("actor_id", \.actorID, .text(1...128, example: "bg-ops"), "Name of the account."),
            .required("password", \.password, .text(1...1024, example: "as-chosen"), "Its password."),
            .defaulted("code", \.code, .text(0...16, example: "123456"), "Code of its authenticator app, if any."),
        ]
    )
}

/// A row of `GET /api/v1/auth/breakglass/credentials`.
package struct BreakglassCredentialBody: WireValue {
    package var actorID = UserID.unset
    package var createdAt = Timestamp.epoch
    package var lastPasswordChangeAt = Timestamp.epoch
    package var failureCount = 0
    package var lockedUntil: Timestamp?
    package var lastFailureAt: Timestamp?
    package var hasSecondFactor = false

    package init() {}

    package static let contract = Contract<Self>(
        "BreakglassCredential", "What is known of the password of a local account.",
        [
            .required("actor_id", \.actorID, "Name of the account."),
            .required("created_at", \.createdAt, "Creation."),
            .required("last_password_change_at", \.lastPasswordChangeAt, "Age of the password."),
            .required("failure_count", \.failureCount, "Wrong passwords since the last right one."),
            .optional("locked_until", \.lockedUntil, "Until when no password is right."),
            .optional("last_failure_at", \.lastFailureAt, "The last wrong password."),
            .required("second_factor", \.hasSecondFactor, "Whether a code is asked for too."),
        ]
    )
}

/// `GET /api/v1/auth/breakglass/credentials`.
package struct BreakglassCredentialsAnswer: WireValue {
    package var credentials: [BreakglassCredentialBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "BreakglassCredentials", "Local accounts with a password.",
        [.required("credentials", \.credentials, "By name.")]
    )
}

/// `POST /api/v1/auth/breakglass/credentials`.
package struct SetBreakglassRequest: WireValue {
    package var actorID = ""
    package var password = ""
    package var displayName: String?
    package var email: String?
    package var roles: [String] = []
    package var wantsSecondFactor = false

    package init() {}

    package static let contract = Contract<Self>(
        "SetBreakglassCredential", "A local account, and its password.",
        [
            .required("actor_id", \.actorID, .text(1...128, example: "bg-ops"), "Name of the account, bg-name."),
            .required("password", \.password, .text(1...1024, example: "as-chosen"), "12 to 256 octets, 15 if alone."),
            .optional("display_name", \.displayName, .text(1...255, example: "Olga Ops"), "Name of the person."),
            .optional("email", \.email, .text(1...320, example: "olga@example.com"), "Address of the person."),
            .defaulted("roles", \.roles, .list(.id, maximum: 16), "Roles to grant everywhere; needs auth.role.assign."),
            .defaulted("second_factor", \.wantsSecondFactor, "Whether it needs a code of an authenticator app."),
        ]
    )
}

/// 201 of ``SetBreakglassRequest``.
package struct BreakglassSetAnswer: WireValue {
    package var actorID = UserID.unset
    package var createdAt = Timestamp.epoch
    package var totpSecret: String?
    package var totpURI: String?

    package init() {}

    package static let contract = Contract<Self>(
        "BreakglassSet", "The account whose password was set.",
        [
            .required("actor_id", \.actorID, "Name of the account."),
            .required("created_at", \.createdAt, "Creation."),
            .optional("totp_secret", \.totpSecret, .text(1...64, example: "shown-once"), "For the app, shown once."),
            .optional("totp_uri", \.totpURI, .text(1...512, example: "otpauth://totp/x"), "The same as a URI."),
        ]
    )
}

/// A person who signs in.
package struct UserBody: WireValue {
    package var id = UserID.unset
    package var tenantID = "t-default"
    package var email = ""
    package var displayName = ""
    package var lastLoginAt: Timestamp?
    package var createdAt = Timestamp.epoch
    package var deactivatedAt: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "User", "A person who signs in.",
        [
            .required("id", \.id, "Identifier."),
            .required("tenant_id", \.tenantID, .text(0...64, example: "t-default"), "Tenant."),
            .required("email", \.email, .text(0...320, example: "olga@example.com"), "Address; no key to anything."),
            .required("display_name", \.displayName, .text(0...255, example: "Olga Ops"), "Name."),
            .optional("last_login_at", \.lastLoginAt, "Last sign-in."),
            .required("created_at", \.createdAt, "Creation."),
            .optional("deactivated_at", \.deactivatedAt, "Since when the person may not sign in."),
        ]
    )
}

/// `GET /api/v1/auth/users`.
package struct UsersAnswer: WireValue {
    package var users: [UserBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "Users", "The people who sign in.", [.required("users", \.users, "By identifier.")]
    )
}

/// `GET /api/v1/auth/runtime-config`.
package struct RuntimeConfigAnswer: WireValue {
    package var config: [String: String] = [:]

    package init() {}

    package static let contract = Contract<Self>(
        "RuntimeConfig", "Settings of sign-in as they are in force.",
        [.required("runtime_config", \.config, "By the names of the variables; no secret is among them.")]
    )
}
