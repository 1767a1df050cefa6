package import AuditProof
package import Domain
package import Query

/// A signed checkpoint with its place among the others.
package struct NumberedCheckpoint: Hashable, Sendable {
    package let number: Int
    package let signed: SignedCheckpoint
}

/// A key that signs checkpoints, its private half sealed for its row.
package struct StoredCheckpointKey: Hashable, Sendable {
    package let publicKey: CheckpointPublicKey
    package let sealedPrivateKey: [UInt8]
    package let createdAt: Timestamp

    package init(publicKey: CheckpointPublicKey, sealedPrivateKey: [UInt8], createdAt: Timestamp) {
        self.publicKey = publicKey
        self.sealedPrivateKey = sealedPrivateKey
        self.createdAt = createdAt
    }
}

/// The signed checkpoints of the log, and the keys that sign them.
package struct CheckpointStore: Sendable {
    /// The place that seals of ``StoredCheckpointKey/sealedPrivateKey`` are bound to.
    package static let keyTable = "audit_keys"
    package static let keyColumn = "private_key_encrypted"

    package init() {}

    package func insert(_ signed: SignedCheckpoint, number: Int, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO audit_checkpoints (number, tree_size, issued_at, jws)
            VALUES (\(number), \(signed.checkpoint.treeSize), \(signed.checkpoint.timestamp), \(signed.text))
            """
        )
    }

    package func latest(in tx: any Transaction) throws -> NumberedCheckpoint? {
        try tx.row("SELECT number, jws FROM audit_checkpoints ORDER BY number DESC LIMIT 1").map(Self.checkpoint)
    }

    /// The last checkpoint over `size` leaves.
    package func ofSize(_ size: Int, in tx: any Transaction) throws -> NumberedCheckpoint? {
        try tx.row(
            "SELECT number, jws FROM audit_checkpoints WHERE tree_size = \(size) ORDER BY number DESC LIMIT 1"
        ).map(Self.checkpoint)
    }

    /// Checkpoints from a number on, oldest first.
    package func from(_ number: Int, limit: Int, in tx: any Transaction) throws -> [NumberedCheckpoint] {
        try tx.rows(
            "SELECT number, jws FROM audit_checkpoints WHERE number >= \(number) ORDER BY number LIMIT \(limit)"
        ).map(Self.checkpoint)
    }

    /// Checkpoints below a number, newest first.
    package func newest(below number: Int?, limit: Int, in tx: any Transaction) throws -> [NumberedCheckpoint] {
        try tx.rows(
            """
            SELECT number, jws FROM audit_checkpoints WHERE number < \(number ?? Int.max)
            ORDER BY number DESC LIMIT \(limit)
            """
        ).map(Self.checkpoint)
    }

    /// The first checkpoint over at least `size` leaves.
    package func first(coveringAtLeast size: Int, in tx: any Transaction) throws -> NumberedCheckpoint? {
        try tx.row(
            """
            SELECT number, jws FROM audit_checkpoints WHERE tree_size >= \(size) ORDER BY tree_size, number LIMIT 1
            """
        ).map(Self.checkpoint)
    }

    /// The last checkpoint over at most `size` leaves.
    package func last(coveringAtMost size: Int, in tx: any Transaction) throws -> NumberedCheckpoint? {
        try tx.row(
            """
            SELECT number, jws FROM audit_checkpoints WHERE tree_size <= \(size)
            ORDER BY tree_size DESC, number DESC LIMIT 1
            """
        ).map(Self.checkpoint)
    }

    // MARK: Keys

    package func insert(_ key: StoredCheckpointKey, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO audit_keys (id, public_key, private_key_encrypted, created_at)
            VALUES (\(key.publicKey.id), \(key.publicKey.octets), \(key.sealedPrivateKey), \(key.createdAt))
            """
        )
    }

    /// Every key that ever signed, oldest first. The first one names the log.
    package func keys(in tx: any Transaction) throws -> [StoredCheckpointKey] {
        try tx.rows(
            "SELECT public_key, private_key_encrypted, created_at FROM audit_keys ORDER BY created_at, id"
        ).map { row in
            guard let publicKey = CheckpointPublicKey(octets: try row.bytes("public_key")) else {
                throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "column public_key is no key")
            }
            return StoredCheckpointKey(
                publicKey: publicKey,
                sealedPrivateKey: try row.bytes("private_key_encrypted"),
                createdAt: try row.time("created_at")
            )
        }
    }

    private static func checkpoint(_ row: Row) throws -> NumberedCheckpoint {
        let text = try row.text("jws")
        guard let signed = try? SignedCheckpoint(text: text) else {
            throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "column jws is no checkpoint")
        }
        return NumberedCheckpoint(number: try row.int("number"), signed: signed)
    }
}
