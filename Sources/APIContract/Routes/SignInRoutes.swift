import Domain

/// Browser sessions, local accounts and the people behind them (specification, rest-api §7.27-§7.31, §8.2).
package enum SignInRoutes {
    private static let actor = [
        QueryParameter("actor_id", .text(1...255, example: "bg-ops"), "Whose; the caller's when absent."),
        QueryParameter("actor_type", .choice(["User", "APIKey"]), "Kind of actor; User when only actor_id is given."),
    ]

    // MARK: In and out

    package static let exchange = ProtectedRoute(
        "createSession", .post, "/api/v1/auth/session", .authenticated, audit: "auth.session_created",
        "Exchanges the API key of the request for a browser session.",
        responses: [
            .json(201, SessionBody.self, "The session; the cookies hold it."),
            .error(.insufficientPermissions, "The credential is not for people."),
            .error(.invalidState, "The request came with a session already."),
        ],
        cli: .excluded(reason: "a browser session is of use to browsers alone")
    )

    package static let logout = OpenRoute(
        "logout", .post, "/auth/logout", class: .login, audit: "auth.session_revoked", bodyLimit: 4096,
        "Ends the session of the cookie, if there is one, and takes the cookies away.",
        responses: [.noContent, .error(.csrfFailed, "Another page asks for it.")],
        cli: .excluded(reason: "a browser session is of use to browsers alone")
    )

    package static let breakglassLogin = OpenRoute(
        "breakglassLogin", .post, "/auth/breakglass/login", class: .login, feature: .breakglass,
        audit: "auth.breakglass_login_succeeded", bodyLimit: 4096,
        "Signs in to a local account with its password.", request: .body(BreakglassLoginRequest.self),
        responses: [
            .noContent, .error(.unauthenticated, "Account, password or code is wrong, or the account is locked."),
            .error(.csrfFailed, "Another page asks for it."), .error(.rateLimited, "Five attempts a minute."),
            .error(.unavailable, "Too many passwords are being checked."),
        ],
        cli: .excluded(reason: "a browser session is of use to browsers alone")
    )

    // MARK: Sessions

    package static let listSessions = ProtectedRoute(
        "listSessions", .get, "/api/v1/auth/sessions", .selfOr(.authSessionListAll),
        "Sessions that can still be used.", query: actor,
        responses: [.json(200, SessionsAnswer.self, "Newest first."), .foreign], cli: .verb("auth sessions list")
    )

    package static let revokeSession = ProtectedRoute(
        "revokeSession", .delete, "/api/v1/auth/sessions/{id}", .selfOr(.authSessionRevoke),
        audit: "auth.session_revoked", "Ends a session: one's own, or anybody's with the permission.",
        responses: [.noContent, .notFound], cli: .verb("auth sessions revoke")
    )

    package static let revokeSessions = ProtectedRoute(
        "revokeSessions", .delete, "/api/v1/auth/sessions", .selfOr(.authSessionRevoke),
        audit: "auth.sessions_revoked_for_actor", "Ends the caller's other sessions, or every one of an actor.",
        query: [QueryParameter("except", .choice(["current"]), "Keep the session of the request.")] + actor,
        responses: [
            .json(200, RevokedSessionsAnswer.self, "How many."), .foreign,
            .error(.invalidParameter, "Neither except=current nor actor_id is given."),
        ],
        cli: .verb("auth sessions revoke-all")
    )

    package static let rotateSessionKey = ProtectedRoute(
        "rotateSessionKey", .post, "/api/v1/auth/session-keys/rotate", .permission(.cryptoRekey),
        audit: "auth.session_signing_key_rotated", "Has another key sign session cookies; sessions go on.",
        responses: [.json(200, RotatedSessionKeyAnswer.self, "The new key.")], cli: .verb("auth session-keys rotate")
    )

    // MARK: People

    package static let listUsers = ProtectedRoute(
        "listUsers", .get, "/api/v1/auth/users", .permission(.authUserRead), "The people who sign in.",
        responses: [.json(200, UsersAnswer.self, "By identifier.")], cli: .verb("auth users list")
    )

    package static let deactivateUser = ProtectedRoute(
        "deactivateUser", .delete, "/api/v1/auth/users/{id}", .permission(.authUserDeactivate),
        audit: "auth.user_deactivated", "Ends sign-in, sessions and keys of a person.",
        responses: [
            .noContent, .notFound, .error(.invalidState, "It is the caller."),
            .error(.privilegeEscalation, "The person may do more than the caller."),
        ],
        cli: .verb("auth users deactivate")
    )

    package static let reactivateUser = ProtectedRoute(
        "reactivateUser", .post, "/api/v1/auth/users/{id}/reactivate", .permission(.authUserDeactivate),
        audit: "auth.user_reactivated", "Lets a person sign in again.",
        responses: [
            .noContent, .notFound, .error(.privilegeEscalation, "The person may do more than the caller."),
        ],
        cli: .verb("auth users reactivate")
    )

    // MARK: Local accounts

    package static let listBreakglass = ProtectedRoute(
        "listBreakglassCredentials", .get, "/api/v1/auth/breakglass/credentials", .permission(.authBreakglassAdmin),
        feature: .breakglass, "Local accounts with a password.",
        responses: [.json(200, BreakglassCredentialsAnswer.self, "By name.")], cli: .verb("auth breakglass list")
    )

    package static let setBreakglass = ProtectedRoute(
        "setBreakglassCredential", .post, "/api/v1/auth/breakglass/credentials", .permission(.authBreakglassAdmin),
        feature: .breakglass, audit: "auth.breakglass_password_set", bodyLimit: 16_384,
        "Makes a local account, or gives one another password.", request: .body(SetBreakglassRequest.self),
        responses: [
            .json(201, BreakglassSetAnswer.self, "The account."), .invalid,
            .error(.privilegeEscalation, "The account may do more than the caller."), .unknownReference,
        ],
        cli: .verb("auth breakglass set")
    )

    package static let unlockBreakglass = ProtectedRoute(
        "unlockBreakglassCredential", .post, "/api/v1/auth/breakglass/credentials/{actor_id}/unlock",
        .permission(.authBreakglassAdmin), feature: .breakglass, audit: "auth.breakglass_unlocked",
        "Ends the lock of a local account.", responses: [.noContent, .notFound], cli: .verb("auth breakglass unlock")
    )

    package static let removeBreakglass = ProtectedRoute(
        "removeBreakglassCredential", .delete, "/api/v1/auth/breakglass/credentials/{actor_id}",
        .permission(.authBreakglassAdmin), feature: .breakglass, audit: "auth.breakglass_credential_removed",
        "Takes the password of a local account away; its sessions end.",
        responses: [
            .noContent, .notFound, .error(.privilegeEscalation, "The account may do more than the caller."),
        ],
        cli: .verb("auth breakglass remove")
    )

    package static let runtimeConfig = ProtectedRoute(
        "getRuntimeConfig", .get, "/api/v1/auth/runtime-config", .permission(.authRoleAssign),
        "Settings of sign-in as they are in force.",
        responses: [.json(200, RuntimeConfigAnswer.self, "By name.")], cli: .verb("auth runtime-config")
    )

    package static let all: [Route] = [
        exchange.route, logout.route, breakglassLogin.route, listSessions.route, revokeSession.route,
        revokeSessions.route, rotateSessionKey.route, listUsers.route, deactivateUser.route, reactivateUser.route,
        listBreakglass.route, setBreakglass.route, unlockBreakglass.route, removeBreakglass.route,
        runtimeConfig.route,
    ]
}

extension ResponseContent {
    fileprivate static let foreign = error(.insufficientPermissions, "They are another actor's.")
}
