/// How a person proved who they are at the start of a session (specification, security §5.2).
package enum SignInMethod: String, Sendable, CaseIterable {
    /// An API key was exchanged for a session.
    case apiKey = "api_key"
    /// A local account with a password.
    case breakglass
    case oidc, passkey
}

/// The session that a request came with.
package struct SignIn: Hashable, Sendable {
    /// The handle by which people see and end the session; never what the cookie holds.
    package let session: SessionID
    package let method: SignInMethod
    /// When the person proved who they are.
    package let time: Timestamp
    package let endsAt: Timestamp

    package init(session: SessionID, method: SignInMethod, time: Timestamp, endsAt: Timestamp) {
        self.session = session
        self.method = method
        self.time = time
        self.endsAt = endsAt
    }
}

/// Why a session cookie does not count (specification, security §2.3).
package enum SessionRefusal: String, Sendable, CaseIterable {
    case idleTimeout = "idle_timeout"
    case absoluteTimeout = "absolute_timeout"
    /// Ended by the identity provider.
    case backChannelRevoked = "back_channel_revoked"
    /// Of another form, forged, unknown, revoked, from another place: all alike.
    case invalidToken = "invalid_token"
}

/// Why a session was ended before its time.
package enum SessionEnd: String, Sendable, CaseIterable {
    case logout
    /// Somebody ended it by its handle.
    case revoked
    /// The oldest made room for a new one.
    case displaced
    case credentialChanged = "credential_changed"
    case userDeactivated = "user_deactivated"
    case rolesRemoved = "roles_removed"
    case backChannel = "back_channel"
}
