package import Domain
import Query

/// How a stored hash was made from a token.
package enum KeyHashAlgorithm: String, Sendable, CaseIterable, Bindable {
    /// Plain SHA-256, of keys that came from elsewhere.
    case sha256
    /// HMAC-SHA-256 under the pepper of this installation.
    case hmacSHA256 = "hmac-sha256-v1"
}

/// A hash of a token with its algorithm; never the token.
package struct KeyHash: Hashable, Sendable {
    /// Sixty-four hexadecimal digits.
    package let hex: String
    package let algorithm: KeyHashAlgorithm

    package init(hex: String, algorithm: KeyHashAlgorithm) {
        self.hex = hex
        self.algorithm = algorithm
    }
}

/// Where an API key was made, and therefore who decides about it.
package enum APIKeyOrigin: String, Sendable, CaseIterable, Bindable {
    case api
    /// The environment of the server; the API changes nothing but its grants.
    case env
}

/// An API key, as stored.
package struct APIKey: Hashable, Sendable {
    package let id: APIKeyID
    /// The actor that the key acts as; unique among the keys that are not revoked.
    package let name: String
    /// The public part of the token; `nil` for opaque tokens.
    package let tokenID: String?
    package let isAdmin: Bool
    package let createdBy: String
    package let createdAt: Timestamp
    package let expiresAt: Timestamp?
    package let lastUsedAt: Timestamp?
    package let lastUsedAddress: String?
    package let revokedAt: Timestamp?
    /// Switched off, which can be undone, as opposed to revoked.
    package let disabledAt: Timestamp?
    package let origin: APIKeyOrigin
    /// Networks that the key may be used from; empty for anywhere.
    package let allowedNetworks: [String]
    /// The agent that a shared key of an earlier fleet was first used for.
    package let boundAgent: AgentID?
    /// The value that a rotation replaced, while it is accepted.
    package let previousTokenID: String?
    package let previousExpiresAt: Timestamp?
    package let rowVersion: Int

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        name = try row.text("name")
        tokenID = try row.optionalText("token_id")
        isAdmin = try row.bool("admin")
        createdBy = try row.text("created_by")
        createdAt = try row.time("created_at")
        expiresAt = try row.optionalTime("expires_at")
        lastUsedAt = try row.optionalTime("last_used_at")
        lastUsedAddress = try row.optionalText("last_used_ip")
        revokedAt = try row.optionalTime("revoked_at")
        disabledAt = try row.optionalTime("disabled_at")
        origin = try row.value("managed_by")
        allowedNetworks = try row.texts("allowed_cidrs")
        boundAgent = try row.optionalID("bound_agent_id")
        previousTokenID = try row.optionalText("previous_token_id")
        previousExpiresAt = try row.optionalTime("previous_expires_at")
        rowVersion = try row.int("row_version")
    }

    /// Names the value of now; `nil` for a value without a public part.
    package var secretID: String? { tokenID.map(Self.secretID) }
    /// Names the value that a rotation replaced, while there is one.
    package var previousSecretID: String? { previousTokenID.map(Self.secretID) }

    private static func secretID(_ tokenID: String) -> String { "ak-\(tokenID)" }

    package func isUsable(at now: Timestamp) -> Bool {
        revokedAt == nil && disabledAt == nil && (expiresAt.map { $0 > now } ?? true)
    }
}

/// A key found by what a caller presented, with the hash to compare with.
package struct KeyCandidate: Hashable, Sendable {
    package let key: APIKey
    package let hash: KeyHash
    /// The end of the overlap, when the presented key is the one that a rotation replaced.
    package let acceptedUntil: Timestamp?
}

/// An API key about to be stored.
package struct NewAPIKey: Sendable {
    package let id: APIKeyID
    package let name: String
    package let tokenID: String?
    package let hash: KeyHash
    package let isAdmin: Bool
    package let createdBy: String
    package let expiresAt: Timestamp?
    package let origin: APIKeyOrigin
    package let allowedNetworks: [String]

    package init(
        id: APIKeyID,
        name: String,
        tokenID: String?,
        hash: KeyHash,
        isAdmin: Bool = false,
        createdBy: String,
        expiresAt: Timestamp? = nil,
        origin: APIKeyOrigin = .api,
        allowedNetworks: [String] = []
    ) {
        self.id = id
        self.name = name
        self.tokenID = tokenID
        self.hash = hash
        self.isAdmin = isAdmin
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.origin = origin
        self.allowedNetworks = allowedNetworks
    }
}
