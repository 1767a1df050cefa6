package import Domain
package import Query

/// A further certificate of a CA of a tree: of the same name and key as its own, signed by somebody else.
package struct CACertificate: Hashable, Sendable {
    package let id: CACertificateID
    package let authorityID: AuthorityID
    /// Who signed it, when that is a CA of a tree.
    package let parentID: AuthorityID?
    /// What leads from a signer that is none of ours to a root, the root last.
    package let abovePEM: String?
    package let certPEM: String
    /// RFC 4514 text.
    package let issuerSubject: String
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    /// Since when it is in no chain any more, and why; what was signed here is revoked as well.
    package let withdrawnAt: Timestamp?
    package let withdrawalReason: RevocationReason?
    package let createdAt: Timestamp

    static let columns: SQL = """
        id, ca_id, parent_ca_id, above_pem, cert_pem, issuer_subject, serial_number, not_before, not_after,
        withdrawn_at, withdrawal_reason, created_at
        """

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        authorityID = try row.id("ca_id")
        parentID = try row.optionalID("parent_ca_id")
        abovePEM = try row.optionalText("above_pem")
        certPEM = try row.text("cert_pem")
        issuerSubject = try row.text("issuer_subject")
        serialNumber = try row.text("serial_number")
        notBefore = try row.time("not_before")
        notAfter = try row.time("not_after")
        withdrawnAt = try row.optionalTime("withdrawn_at")
        withdrawalReason = try row.optionalValue("withdrawal_reason")
        createdAt = try row.time("created_at")
    }
}

/// A further certificate about to be stored.
package struct NewCACertificate: Sendable {
    /// Who signed a certificate.
    package enum Signer: Sendable {
        case authority(AuthorityID)
        /// Somebody whose certificates are given, the root last.
        case elsewhere(abovePEM: String)
    }

    package let id: CACertificateID
    package let authorityID: AuthorityID
    package let signer: Signer
    package let certPEM: String
    package let certSHA256: String
    package let issuerSubject: String
    package let serialNumber: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp

    package init(
        _ id: CACertificateID, of authority: AuthorityID, by signer: Signer, pem: String, sha256: String,
        issuer: String, serialNumber: String, validity: (notBefore: Timestamp, notAfter: Timestamp)
    ) {
        self.id = id
        authorityID = authority
        self.signer = signer
        certPEM = pem
        certSHA256 = sha256
        issuerSubject = issuer
        self.serialNumber = serialNumber
        notBefore = validity.notBefore
        notAfter = validity.notAfter
    }
}

/// The further certificates of the CAs of trees.
package struct CACertificateStore: Sendable {
    package init() {}

    private static let rules = [
        UniqueRule(constraint: "ca_certificates_cert_sha256_key", entity: .authority, field: "certificate_pem"),
        UniqueRule(constraint: "ca_certificates_pkey", entity: .authority, field: "id"),
    ]

    @discardableResult
    package func insert(_ new: NewCACertificate, in tx: any Transaction) throws -> CACertificate {
        let (parent, above): (AuthorityID?, String?) =
            switch new.signer {
            case .authority(let id): (id, nil)
            case .elsewhere(let pem): (nil, pem)
            }
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO ca_certificates (
                    id, ca_id, parent_ca_id, above_pem, cert_pem, cert_sha256, issuer_subject, serial_number, not_before,
                    not_after, created_at
                ) VALUES (
                    \(new.id), \(new.authorityID), \(parent), \(above), \(new.certPEM), \(new.certSHA256),
                    \(new.issuerSubject), \(new.serialNumber), \(new.notBefore), \(new.notAfter), \(tx.now)
                ) RETURNING \(fragment: CACertificate.columns)
                """)
        }
        return try CACertificate(rows.onlyRow())
    }

    /// Of one CA, the oldest first.
    package func all(of authority: AuthorityID, in tx: any Transaction) throws -> [CACertificate] {
        try tx.rows(
            """
            SELECT \(fragment: CACertificate.columns) FROM ca_certificates WHERE ca_id = \(authority)
            ORDER BY created_at, id
            """
        ).map { try CACertificate($0) }
    }

    /// - Throws: ``StoreError/notFound(_:id:)`` also for a certificate of another CA.
    package func get(
        _ id: CACertificateID, of authority: AuthorityID, in tx: any Transaction
    ) throws -> CACertificate {
        let row = try tx.row(
            "SELECT \(fragment: CACertificate.columns) FROM ca_certificates WHERE id = \(id) AND ca_id = \(authority)")
        guard let row else { throw StoreError.notFound(.authorityCertificate, id: id.text) }
        return try CACertificate(row)
    }

    /// Takes a certificate out of the chains; `nil` when it is already.
    package func withdraw(
        _ id: CACertificateID, _ reason: RevocationReason, in tx: any Transaction
    ) throws -> CACertificate? {
        try tx.row(
            """
            UPDATE ca_certificates SET withdrawn_at = \(tx.now), withdrawal_reason = \(reason)
            WHERE id = \(id) AND withdrawn_at IS NULL RETURNING \(fragment: CACertificate.columns)
            """
        ).map { try CACertificate($0) }
    }

    /// The further certificate with this serial number, of whichever CA of the issuer that signed it.
    package func find(signedFor issuer: IssuerID, serial: String, in tx: any Transaction) throws -> CACertificate? {
        try tx.row(
            """
            SELECT \(fragment: CACertificate.columns) FROM ca_certificates
            WHERE serial_number = \(serial)
                AND parent_ca_id IN (SELECT id FROM intermediate_cas WHERE owning_issuer_id = \(issuer))
            """
        ).map { try CACertificate($0) }
    }

    /// What leads from signers elsewhere to their roots, as PEM.
    package func above(in tx: any Transaction) throws -> [String] {
        try tx.rows("SELECT DISTINCT above_pem FROM ca_certificates WHERE above_pem IS NOT NULL")
            .map { try $0.text("above_pem") }
    }

    /// Those that are in chains, of every CA.
    package func current(in tx: any Transaction) throws -> [CACertificate] {
        try tx.rows(
            """
            SELECT \(fragment: CACertificate.columns) FROM ca_certificates WHERE withdrawn_at IS NULL
            ORDER BY created_at, id
            """
        ).map { try CACertificate($0) }
    }

    /// Whether no CA has a further certificate.
    package func isEmpty(in tx: any Transaction) throws -> Bool {
        try tx.row("SELECT 1 AS one FROM ca_certificates LIMIT 1") == nil
    }
}
