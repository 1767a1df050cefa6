package import Domain
package import Encoding
import Query

/// A certification authority of a tree, as stored (specification, domain §3.16). A root has no parent.
package struct IntermediateCA: Hashable, Sendable {
    package let id: AuthorityID
    package let issuerID: IssuerID
    package let parentID: AuthorityID?
    package let name: String
    /// RFC 4514 text.
    package let subject: String
    package let state: CAState
    /// `nil` while somebody else is to sign it; so are ``serialNumber``, ``notBefore`` and ``notAfter``.
    package let certPEM: String?
    /// What was asked of an authority whose key is elsewhere; `nil` for one that was signed here.
    package let csrPEM: String?
    package let spkiSHA256: String
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String?
    /// As certificates name it: `ECDSA-P256`.
    package let keyAlgorithm: String
    /// Which driver holds the key, and by what name; `nil` for a key that is elsewhere.
    package let keyDriver: String?
    package let keyReference: String?
    /// Whether certctl made the key, and so destroys it in the end.
    package let isKeyOwn: Bool
    package let notBefore: Timestamp?
    package let notAfter: Timestamp?
    /// As the certificate has it, or as it was asked for.
    package let pathLength: Int?
    package let nameConstraints: JSONValue
    package let allowedEKUs: [String]
    package let policyOIDs: [String]
    /// Whether it signs certificates of somebody who is no authority.
    package let isIssuing: Bool
    package let ocspURL: String?
    /// How long its revocation lists are good, and how often they are made anew; `nil` for what the issuer says.
    package let listValiditySeconds: Int?
    package let listIntervalSeconds: Int?
    package let metadata: [String: String]
    package let retiringAt: Timestamp?
    package let retiredAt: Timestamp?
    package let keyReleasedAt: Timestamp?
    package let revokedAt: Timestamp?
    package let revocationReason: RevocationReason?
    /// In whose place it is, or will be; `nil` for one that came of itself.
    package let predecessorID: AuthorityID?
    /// Since when it was kept from signing, so that it becomes known first.
    package let stagedAt: Timestamp?
    /// Not before this time does it take the place.
    package let activationAt: Timestamp?
    /// Whether it takes the place by itself, when everybody who is known to need it has it.
    package let isActivationAutomatic: Bool
    /// Since when it has the place.
    package let activatedAt: Timestamp?
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    package var isRoot: Bool { parentID == nil }
    /// Whether it was never in service, and goes back to that when its retirement is called off.
    package var isUntried: Bool { stagedAt != nil && activatedAt == nil }
    /// Whether this server can have it sign.
    package var hasKey: Bool { keyReference != nil && keyReleasedAt == nil }

    static let columns: SQL = """
        id, owning_issuer_id, parent_ca_id, name, subject, state, cert_pem, csr_pem, spki_sha256, serial_number,
        key_algorithm, key_driver, key_driver_id, key_is_own, not_before, not_after, path_len_constraint, name_constraints,
        allowed_ekus, policy_oids, issuing, ocsp_responder_url, crl_validity_seconds, crl_interval_seconds, metadata, retiring_at, retired_at, key_released_at, revoked_at,
        revocation_reason, succeeds_ca_id, staged_at, activation_at, activation_auto, activated_at, row_version, created_at, updated_at
        """

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        issuerID = try row.id("owning_issuer_id")
        parentID = try row.optionalID("parent_ca_id")
        name = try row.text("name")
        subject = try row.text("subject")
        state = try row.value("state")
        certPEM = try row.optionalText("cert_pem")
        csrPEM = try row.optionalText("csr_pem")
        spkiSHA256 = try row.text("spki_sha256")
        serialNumber = try row.optionalText("serial_number")
        keyAlgorithm = try row.text("key_algorithm")
        keyDriver = try row.optionalText("key_driver")
        keyReference = try row.optionalText("key_driver_id")
        isKeyOwn = try row.bool("key_is_own")
        notBefore = try row.optionalTime("not_before")
        notAfter = try row.optionalTime("not_after")
        pathLength = try row.optionalInt("path_len_constraint")
        nameConstraints = try row.json("name_constraints")
        allowedEKUs = try row.texts("allowed_ekus")
        policyOIDs = try row.texts("policy_oids")
        isIssuing = try row.bool("issuing")
        ocspURL = try row.optionalText("ocsp_responder_url")
        listValiditySeconds = try row.optionalInt("crl_validity_seconds")
        listIntervalSeconds = try row.optionalInt("crl_interval_seconds")
        metadata = try row.textMap("metadata")
        retiringAt = try row.optionalTime("retiring_at")
        retiredAt = try row.optionalTime("retired_at")
        keyReleasedAt = try row.optionalTime("key_released_at")
        revokedAt = try row.optionalTime("revoked_at")
        revocationReason = try row.optionalValue("revocation_reason")
        predecessorID = try row.optionalID("succeeds_ca_id")
        stagedAt = try row.optionalTime("staged_at")
        activationAt = try row.optionalTime("activation_at")
        isActivationAutomatic = try row.bool("activation_auto")
        activatedAt = try row.optionalTime("activated_at")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }
}

