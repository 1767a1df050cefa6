package import Domain
package import Query

/// The certification authority behind a built-in issuer: its chain, and where its key is.
package struct Authority: Hashable, Sendable {
    package let issuerID: IssuerID
    /// The CA certificate first, then what signed it.
    package let chainPEM: String
    /// Which key driver holds the key, and by what name the driver knows it.
    package let keyDriver: String
    package let keyReference: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let rowVersion: Int

    init(_ row: Row) throws(DatabaseError) {
        issuerID = try row.id("issuer_id")
        chainPEM = try row.text("chain_pem")
        keyDriver = try row.text("key_driver")
        keyReference = try row.text("key_ref")
        notBefore = try row.time("not_before")
        notAfter = try row.time("not_after")
        rowVersion = try row.int("row_version")
    }
}

/// A certification authority about to be stored.
package struct NewAuthority: Sendable {
    package let issuerID: IssuerID
    package let chainPEM: String
    package let keyDriver: String
    package let keyReference: String
    /// Of the key in the CA certificate: nobody else gets a certificate for it.
    package let spkiSHA256: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp

    package init(
        issuerID: IssuerID,
        chainPEM: String,
        keyDriver: String,
        keyReference: String,
        spkiSHA256: String,
        notBefore: Timestamp,
        notAfter: Timestamp
    ) {
        self.issuerID = issuerID
        self.chainPEM = chainPEM
        self.keyDriver = keyDriver
        self.keyReference = keyReference
        self.spkiSHA256 = spkiSHA256
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}

/// The certification authorities of built-in issuers.
package struct AuthorityStore: Sendable {
    package init() {}

    private static let columns: SQL = "issuer_id, chain_pem, key_driver, key_ref, not_before, not_after, row_version"

    package func insert(_ new: NewAuthority, in tx: any Transaction) throws {
        let rule = UniqueRule(constraint: "issuer_ca_pkey", entity: .authority, field: "issuer_id")
        try UniqueRule.checking([rule]) { () throws(DatabaseError) in
            _ = try tx.execute(
                """
                INSERT INTO issuer_ca (
                    issuer_id, chain_pem, key_driver, key_ref, spki_sha256, not_before, not_after, created_at,
                    updated_at
                ) VALUES (
                    \(new.issuerID), \(new.chainPEM), \(new.keyDriver), \(new.keyReference), \(new.spkiSHA256),
                    \(new.notBefore), \(new.notAfter), \(tx.now), \(tx.now)
                )
                """
            )
        }
    }

    package func find(_ issuer: IssuerID, in tx: any Transaction) throws -> Authority? {
        try tx.row("SELECT \(fragment: Self.columns) FROM issuer_ca WHERE issuer_id = \(issuer)")
            .map { try Authority($0) }
    }

    package func all(in tx: any Transaction) throws -> [Authority] {
        try tx.rows("SELECT \(fragment: Self.columns) FROM issuer_ca ORDER BY issuer_id").map { try Authority($0) }
    }
}
