package import Domain
package import Query

/// The API keys.
package struct KeyStore: Sendable {
    /// The least time between two notes of a key's use.
    package static let useNoteInterval = Duration.seconds(60)

    package init() {}

    static let columns: SQL = """
        id, name, token_id, admin, created_by, created_at, expires_at, last_used_at, last_used_ip, revoked_at,
        disabled_at, managed_by, allowed_cidrs, bound_agent_id, previous_token_id, previous_expires_at, row_version
        """
    private static let rules = [
        UniqueRule(constraint: "api_keys_name_key", entity: .key, field: "name"),
        UniqueRule(constraint: "api_keys_pkey", entity: .key, field: "id"),
    ]

    @discardableResult
    package func insert(_ new: NewAPIKey, in tx: any Transaction) throws -> APIKey {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO api_keys (
                    id, name, token_id, key_hash, hash_alg, admin, created_by, created_at, updated_at, expires_at,
                    managed_by, allowed_cidrs
                ) VALUES (
                    \(new.id), \(new.name), \(new.tokenID), \(new.hash.hex), \(new.hash.algorithm), \(new.isAdmin),
                    \(new.createdBy), \(tx.now), \(tx.now), \(new.expiresAt), \(new.origin),
                    \(JSONColumn.value(new.allowedNetworks))
                ) RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try APIKey(rows.onlyRow())
    }

    package func find(_ id: APIKeyID, in tx: any Transaction) throws -> APIKey? {
        try tx.row("SELECT \(fragment: Self.columns) FROM api_keys WHERE id = \(id)").map { try APIKey($0) }
    }

    /// The key of a name that is not revoked.
    package func find(name: String, in tx: any Transaction) throws -> APIKey? {
        try tx.row(
            "SELECT \(fragment: Self.columns) FROM api_keys WHERE name = \(name) AND revoked_at IS NULL"
        ).map { try APIKey($0) }
    }

    /// The key of the public part of a token, whatever its state: the caller checks hash, expiry and revocation so
    /// that all refusals look alike.
    package func candidate(tokenID: String, in tx: any Transaction) throws -> KeyCandidate? {
        try candidate(current: "token_id = \(tokenID)", previous: "previous_token_id = \(tokenID)", in: tx)
    }

    /// The key of an opaque token, by its hash.
    package func candidate(hash: KeyHash, in tx: any Transaction) throws -> KeyCandidate? {
        try candidate(
            current: "key_hash = \(hash.hex) AND hash_alg = \(hash.algorithm)",
            previous: "previous_key_hash = \(hash.hex) AND previous_hash_alg = \(hash.algorithm)",
            in: tx
        )
    }

    private func candidate(current: SQL, previous: SQL, in tx: any Transaction) throws -> KeyCandidate? {
        let row = try tx.row(
            """
            SELECT \(fragment: Self.columns), key_hash AS hash, hash_alg AS alg, FALSE AS is_previous
            FROM api_keys WHERE \(fragment: current)
            UNION ALL
            SELECT \(fragment: Self.columns), previous_key_hash AS hash, previous_hash_alg AS alg,
                TRUE AS is_previous
            FROM api_keys WHERE \(fragment: previous)
            LIMIT 1
            """
        )
        return try row.map { row in
            KeyCandidate(
                key: try APIKey(row),
                hash: KeyHash(hex: try row.text("hash"), algorithm: try row.value("alg")),
                acceptedUntil: try row.bool("is_previous") ? row.optionalTime("previous_expires_at") : nil
            )
        }
    }

    /// Replaces a hash by one of a better algorithm, after the token was verified.
    package func upgradeHash(of id: APIKeyID, from old: KeyHash, to new: KeyHash, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE api_keys SET key_hash = \(new.hex), hash_alg = \(new.algorithm), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND key_hash = \(old.hex)
            """
        )
    }

    /// Notes that a key was used, at most once a minute; whether it noted.
    @discardableResult
    package func noteUse(of id: APIKeyID, from address: String, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE api_keys SET last_used_at = \(tx.now), last_used_ip = \(address)
            WHERE id = \(id) AND (last_used_at IS NULL OR last_used_at <= \(tx.now - Self.useNoteInterval))
            """
        ) == 1
    }

    /// Replaces the token; the old one stays valid until `overlapEnd`.
    package func rotate(
        _ id: APIKeyID,
        tokenID: String?,
        hash: KeyHash,
        overlapEnd: Timestamp,
        in tx: any Transaction
    ) throws -> APIKey {
        let row = try tx.row(
            """
            UPDATE api_keys SET previous_token_id = token_id, previous_key_hash = key_hash,
                previous_hash_alg = hash_alg, previous_expires_at = \(overlapEnd), token_id = \(tokenID),
                key_hash = \(hash.hex), hash_alg = \(hash.algorithm), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND revoked_at IS NULL RETURNING \(fragment: Self.columns)
            """
        )
        guard let row else { throw StoreError.notFound(.key, id: id.text) }
        let key = try APIKey(row)
        try tx.notify(.access, payload: key.name)
        return key
    }

    /// Ends a key for good, and with it the grants of its name, so that a later key of the name starts with none.
    ///
    /// - Returns: The key; `nil` when it was unknown or revoked before.
    package func revoke(_ id: APIKeyID, in tx: any Transaction) throws -> APIKey? {
        let row = try tx.row(
            """
            UPDATE api_keys SET revoked_at = \(tx.now), previous_token_id = NULL, previous_key_hash = NULL,
                previous_hash_alg = NULL, previous_expires_at = NULL, updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND revoked_at IS NULL RETURNING \(fragment: Self.columns)
            """
        )
        guard let row else { return nil }
        let key = try APIKey(row)
        try tx.execute("DELETE FROM actor_roles WHERE actor_id = \(key.name) AND actor_type = 'APIKey'")
        try tx.notify(.access, payload: key.name)
        return key
    }

    /// Every key that is not revoked, by name.
    package func active(limit: Int, in tx: any Transaction) throws -> [APIKey] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM api_keys WHERE revoked_at IS NULL ORDER BY name LIMIT \(limit)
            """
        ).map { try APIKey($0) }
    }
}
