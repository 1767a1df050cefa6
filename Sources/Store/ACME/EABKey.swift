package import Domain
import Query

/// A key by which an operator lets somebody open accounts (RFC 8555 §7.3.4), without the key itself.
package struct EABKey: Hashable, Sendable {
    package let id: EABKeyID
    /// The profile it is for; `nil` for all.
    package let profileID: ProfileID?
    package let label: String
    package let ownerID: OwnerID?
    package let teamID: TeamID?
    /// Patterns of the names that its accounts may order; empty for all that the profile allows.
    package let allowedIdentifiers: [String]
    /// `nil` for any number.
    package let maxAccounts: Int?
    package let usedCount: Int
    /// The account that it opened last, also when that is gone.
    package let boundAccountID: ACMEAccountID?
    package let expiresAt: Timestamp?
    package let revokedAt: Timestamp?
    package let createdBy: String
    package let createdAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        profileID = try row.optionalID("profile_id")
        label = try row.text("label")
        ownerID = try row.optionalID("owner_id")
        teamID = try row.optionalID("team_id")
        allowedIdentifiers = try row.texts("allowed_identifiers")
        maxAccounts = try row.optionalInt("max_accounts")
        usedCount = try row.int("used_count")
        boundAccountID = try row.optionalID("bound_account_id")
        expiresAt = try row.optionalTime("expires_at")
        revokedAt = try row.optionalTime("revoked_at")
        createdBy = try row.text("created_by")
        createdAt = try row.time("created_at")
    }

    static let columns: SQL = """
        id, profile_id, label, owner_id, team_id, allowed_identifiers, max_accounts, used_count, expires_at, revoked_at,
        created_by, bound_account_id, created_at
        """
}

/// A key about to be stored.
package struct NewEABKey: Sendable {
    package let id: EABKeyID
    package let label: String
    package let sealedKey: [UInt8]
    package let createdBy: String
    package var profileID: ProfileID?
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var allowedIdentifiers: [String] = []
    package var maxAccounts: Int?
    package var expiresAt: Timestamp?

    package init(id: EABKeyID, label: String, sealedKey: [UInt8], createdBy: String) {
        self.id = id
        self.label = label
        self.sealedKey = sealedKey
        self.createdBy = createdBy
    }
}

/// Which keys a list shows.
package struct EABKeyFilter: Hashable, Sendable {
    package init() {}
}

package enum EABKeySort: String, ListSort {
    case createdAt = "created_at"
}
