package import Domain
import Query

/// A browser session, as stored: of its cookie and of its CSRF token only the hashes.
package struct Session: Hashable, Sendable {
    package let id: SessionID
    package let actor: Actor
    package let method: SignInMethod
    package let authTime: Timestamp
    /// The API key that was exchanged for it.
    package let credentialID: APIKeyID?
    package let csrfTokenHash: [UInt8]
    package let previousCSRFTokenHash: [UInt8]?
    package let csrfRotatedAt: Timestamp
    /// The next safe request is given another cookie: who may do what has changed.
    package let isRotationDue: Bool
    package let address: String
    package let userAgent: String
    package let createdAt: Timestamp
    package let lastSeenAt: Timestamp
    package let idleExpiresAt: Timestamp
    package let absoluteExpiresAt: Timestamp
    package let revokedAt: Timestamp?
    package let end: SessionEnd?

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        actor = Actor(id: try row.text("actor_id"), type: try row.value("actor_type"))
        method = try row.value("auth_method")
        authTime = try row.time("auth_time")
        credentialID = try row.optionalID("credential_id")
        csrfTokenHash = try row.bytes("csrf_token_hash")
        previousCSRFTokenHash = try row.optionalBytes("previous_csrf_token_hash")
        csrfRotatedAt = try row.time("csrf_rotated_at")
        isRotationDue = try row.bool("rotation_due")
        address = try row.text("ip_address")
        userAgent = try row.text("user_agent")
        createdAt = try row.time("created_at")
        lastSeenAt = try row.time("last_seen_at")
        idleExpiresAt = try row.time("idle_expires_at")
        absoluteExpiresAt = try row.time("absolute_expires_at")
        revokedAt = try row.optionalTime("revoked_at")
        end = try row.optionalValue("revoke_cause")
    }
}

/// A session with what stands behind it at this moment.
package struct PresentedSession: Hashable, Sendable {
    package let session: Session
    /// The cookie is the one that a rotation replaced, and its time is over.
    package let isReplaced: Bool
    /// The user is not deactivated, or the key works.
    package let isActorActive: Bool
    /// Networks that the key may be used from; empty for anywhere.
    package let allowedNetworks: [String]
    package let ownerID: UserID?

    init(_ row: Row, idHash: [UInt8], at now: Timestamp) throws(DatabaseError) {
        session = try Session(row)
        let isCurrent = try row.bytes("id_hash") == idHash
        let until = try row.optionalTime("previous_until") ?? now
        isReplaced = !isCurrent && until <= now
        let keyID = try row.optionalText("key_id")
        let keyEnd = try row.optionalTime("key_expires_at")
        let keyEnds = [try row.optionalTime("key_revoked_at"), try row.optionalTime("key_disabled_at")]
        let userID = try row.optionalText("user_id")
        let userEnd = try row.optionalTime("user_deactivated_at")
        let isForKey = session.actor.type == .apiKey
        isActorActive =
            isForKey
            ? keyID != nil && keyEnds == [nil, nil] && (keyEnd.map { $0 > now } ?? true)
            : userID != nil && userEnd == nil
        allowedNetworks = isForKey && keyID != nil ? try row.texts("key_allowed_cidrs") : []
        ownerID = try row.optionalID("owner_user_id")
    }
}

/// A session about to be stored.
package struct NewSession: Sendable {
    package let id: SessionID
    package let idHash: [UInt8]
    package let actor: Actor
    package let method: SignInMethod
    package let credentialID: APIKeyID?
    package let signingKeyID: String
    package let csrfTokenHash: [UInt8]
    package let address: String
    package let userAgent: String
    package let idleExpiresAt: Timestamp
    package let absoluteExpiresAt: Timestamp

    package init(
        id: SessionID, idHash: [UInt8], actor: Actor, method: SignInMethod, credentialID: APIKeyID?,
        signingKeyID: String, csrfTokenHash: [UInt8], address: String, userAgent: String, idleExpiresAt: Timestamp,
        absoluteExpiresAt: Timestamp
    ) {
        self.id = id
        self.idHash = idHash
        self.actor = actor
        self.method = method
        self.credentialID = credentialID
        self.signingKeyID = signingKeyID
        self.csrfTokenHash = csrfTokenHash
        self.address = address
        self.userAgent = userAgent
        self.idleExpiresAt = idleExpiresAt
        self.absoluteExpiresAt = absoluteExpiresAt
    }
}
