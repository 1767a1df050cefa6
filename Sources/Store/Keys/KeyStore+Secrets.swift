package import Domain
package import Query

extension KeyStore {
    /// Ends the value that a rotation replaced, before its time.
    package func dropPrevious(of id: APIKeyID, in tx: any Transaction) throws -> APIKey {
        try change(
            id,
            """
            previous_token_id = NULL, previous_key_hash = NULL, previous_hash_alg = NULL, previous_expires_at = NULL
            """,
            in: tx)
    }

    /// Ends the value of now: the one before is the key's only value again, and ends when it was to end.
    package func restorePrevious(of id: APIKeyID, until end: Timestamp, in tx: any Transaction) throws -> APIKey {
        try change(
            id,
            """
            token_id = previous_token_id, key_hash = previous_key_hash, hash_alg = previous_hash_alg,
            previous_token_id = NULL, previous_key_hash = NULL, previous_hash_alg = NULL, previous_expires_at = NULL,
            expires_at = \(end)
            """,
            in: tx)
    }

    private func change(_ id: APIKeyID, _ assignments: SQL, in tx: any Transaction) throws -> APIKey {
        let row = try tx.row(
            """
            UPDATE api_keys SET \(fragment: assignments), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND revoked_at IS NULL AND previous_key_hash IS NOT NULL
            RETURNING \(fragment: Self.columns)
            """
        )
        guard let row else { throw StoreError.notFound(.key, id: id.text) }
        let key = try APIKey(row)
        try tx.notify(.access, payload: key.name)
        return key
    }
}
