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

    /// Uses a nonce for a request of an account; false when it was used before, when the account or the profile has changed
    /// since they were read, or when the account has ended.
    package func redeem(
        _ nonce: String, until expiry: Timestamp, while account: ACMEAccount, beside profile: ProfileMark,
        in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO acme_nonces (nonce, expires_at)
            SELECT CAST(\(nonce) AS TEXT), \(expiry) FROM acme_accounts k JOIN certificate_profiles p ON p.id = k.profile_id
            WHERE k.account_id = \(account.id) AND k.status = 'valid' AND k.row_version = \(account.rowVersion)
                AND k.jwk_thumbprint = \(account.thumbprint) AND p.row_version = \(profile.rowVersion)
                AND p.created_at = \(profile.createdAt) AND p.updated_at = \(profile.updatedAt)
            ON CONFLICT DO NOTHING
            """
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
