package import Domain
package import Query

/// A running server and the keys that it holds.
package struct SealingKeyHolder: Hashable, Sendable {
    package let instance: String
    package let keyIDs: [String]
    /// What it seals with.
    package let activeID: String
    package let activeSince: Timestamp
}

/// Which servers run, with which keys: a key is not activated before each of them holds it.
package struct SealingKeyHolderStore: Sendable {
    /// How long a server counts as running after it was last heard of.
    package static let silence = Duration.seconds(60)

    package init() {}

    /// Notes that a server runs.
    package func note(
        _ instance: String,
        keyIDs: [String],
        activeID: String,
        in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO sealing_key_holders (instance, kek_ids, active_kek_id, active_since, seen_at)
            VALUES (\(instance), \(keyIDs.joined(separator: ",")), \(activeID), \(tx.now), \(tx.now))
            ON CONFLICT (instance) DO UPDATE SET kek_ids = excluded.kek_ids,
                active_since = CASE WHEN sealing_key_holders.active_kek_id = excluded.active_kek_id
                    THEN sealing_key_holders.active_since ELSE excluded.active_since END,
                active_kek_id = excluded.active_kek_id, seen_at = excluded.seen_at
            """
        )
    }

    /// The servers that run, by all that is known.
    package func live(in tx: any Transaction) throws -> [SealingKeyHolder] {
        try tx.rows(
            """
            SELECT instance, kek_ids, active_kek_id, active_since FROM sealing_key_holders
            WHERE seen_at > \(tx.now - Self.silence) ORDER BY instance
            """
        ).map { row in
            SealingKeyHolder(
                instance: try row.text("instance"),
                keyIDs: try row.text("kek_ids").split(separator: ",").map(String.init),
                activeID: try row.text("active_kek_id"),
                activeSince: try row.time("active_since")
            )
        }
    }

    /// Forgets a server that stops.
    package func remove(_ instance: String, in tx: any Transaction) throws {
        try tx.execute("DELETE FROM sealing_key_holders WHERE instance = \(instance)")
    }

    /// Forgets every server.
    package func removeAll(in tx: any Transaction) throws { try tx.execute("DELETE FROM sealing_key_holders") }

    /// Forgets servers that ended without saying so.
    package func purge(in tx: any Transaction) throws {
        try tx.execute("DELETE FROM sealing_key_holders WHERE seen_at <= \(tx.now - .days(1))")
    }
}
