package import Domain
import Query

/// Where the key of a responder is.
package enum OCSPResponderKeyPlace: Hashable, Sendable {
    /// In the row, sealed.
    case sealed([UInt8])
    /// A file of the server.
    case file(String)
    /// With a key driver, which signs: in a token, in a signing process.
    case held(driver: String, ref: String)
}

/// An appointment of an OCSP responder that its CA has not signed yet.
package struct PendingOCSPResponder: Hashable, Sendable {
    package let id: OCSPResponderID
    /// An issuer, or one of its CAs.
    package let authority: AuthorityID
    /// The fingerprint of the CA certificate.
    package let caSHA256: String
    package let serialNumber: String
    package let keyAlgorithm: String
    /// Of the public key: nobody else gets a certificate for it.
    package let spkiSHA256: String
    package let key: OCSPResponderKeyPlace
    package let createdAt: Timestamp

    package init(
        id: OCSPResponderID, authority: AuthorityID, caSHA256: String, serialNumber: String, keyAlgorithm: String,
        spkiSHA256: String, key: OCSPResponderKeyPlace, createdAt: Timestamp
    ) {
        self.id = id
        self.authority = authority
        self.caSHA256 = caSHA256
        self.serialNumber = serialNumber
        self.keyAlgorithm = keyAlgorithm
        self.spkiSHA256 = spkiSHA256
        self.key = key
        self.createdAt = createdAt
    }
}

/// An OCSP responder with its certificate.
package struct OCSPResponderRow: Hashable, Sendable {
    package let appointment: PendingOCSPResponder
    package let certificatePEM: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    /// When another one took its place; its answers remain until they end.
    package let supersededAt: Timestamp?

    static let columns: SQL = """
        id, authority_id, ca_sha256, serial_number, key_algorithm, spki_sha256, key_encrypted, key_path, key_driver,
        key_ref, cert_pem, not_before, not_after, superseded_at, created_at
        """

    init(_ row: Row) throws(DatabaseError) {
        let key: OCSPResponderKeyPlace =
            if let path = try row.optionalText("key_path") {
                .file(path)
            } else if let driver = try row.optionalText("key_driver") {
                .held(driver: driver, ref: try row.text("key_ref"))
            } else {
                .sealed(try row.bytes("key_encrypted"))
            }
        appointment = PendingOCSPResponder(
            id: try row.id("id"), authority: try row.id("authority_id"), caSHA256: try row.text("ca_sha256"),
            serialNumber: try row.text("serial_number"), keyAlgorithm: try row.text("key_algorithm"),
            spkiSHA256: try row.text("spki_sha256"), key: key, createdAt: try row.time("created_at"))
        certificatePEM = try row.text("cert_pem")
        notBefore = try row.time("not_before")
        notAfter = try row.time("not_after")
        supersededAt = try row.optionalTime("superseded_at")
    }
}
