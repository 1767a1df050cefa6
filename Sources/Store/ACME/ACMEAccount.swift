package import Domain
package import Encoding
package import Query

/// A key that may order under a profile (RFC 8555 §7.1.2).
package struct ACMEAccount: Hashable, Sendable {
    package let id: ACMEAccountID
    package let profileID: ProfileID
    /// RFC 7638, base64url.
    package let thumbprint: String
    private let keyText: String
    package let contact: [String]
    package let status: ACMEAccountStatus
    /// The terms of service that were agreed to, by their address.
    package let termsAgreed: String?
    package let ownerID: OwnerID?
    package let teamID: TeamID?
    package let eabKeyID: EABKeyID?
    /// The external account binding as it was sent, for the account object.
    package let eabBinding: JSONValue?
    /// Patterns of the names that it may order; empty for all that its profile allows.
    package let allowedIdentifiers: [String]
    /// Counts its changes.
    let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("account_id")
        profileID = try row.id("profile_id")
        thumbprint = try row.text("jwk_thumbprint")
        keyText = try row.text("jwk_pem")
        contact = try row.texts("contact")
        status = try row.value("status")
        termsAgreed = try row.optionalText("terms_agreed")
        ownerID = try row.optionalID("owner_id")
        teamID = try row.optionalID("team_id")
        eabKeyID = try row.optionalID("eab_key_id")
        eabBinding = try row.optionalJSON("eab_binding")
        allowedIdentifiers = try row.texts("allowed_identifiers")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    /// The public key as JSON.
    ///
    /// Throws ``Query/DatabaseError``, `.corrupt`, for one that can't be read.
    package func jwk() throws(DatabaseError) -> JSONValue {
        guard let jwk = ACMEAccountKeyText.decode(keyText) else {
            throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "an ACME account holds a broken key")
        }
        return jwk
    }

    static let columns: SQL = """
        account_id, profile_id, jwk_thumbprint, jwk_pem, contact, status, terms_agreed, owner_id, team_id, eab_key_id,
        eab_binding, allowed_identifiers, row_version, created_at, updated_at
        """
}

/// An account about to be stored.
package struct NewACMEAccount: Sendable {
    package let id: ACMEAccountID
    package let profileID: ProfileID
    package let thumbprint: String
    package let jwk: JSONValue
    package var contact: [String] = []
    package var termsAgreed: String?
    package var ownerID: OwnerID?
    package var teamID: TeamID?
    package var eabKeyID: EABKeyID?
    package var eabBinding: JSONValue?
    package var allowedIdentifiers: [String] = []

    package init(id: ACMEAccountID, profileID: ProfileID, thumbprint: String, jwk: JSONValue) {
        self.id = id
        self.profileID = profileID
        self.thumbprint = thumbprint
        self.jwk = jwk
    }
}

/// What is left of an account that ended and is deleted: its key opens no other (RFC 8555 §7.3.6).
package struct GoneACMEAccount: Hashable, Sendable {
    package let id: ACMEAccountID
    package let profileID: ProfileID
    /// How it ended.
    package let status: ACMEAccountStatus

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("account_id")
        profileID = try row.id("profile_id")
        status = try row.value("status")
    }

    static let columns: SQL = "account_id, profile_id, status"
}

/// The form in which the key of an account is kept (protocol-servers §2.16).
enum ACMEAccountKeyText {
    private static let begin = "-----BEGIN ACME ACCOUNT JWK-----\n"
    private static let end = "\n-----END ACME ACCOUNT JWK-----\n"

    static func encode(_ jwk: JSONValue) -> String { begin + Base64.encode(Array(jwk.text.utf8)) + end }

    static func decode(_ text: String) -> JSONValue? {
        guard text.hasPrefix(begin), text.hasSuffix(end), text.utf8.count > begin.utf8.count + end.utf8.count,
            let octets = Base64.decode(text.dropFirst(begin.count).dropLast(end.count))
        else { return nil }
        return try? JSONValue(parsing: octets)
    }
}

/// Which accounts a list shows.
package struct ACMEAccountFilter: Hashable, Sendable {
    package var profileIDs: [ProfileID] = []
    package var statuses: [ACMEAccountStatus] = []

    package init() {}
}

package enum ACMEAccountSort: String, ListSort {
    case createdAt = "created_at"
}
