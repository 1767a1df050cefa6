package import Query

/// The keys of authentication codes, sealed: what was hashed or signed with them stays valid when the root is replaced.
package struct CodeKeyStore: Sendable {
    package static let table = "code_keys"
    package static let column = "key_encrypted"

    package init() {}

    package func sealedKey(of label: String, in tx: any Transaction) throws -> [UInt8]? {
        try tx.row("SELECT key_encrypted FROM code_keys WHERE label = \(label)")?.bytes("key_encrypted")
    }

    /// Stores a key unless there is one.
    package func insert(_ sealed: [UInt8], label: String, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO code_keys (label, key_encrypted, created_at) VALUES (\(label), \(sealed), \(tx.now))
            ON CONFLICT DO NOTHING
            """
        )
    }
}
