package import Domain
package import Query

/// A key-encryption key that this database has seen: never the key, only what proves that one is the right one.
package struct SealingKeyRecord: Hashable, Sendable {
    package enum Derivation: String, Sendable, CaseIterable, Bindable {
        /// From 32 generated octets.
        case hkdf = "hkdf-sha256"
        /// From a passphrase, with ``SealingKeyRecord/salt``.
        case pbkdf2 = "pbkdf2-sha256"
    }

    /// Sixteen hexadecimal digits: the eight octets that sealed values name their key by.
    package let kekID: String
    package let derivation: Derivation
    package let salt: [UInt8]?
    package let checkValue: [UInt8]
    package let createdAt: Timestamp
    package let retiredAt: Timestamp?

    package init(
        kekID: String,
        derivation: Derivation,
        salt: [UInt8]?,
        checkValue: [UInt8],
        createdAt: Timestamp,
        retiredAt: Timestamp? = nil
    ) {
        self.kekID = kekID
        self.derivation = derivation
        self.salt = salt
        self.checkValue = checkValue
        self.createdAt = createdAt
        self.retiredAt = retiredAt
    }

    init(_ row: Row) throws(DatabaseError) {
        kekID = try row.text("kek_id")
        derivation = try row.value("derivation")
        salt = try row.optionalBytes("salt")
        checkValue = try row.bytes("check_value")
        createdAt = try row.time("created_at")
        retiredAt = try row.optionalTime("retired_at")
    }
}

/// The check values of key-encryption keys: a wrong key is found at start-up, before it reads anything.
package struct SealingKeyStore: Sendable {
    package init() {}

    /// Records a key unless one is recorded already; replicas that start together agree on the first.
    ///
    /// - Returns: Whether this call recorded it.
    @discardableResult
    package func recordFirst(_ key: SealingKeyRecord, in tx: any Transaction) throws -> Bool {
        try lock(in: tx)
        guard try active(in: tx) == nil else { return false }
        return try tx.execute(
            """
            INSERT INTO sealing_keys (kek_id, derivation, salt, check_value, created_at)
            VALUES (\(key.kekID), \(key.derivation), \(key.salt), \(key.checkValue), \(key.createdAt))
            ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// One transaction at a time decides about keys, on whichever replica.
    package func lock(in tx: any Transaction) throws {
        // The leader row is the one that every replica can lock before any key exists.
        _ = try tx.row("SELECT id FROM scheduler_leader WHERE id = 1\(lock: .forUpdate)")
    }

    /// Makes a key the one that seals. It may be one of before.
    package func activate(_ key: SealingKeyRecord, in tx: any Transaction) throws {
        let newest = try tx.row("SELECT MAX(created_at) AS newest FROM sealing_keys")?.optionalTime("newest")
        // Later than every other one, whatever the clock did.
        let time = newest.map { max(tx.now, $0 + .microseconds(1)) } ?? tx.now
        try tx.execute(
            """
            INSERT INTO sealing_keys (kek_id, derivation, salt, check_value, created_at)
            VALUES (\(key.kekID), \(key.derivation), \(key.salt), \(key.checkValue), \(time))
            ON CONFLICT (kek_id) DO UPDATE SET created_at = excluded.created_at, retired_at = NULL
            """
        )
    }

    /// Nothing is sealed under any key but `active` any more; how many were given up.
    @discardableResult
    package func retireOthers(than active: String, in tx: any Transaction) throws -> [String] {
        try tx.rows(
            """
            UPDATE sealing_keys SET retired_at = \(tx.now) WHERE kek_id <> \(active) AND retired_at IS NULL
            RETURNING kek_id
            """
        ).map { try $0.text("kek_id") }
    }

    /// The keys that values may be sealed under.
    package func inUse(in tx: any Transaction) throws -> [SealingKeyRecord] {
        try all(in: tx).filter { $0.retiredAt == nil }
    }

    /// The key that new values are sealed with.
    package func active(in tx: any Transaction) throws -> SealingKeyRecord? {
        try tx.row(
            """
            SELECT kek_id, derivation, salt, check_value, created_at, retired_at FROM sealing_keys
            WHERE retired_at IS NULL ORDER BY created_at DESC, kek_id DESC LIMIT 1
            """
        ).map { try SealingKeyRecord($0) }
    }

    package func all(in tx: any Transaction) throws -> [SealingKeyRecord] {
        try tx.rows(
            """
            SELECT kek_id, derivation, salt, check_value, created_at, retired_at FROM sealing_keys
            ORDER BY created_at, kek_id
            """
        ).map { try SealingKeyRecord($0) }
    }
}
