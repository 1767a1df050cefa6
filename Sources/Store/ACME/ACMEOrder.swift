package import Domain
package import Encoding
import Query

/// An order (RFC 8555 §7.1.3).
package struct ACMEOrder: Hashable, Sendable {
    package let id: ACMEOrderID
    package let accountID: ACMEAccountID
    /// The account's, or another behind the same directory.
    package let profileID: ProfileID
    /// In the order in which they were asked for.
    package let identifiers: [ACMEName]
    package let status: ACMEOrderStatus
    package let expiresAt: Timestamp
    package let notBefore: Timestamp?
    package let notAfter: Timestamp?
    /// A problem document.
    package let error: JSONValue?
    package let csrPEM: String?
    package let csrSHA256: String?
    package let certificateID: CertificateID?
    /// What was issued for it.
    package let versionID: VersionID?
    /// The job under which it is being issued.
    package let jobID: JobID?
    /// How often a CA was asked.
    package let attempts: Int
    /// Before when no CA is asked again; `nil` when nothing stands in the way.
    package let retryAt: Timestamp?
    /// When CAA records were last looked at after the proofs of its names; `nil` when that was not necessary.
    package let caaSeenAt: Timestamp?
    /// The certificate that this one takes the place of, as ACME clients name it (RFC 9773 §4.1).
    package let replaces: String?
    /// When an operator asked for what was issued to be replaced.
    package let replacementAskedAt: Timestamp?
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("order_id")
        accountID = try row.id("account_id")
        profileID = try row.id("profile_id")
        identifiers = try ACMEName.list(row.json("identifiers"))
        status = try row.value("status")
        expiresAt = try row.time("expires_at")
        notBefore = try row.optionalTime("not_before")
        notAfter = try row.optionalTime("not_after")
        error = try row.optionalJSON("error")
        csrPEM = try row.optionalText("csr_pem")
        csrSHA256 = try row.optionalText("csr_sha256")
        certificateID = try row.optionalID("certificate_id")
        versionID = try row.optionalID("version_id")
        jobID = try row.optionalID("job_id")
        attempts = try row.int("attempts")
        retryAt = try row.optionalTime("retry_at")
        caaSeenAt = try row.optionalTime("caa_seen_at")
        replaces = try row.optionalText("replaces")
        replacementAskedAt = try row.optionalTime("replacement_asked_at")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    /// Where time has brought it: what ran out is so at once, not only when somebody sweeps.
    package func status(at now: Timestamp) -> ACMEOrderStatus {
        (status == .pending || status == .ready) && expiresAt <= now ? .invalid : status
    }

    /// Whether it was made for the same period as another one.
    package func hasPeriod(of other: ACMEOrder) -> Bool { notBefore == other.notBefore && notAfter == other.notAfter }

    static let columns: SQL = """
        order_id, account_id, profile_id, identifiers, status, expires_at, not_before, not_after, error, csr_pem,
        csr_sha256, certificate_id, version_id, job_id, attempts, retry_at, caa_seen_at, replaces, replacement_asked_at, created_at,
        updated_at
        """
}

/// An order about to be stored.
package struct NewACMEOrder: Sendable {
    package let id: ACMEOrderID
    package let accountID: ACMEAccountID
    package let profileID: ProfileID
    package let identifiers: [ACMEName]
    /// Tells orders for the same names, in whatever order.
    package let namesSHA256: String
    /// `pending` or `ready`.
    package let status: ACMEOrderStatus
    package let expiresAt: Timestamp
    package var notBefore: Timestamp?
    package var notAfter: Timestamp?
    package var replaces: String?
    /// When the certificate ends that this one takes the place of.
    package var replacedEnd: Timestamp?

    package init(
        id: ACMEOrderID, accountID: ACMEAccountID, profileID: ProfileID, identifiers: [ACMEName], namesSHA256: String,
        status: ACMEOrderStatus, expiresAt: Timestamp
    ) {
        self.id = id
        self.accountID = accountID
        self.profileID = profileID
        self.identifiers = identifiers
        self.namesSHA256 = namesSHA256
        self.status = status
        self.expiresAt = expiresAt
    }
}

extension ACMEName {
    package var json: JSONValue { ["type": .string(kind.rawValue), "value": .string(value)] }

    init(_ json: JSONValue) throws(DatabaseError) {
        guard let kind = json["type"]?.stringValue.flatMap(Kind.init(rawValue:)),
            let value = json["value"]?.stringValue
        else { throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "an ACME order holds a broken name") }
        self.init(kind, value)
    }

    static func list(_ json: JSONValue) throws(DatabaseError) -> [ACMEName] {
        var names: [ACMEName] = []
        for element in json.arrayValue ?? [] { names.append(try ACMEName(element)) }
        return names
    }
}

/// Which certificates an operator wants to be replaced: those that meet all that is given.
package struct ACMEReplacementCriteria: Hashable, Sendable {
    package var profileID: ProfileID?
    package var accountID: ACMEAccountID?
    package var issuerID: IssuerID?
    /// Empty for all.
    package var certificateIDs: [CertificateID] = []

    package init() {}

    /// Whether that would be every certificate there is.
    package var isEmpty: Bool { self == ACMEReplacementCriteria() }
}

/// Which orders a list shows.
package struct ACMEOrderFilter: Hashable, Sendable {
    package var accountIDs: [ACMEAccountID] = []
    package var profileIDs: [ProfileID] = []
    /// By time as well: see ``ACMEOrder/status(at:)``.
    package var statuses: [ACMEOrderStatus] = []
    /// Leaves out orders that have come to nothing, whether or not they were swept. No time of its own: the pages of a list have one
    /// filter.
    package var leavesOutInvalid = false

    package init() {}
}

package enum ACMEOrderSort: String, ListSort {
    case createdAt = "created_at"
}
