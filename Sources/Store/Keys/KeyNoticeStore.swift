package import Domain
package import Query

/// What was said about a key; each is said once about one end or one last use.
package enum KeyNoticeKind: String, Sendable, CaseIterable, Bindable {
    case expiresInMonth = "expires_30d"
    case expiresInWeek = "expires_7d"
    case expiresInDay = "expires_1d"
    case expired
    case unused
}

/// API keys that end or that nobody uses, and what was said about them (specification, security §2.2).
package struct KeyNoticeStore: Sendable {
    /// The earliest notice of an end.
    package static let horizon = Duration.days(30)

    private static let columns: SQL = """
        k.id, k.name, k.token_id, k.admin, k.created_by, k.created_at, k.expires_at, k.last_used_at, k.last_used_ip,
        k.revoked_at, k.disabled_at, k.managed_by, k.allowed_cidrs, k.bound_agent_id, k.previous_token_id,
        k.previous_expires_at, k.row_version
        """

    package init() {}

    /// Notes that something is said; false when it was said before.
    package func note(
        _ kind: KeyNoticeKind, of key: APIKeyID, about time: Timestamp, in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO api_key_notices (api_key_id, kind, about, noticed_at)
            VALUES (\(key), \(kind), \(time), \(tx.now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Keys that end before `horizon` or have ended, without those whose end was told; by identifier, after one.
    package func ending(
        before horizon: Timestamp, after position: String, limit: Int, in tx: any Transaction
    ) throws -> [APIKey] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM api_keys k
            WHERE k.revoked_at IS NULL AND k.disabled_at IS NULL AND k.expires_at <= \(horizon) AND k.id > \(position)
                AND NOT EXISTS (SELECT 1 FROM api_key_notices n
                    WHERE n.api_key_id = k.id AND n.kind = 'expired' AND n.about = k.expires_at)
            ORDER BY k.id LIMIT \(limit)
            """
        ).map { try APIKey($0) }
    }

    /// Keys that work and that nobody has used, changed or made since `start`; by identifier, after one.
    package func unused(
        since start: Timestamp, after position: String, limit: Int, in tx: any Transaction
    ) throws -> [APIKey] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM api_keys k
            WHERE k.id > \(position) AND \(fragment: Self.isUnused(since: start, at: tx.now))
            ORDER BY k.id LIMIT \(limit)
            """
        ).map { try APIKey($0) }
    }

    /// Whether that is still so of a key.
    package func isUnused(_ key: APIKeyID, since start: Timestamp, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one FROM api_keys k
            WHERE k.id = \(key) AND \(fragment: Self.isUnused(since: start, at: tx.now))
            """
        ) != nil
    }

    /// A change of the key, such as switching it on again, is a sign that somebody cares.
    private static func isUnused(since start: Timestamp, at now: Timestamp) -> SQL {
        """
        k.revoked_at IS NULL AND k.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > \(now))
            AND COALESCE(k.last_used_at, k.created_at) <= \(start) AND k.updated_at <= \(start)
        """
    }
}
