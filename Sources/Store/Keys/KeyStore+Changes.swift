package import Domain
package import Query

/// What an operator changes about a key without touching its value.
package struct KeyChange: Hashable, Sendable {
    package var expiresAt: Timestamp?
    package var isDisabled: Bool
    package var allowedNetworks: [String]

    package init(of key: APIKey) {
        expiresAt = key.expiresAt
        isDisabled = key.disabledAt != nil
        allowedNetworks = key.allowedNetworks
    }
}

extension KeyStore {
    /// The key of a name that is not revoked, locked until the transaction ends.
    package func lock(name: String, in tx: any Transaction) throws -> APIKey? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM api_keys
            WHERE name = \(name) AND revoked_at IS NULL\(lock: .forUpdate)
            """
        ).map { try APIKey($0) }
    }

    package func update(
        _ id: APIKeyID,
        _ change: KeyChange,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> APIKey {
        let disabledAt: SQL = change.isDisabled ? "COALESCE(disabled_at, \(tx.now))" : "NULL"
        let row = try tx.row(
            """
            UPDATE api_keys SET expires_at = \(change.expiresAt), disabled_at = \(fragment: disabledAt),
                allowed_cidrs = \(JSONColumn.value(change.allowedNetworks)), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version)) AND revoked_at IS NULL
            RETURNING \(fragment: Self.columns)
            """
        )
        guard let row else {
            throw UpdateGuard.refusal(.key, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        let key = try APIKey(row)
        try tx.notify(.access, payload: key.name)
        return key
    }

    /// When a key of this name was last revoked.
    package func lastRevocation(ofName name: String, in tx: any Transaction) throws -> Timestamp? {
        try tx.row("SELECT MAX(revoked_at) AS last FROM api_keys WHERE name = \(name)")?.optionalTime("last")
    }

    /// Every key that is not revoked and that the environment declared.
    package func environmentKeys(in tx: any Transaction) throws -> [APIKey] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM api_keys WHERE managed_by = 'env' AND revoked_at IS NULL
            ORDER BY name
            """
        ).map { try APIKey($0) }
    }

    /// Gives an environment key the values that the environment declares now, and switches it on.
    ///
    /// - `previous`: The second value, when the environment declares two; it is accepted as long as it stays declared.
    /// - Returns: Whether anything changed.
    package func declare(
        _ id: APIKeyID,
        hash: KeyHash,
        previous: KeyHash?,
        until end: Timestamp,
        in tx: any Transaction
    ) throws -> Bool {
        let changed =
            try tx.execute(
                """
                UPDATE api_keys SET key_hash = \(hash.hex), hash_alg = \(hash.algorithm), previous_token_id = NULL,
                    previous_key_hash = \(previous?.hex), previous_hash_alg = \(previous?.algorithm),
                    previous_expires_at = \(previous == nil ? nil : end), disabled_at = NULL, updated_at = \(tx.now),
                    row_version = row_version + 1
                WHERE id = \(id) AND (
                    key_hash <> \(hash.hex) OR COALESCE(previous_key_hash, '') <> \(previous?.hex ?? "")
                    OR disabled_at IS NOT NULL
                )
                """
            ) == 1
        if changed { try tx.notify(.access, payload: id.text) }
        return changed
    }

    /// Binds a key to the first agent that it is used for; the agent that it is bound to afterwards.
    package func bind(_ id: APIKeyID, to agent: AgentID, in tx: any Transaction) throws -> AgentID? {
        try tx.execute(
            """
            UPDATE api_keys SET bound_agent_id = \(agent), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND bound_agent_id IS NULL AND revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM agents WHERE id = \(agent))
            """
        )
        return try find(id, in: tx)?.boundAgent
    }
}
