package import Domain
package import Query

/// The cells of limits that replicas share: until when the attempts of a key are paid for.
package struct RateCellStore: Sendable {
    /// What an attempt led to, in microseconds since 1970.
    package enum Outcome: Hashable, Sendable {
        /// The attempt was counted; the key is paid for until then.
        case counted(paidUntil: Int64)
        /// Nothing was changed.
        case refused(paidUntil: Int64)
    }

    package init() {}

    /// Counts one attempt in one statement, so that of two at the same time each is counted.
    ///
    /// A cell that lies further ahead than `allowance` was written by a clock that has been set back since, or under
    /// another setting; it begins anew.
    ///
    /// - `cost`: Microseconds that one attempt is worth.
    /// - `allowance`: Microseconds that a key may be ahead of the clock.
    package func take(_ key: String, cost: Int64, allowance: Int64, in tx: any Transaction) throws -> Outcome {
        let now = tx.now.microsecondsSinceEpoch
        let counted = try tx.row(
            """
            INSERT INTO rate_limit_cells (bucket_key, paid_until, updated_at)
            VALUES (\(key), \(Int(now + cost)), \(tx.now))
            ON CONFLICT (bucket_key) DO UPDATE SET
                paid_until = CASE
                    WHEN rate_limit_cells.paid_until > \(Int(now)) AND rate_limit_cells.paid_until <= \(Int(now + allowance))
                    THEN rate_limit_cells.paid_until + \(Int(cost)) ELSE excluded.paid_until END,
                updated_at = excluded.updated_at
            WHERE rate_limit_cells.paid_until <= \(Int(now + allowance - cost))
                OR rate_limit_cells.paid_until > \(Int(now + allowance))
            RETURNING paid_until
            """
        )
        if let counted { return .counted(paidUntil: Int64(try counted.int("paid_until"))) }
        let stored = try tx.row("SELECT paid_until FROM rate_limit_cells WHERE bucket_key = \(key)")
        return .refused(paidUntil: try stored.map { Int64(try $0.int("paid_until")) } ?? now + allowance)
    }

    /// Removes cells that nobody touched since `before`.
    ///
    /// - Returns: How many.
    package func purge(before: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM rate_limit_cells WHERE bucket_key IN (
                SELECT bucket_key FROM rate_limit_cells WHERE updated_at < \(before) ORDER BY updated_at LIMIT \(limit)
            )
            """
        )
    }
}

/// The servers that share a database, as far as they said so lately.
package struct ReplicaStore: Sendable {
    /// A replica that was silent for so long counts no more.
    package static let silence = Duration.seconds(20)

    package init() {}

    /// Notes that `instance` lives, and forgets those that fell silent.
    ///
    /// - Returns: How many live, this one included.
    package func note(_ instance: String, in tx: any Transaction) throws -> Int {
        try tx.execute("DELETE FROM server_replicas WHERE seen_at < \(tx.now - Self.silence)")
        try tx.execute(
            """
            INSERT INTO server_replicas (instance, seen_at) VALUES (\(instance), \(tx.now))
            ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at
            """
        )
        return try tx.row("SELECT COUNT(*) AS n FROM server_replicas")?.int("n") ?? 1
    }
}
