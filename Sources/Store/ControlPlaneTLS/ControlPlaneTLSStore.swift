package import Domain
package import Query

/// The certificate that the server presents, shared by every replica of one database.
package struct ControlPlaneTLS: Hashable, Sendable {
    /// Leaf first.
    package let chainPEM: String
    /// PKCS#8, sealed for this row.
    package let sealedPrivateKey: [UInt8]
    package let fingerprintSHA256: String
    package let notAfter: Timestamp

    package init(chainPEM: String, sealedPrivateKey: [UInt8], fingerprintSHA256: String, notAfter: Timestamp) {
        self.chainPEM = chainPEM
        self.sealedPrivateKey = sealedPrivateKey
        self.fingerprintSHA256 = fingerprintSHA256
        self.notAfter = notAfter
    }
}

/// The one row of the server's own TLS identity.
package struct ControlPlaneTLSStore: Sendable {
    /// The place that seals of ``ControlPlaneTLS/sealedPrivateKey`` are bound to.
    package static let table = "control_plane_tls"
    package static let column = "private_key_encrypted"
    package static let rowID = "1"

    package init() {}

    package func load(in tx: any Transaction) throws -> ControlPlaneTLS? {
        let row = try tx.row(
            """
            SELECT chain_pem, private_key_encrypted, fingerprint_sha256, not_after FROM control_plane_tls WHERE id = 1
            """
        )
        return try row.map { row in
            ControlPlaneTLS(
                chainPEM: try row.text("chain_pem"),
                sealedPrivateKey: try row.bytes("private_key_encrypted"),
                fingerprintSHA256: try row.text("fingerprint_sha256"),
                notAfter: try row.time("not_after")
            )
        }
    }

    /// Stores an identity in place of the one with `fingerprint`; `nil` means that there must be none yet.
    ///
    /// - Returns: False when another replica was first; load again.
    package func replace(
        _ fingerprint: String?,
        with new: ControlPlaneTLS,
        in tx: any Transaction
    ) throws -> Bool {
        guard let fingerprint else {
            return try tx.execute(
                """
                INSERT INTO control_plane_tls (
                    id, chain_pem, private_key_encrypted, fingerprint_sha256, not_after, created_at, updated_at
                ) VALUES (
                    1, \(new.chainPEM), \(new.sealedPrivateKey), \(new.fingerprintSHA256), \(new.notAfter),
                    \(tx.now), \(tx.now)
                ) ON CONFLICT DO NOTHING
                """
            ) == 1
        }
        return try tx.execute(
            """
            UPDATE control_plane_tls SET chain_pem = \(new.chainPEM),
                private_key_encrypted = \(new.sealedPrivateKey), fingerprint_sha256 = \(new.fingerprintSHA256),
                not_after = \(new.notAfter), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = 1 AND fingerprint_sha256 = \(fingerprint)
            """
        ) == 1
    }
}
