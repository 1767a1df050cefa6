package import Domain
package import Query

/// Nonces that were used. Each authenticates itself, so that only its redemption is written.
package struct ACMENonceStore: Sendable {
    package init() {}

    /// Uses a nonce; false when it was used before.
    package func redeem(_ nonce: String, until expiry: Timestamp, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            "INSERT INTO acme_nonces (nonce, expires_at) VALUES (\(nonce), \(expiry)) ON CONFLICT DO NOTHING"
        ) == 1
    }

    /// Forgets nonces that nobody can use any more.
    package func purge(limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM acme_nonces WHERE nonce IN (
                SELECT nonce FROM acme_nonces WHERE expires_at <= \(tx.now) ORDER BY expires_at LIMIT \(limit)
            )
            """
        )
    }
}
