package import Domain
package import Query

/// A signing key in the database: PKCS#8, sealed for its row.
package struct SealedKey: Hashable, Sendable {
    package let id: CAKeyID
    /// As `KeySpec` spells it: `ECDSA-P256` …
    package let algorithm: String
    package let spkiSHA256: String
    package let sealedPKCS8: [UInt8]
    package let createdAt: Timestamp

    package init(id: CAKeyID, algorithm: String, spkiSHA256: String, sealedPKCS8: [UInt8], createdAt: Timestamp) {
        self.id = id
        self.algorithm = algorithm
        self.spkiSHA256 = spkiSHA256
        self.sealedPKCS8 = sealedPKCS8
        self.createdAt = createdAt
    }
}

/// The signing keys of built-in authorities.
package struct SealedKeyStore: Sendable {
    /// The place that seals of ``SealedKey/sealedPKCS8`` are bound to.
    package static let table = "ca_keys"
    package static let column = "pkcs8_encrypted"

    package init() {}

    package func insert(_ key: SealedKey, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO ca_keys (id, algorithm, spki_sha256, pkcs8_encrypted, created_at, updated_at)
            VALUES (
                \(key.id), \(key.algorithm), \(key.spkiSHA256), \(key.sealedPKCS8), \(key.createdAt), \(key.createdAt)
            )
            """
        )
    }

    /// Destroys a key; false when it was gone.
    @discardableResult
    package func delete(_ id: CAKeyID, in tx: any Transaction) throws -> Bool {
        try tx.execute("DELETE FROM ca_keys WHERE id = \(id)") == 1
    }

    package func find(_ id: CAKeyID, in tx: any Transaction) throws -> SealedKey? {
        let row = try tx.row(
            "SELECT id, algorithm, spki_sha256, pkcs8_encrypted, created_at FROM ca_keys WHERE id = \(id)"
        )
        return try row.map { row in
            SealedKey(
                id: try row.id("id"),
                algorithm: try row.text("algorithm"),
                spkiSHA256: try row.text("spki_sha256"),
                sealedPKCS8: try row.bytes("pkcs8_encrypted"),
                createdAt: try row.time("created_at")
            )
        }
    }
}
