package import Domain
package import Query

/// A key that signs session cookies: sealed for its row.
package struct SessionKeyRecord: Hashable, Sendable {
    package let id: String
    package let sealedMaterial: [UInt8]
    package let createdAt: Timestamp
    /// Since when it signs nothing more.
    package let retiredAt: Timestamp?

    init(_ row: Row) throws(DatabaseError) {
        id = try row.text("id")
        sealedMaterial = try row.bytes("key_material_encrypted")
        createdAt = try row.time("created_at")
        retiredAt = try row.optionalTime("retired_at")
    }
}

/// The keys that sign session cookies: one current, the others verify until their retention ends.
package struct SessionKeyStore: Sendable {
    /// The place that seals of ``SessionKeyRecord/sealedMaterial`` are bound to.
    package static let table = "session_signing_keys"
    package static let column = "key_material_encrypted"

    package init() {}

    /// Every key, the newest first.
    package func all(in tx: any Transaction) throws -> [SessionKeyRecord] {
        try tx.rows(
            """
            SELECT id, key_material_encrypted, created_at, retired_at FROM session_signing_keys
            ORDER BY created_at DESC, id
            """
        ).map { try SessionKeyRecord($0) }
    }

    /// Waits until no other transaction changes the keys. The leader row is the one that every replica can lock before
    /// any key exists.
    package func lock(in tx: any Transaction) throws {
        _ = try tx.row("SELECT id FROM scheduler_leader WHERE id = 1\(lock: .forUpdate)")
    }

    package func insert(id: String, sealedMaterial: [UInt8], in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO session_signing_keys (id, key_material_encrypted, created_at)
            VALUES (\(id), \(sealedMaterial), \(tx.now))
            """
        )
        try tx.notify(.access, payload: id)
    }

    /// From now on the current key only verifies; its id.
    package func retireCurrent(in tx: any Transaction) throws -> String? {
        try tx.row(
            "UPDATE session_signing_keys SET retired_at = \(tx.now) WHERE retired_at IS NULL RETURNING id"
        )?.text("id")
    }

    /// Deletes keys that no valid cookie can name any more; how many went.
    package func purge(retiredBefore deadline: Timestamp, in tx: any Transaction) throws -> Int {
        try tx.execute("DELETE FROM session_signing_keys WHERE retired_at <= \(deadline)")
    }
}
