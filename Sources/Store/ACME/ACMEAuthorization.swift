package import Domain
package import Encoding
import Query

/// What an account proved, or has to prove, for an order (RFC 8555 §7.1.4).
package struct ACMEAuthorization: Hashable, Sendable {
    package let id: ACMEAuthorizationID
    /// `nil` for one that was asked for ahead of any order.
    package let orderID: ACMEOrderID?
    package let accountID: ACMEAccountID
    /// Without `*.`.
    package let identifier: ACMEName
    package let isWildcard: Bool
    package let status: ACMEAuthorizationStatus
    package let expiresAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("authz_id")
        orderID = try row.optionalID("order_id")
        accountID = try row.id("account_id")
        identifier = try ACMEName(row.json("identifier"))
        isWildcard = try row.bool("wildcard")
        status = try row.value("status")
        expiresAt = try row.time("expires_at")
    }

    static let columns: SQL = """
        a.authz_id, a.order_id, a.account_id, a.identifier, a.wildcard, a.status, a.expires_at
        """

    /// Where time alone has brought it: what ran out is so at once, not only when somebody sweeps.
    package func status(at now: Timestamp) -> ACMEAuthorizationStatus {
        (status == .pending || status == .valid) && expiresAt <= now ? .expired : status
    }
}

/// An authorization about to be stored, with its challenges.
package struct NewACMEAuthorization: Sendable {
    package let id: ACMEAuthorizationID
    package let identifier: ACMEName
    package let isWildcard: Bool
    /// `pending` or `valid`; its challenges are in the same state.
    package let status: ACMEAuthorizationStatus
    package let expiresAt: Timestamp
    package let token: String
    package let challenges: [(id: ACMEChallengeID, type: ACMEChallengeType)]
    /// Of a valid one: when it was proved; `nil` for now.
    package let provedAt: Timestamp?

    package init(
        id: ACMEAuthorizationID, identifier: ACMEName, isWildcard: Bool, status: ACMEAuthorizationStatus,
        expiresAt: Timestamp, token: String, challenges: [(id: ACMEChallengeID, type: ACMEChallengeType)],
        provedAt: Timestamp? = nil
    ) {
        self.id = id
        self.identifier = identifier
        self.isWildcard = isWildcard
        self.status = status
        self.expiresAt = expiresAt
        self.token = token
        self.challenges = challenges
        self.provedAt = provedAt
    }
}

/// A name that an account has proved, and how.
package struct ACMEProof: Hashable, Sendable {
    /// The challenge that was met, or the copy of one.
    package let challengeID: ACMEChallengeID
    /// Without `*.`.
    package let name: ACMEName
    package let isWildcard: Bool
    package let method: ACMEChallengeType
    package let provedAt: Timestamp
    /// When the authorization ends.
    package let expiresAt: Timestamp
    package let token: String
    /// Whether it was made ahead of any order, for orders to come.
    package let isAhead: Bool
    /// The profile of the order, or of the account where there is none.
    package let profileID: ProfileID

    init(_ row: Row) throws(DatabaseError) {
        challengeID = try row.id("challenge_id")
        name = try ACMEName(row.json("identifier"))
        isWildcard = try row.bool("wildcard")
        method = try row.value("type")
        provedAt = try row.time("validated_at")
        expiresAt = try row.time("expires_at")
        token = try row.text("token")
        isAhead = try row.optionalText("order_id") == nil
        profileID = try row.id("profile_id")
    }

    static let columns: SQL = """
        c.challenge_id, a.identifier, a.wildcard, a.expires_at, a.order_id, c.type, c.validated_at, c.token,
        COALESCE(o.profile_id, k.profile_id) AS profile_id
        """

    /// What ``columns`` are taken from.
    static let source: SQL = """
        acme_authorizations a
        JOIN acme_challenges c ON c.authz_id = a.authz_id
        JOIN acme_accounts k ON k.account_id = a.account_id
        LEFT JOIN acme_orders o ON o.order_id = a.order_id
        """
}

/// One way to prove an authorization (RFC 8555 §7.1.5).
package struct ACMEChallenge: Hashable, Sendable {
    package let id: ACMEChallengeID
    package let authorizationID: ACMEAuthorizationID
    package let type: ACMEChallengeType
    package let status: ACMEChallengeStatus
    package let token: String
    /// The account as the client that answered calls it: part of what some proofs say.
    package let accountURL: String?
    package let validatedAt: Timestamp?
    /// A problem document.
    package let error: JSONValue?
    /// How often it was taken up.
    package let attempts: Int
    /// Of one that is answered: when it is tried again; `nil` while a server tries it, or may at any moment.
    package let nextAttemptAt: Timestamp?

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("challenge_id")
        authorizationID = try row.id("authz_id")
        type = try row.value("type")
        status = try row.value("status")
        token = try row.text("token")
        accountURL = try row.optionalText("account_url")
        validatedAt = try row.optionalTime("validated_at")
        error = try row.optionalJSON("error")
        attempts = try row.int("attempts")
        let waits = try row.optionalText("lease_owner") == ACMEChallengeStore.nobody
        nextAttemptAt = waits ? try row.optionalTime("lease_expires_at") : nil
    }

    static let columns: SQL = """
        challenge_id, authz_id, type, status, token, account_url, validated_at, error, attempts, lease_owner,
        lease_expires_at
        """
}