/// A certification authority of a tree about to be stored.
package struct NewIntermediateCA: Sendable {
    package let id: AuthorityID
    package let issuerID: IssuerID
    package let parentID: AuthorityID?
    package let name: String
    package var subject = ""
    /// `nil` for one that is pending; so are the other members that only a certificate has.
    package var certPEM: String?
    package var csrPEM: String?
    package var certSHA256: String?
    package var spkiSHA256 = ""
    /// Lower-case hexadecimal.
    package var subjectKeyIdentifier = ""
    package var serialNumber: String?
    package var keyAlgorithm = ""
    package var keyDriver: String?
    package var keyReference: String?
    package var isKeyOwn = false
    package var notBefore: Timestamp?
    package var notAfter: Timestamp?
    package var pathLength: Int?
    package var nameConstraints: JSONValue = .array([])
    package var allowedEKUs: [String] = []
    package var policyOIDs: [String] = []
    package var isIssuing = false
    package var ocspURL: String?
    package var listValiditySeconds: Int?
    package var listIntervalSeconds: Int?
    package var metadata: [String: String] = [:]
    package var succession: CASuccession?

    package init(_ id: AuthorityID, of issuer: IssuerID, below parent: AuthorityID?, name: String) {
        self.id = id
        issuerID = issuer
        parentID = parent
        self.name = name
    }
}

/// How an authority takes the place of another.
package struct CASuccession: Hashable, Sendable {
    package let predecessorID: AuthorityID
    /// Not before this time.
    package let activationAt: Timestamp?
    /// By itself, when everybody who is known to need it has it.
    package let isAutomatic: Bool

    package init(of predecessor: AuthorityID, notBefore: Timestamp? = nil, isAutomatic: Bool = false) {
        predecessorID = predecessor
        activationAt = notBefore
        self.isAutomatic = isAutomatic
    }
}

/// What keeps an authority from ending.
package struct CADrain: Hashable, Sendable {
    /// Authorities below it that have not ended, and certificates that it signed for authorities of other parents.
    package let children: Int
    /// Of those, the active ones.
    package let activeChildren: Int
    /// Certificates that it signed and that are neither expired nor revoked for good.
    package let leaves: Int
    /// When the last of them ends.
    package let lastEnd: Timestamp?
    /// Orders that were accepted for it and have no outcome yet.
    package let orders: Int

    package var isEmpty: Bool { children == 0 && leaves == 0 && orders == 0 }
}

package struct IntermediateCAFilter: Hashable, Sendable {
    package var issuerID: IssuerID
    package var states: [CAState] = []

    package init(issuerID: IssuerID) { self.issuerID = issuerID }
}

package enum IntermediateCASort: String, ListSort {
    case createdAt = "created_at"
}

extension CAState: Bindable {}
