package import Domain
package import Query

/// A certificate that a CA had signed before it came here with its key.
package struct AdoptedCertificate: Hashable, Sendable {
    package let authorityID: AuthorityID
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String
    package let spkiSHA256: String
    package let isCA: Bool
    package let notAfter: Timestamp

    package init(
        by authority: AuthorityID, serialNumber: String, spkiSHA256: String, isCA: Bool, notAfter: Timestamp
    ) {
        authorityID = authority
        self.serialNumber = serialNumber
        self.spkiSHA256 = spkiSHA256
        self.isCA = isCA
        self.notAfter = notAfter
    }
}

/// What adopted CAs had signed before: known by number and end, so that they go on answering for it.
package struct AdoptedCertificateStore: Sendable {
    package init() {}

    package func insert(_ new: AdoptedCertificate, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO adopted_certificates (authority_id, serial_number, spki_sha256, is_ca, not_after)
            VALUES (\(new.authorityID), \(new.serialNumber), \(new.spkiSHA256), \(new.isCA), \(new.notAfter))
            """
        )
    }

    /// Those of the CAs of an issuer that have this serial number; CAs may have given it more than once.
    package func all(
        issuer: IssuerID, serial: String, in tx: any Transaction
    ) throws -> [AdoptedCertificate] {
        try tx.rows(
            """
            SELECT authority_id, serial_number, spki_sha256, is_ca, not_after FROM adopted_certificates
            WHERE serial_number = \(serial)
                AND authority_id IN (SELECT id FROM intermediate_cas WHERE owning_issuer_id = \(issuer))
            ORDER BY authority_id
            """
        ).map { row in
            AdoptedCertificate(
                by: try row.id("authority_id"), serialNumber: try row.text("serial_number"),
                spkiSHA256: try row.text("spki_sha256"), isCA: try row.bool("is_ca"),
                notAfter: try row.time("not_after"))
        }
    }
}
