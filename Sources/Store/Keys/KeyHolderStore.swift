package import Domain
package import Query

/// Whose an API key is, and whether it opens a browser session.
package struct KeyHolder: Hashable, Sendable {
    package var ownerID: UserID?
    package var mayNotLogin = false

    package init(ownerID: UserID? = nil, mayNotLogin: Bool = false) {
        self.ownerID = ownerID
        self.mayNotLogin = mayNotLogin
    }
}

/// What is known of the person behind a key; a key without a row is nobody's.
package struct KeyHolderStore: Sendable {
    package init() {}

    package func insert(_ holder: KeyHolder, of key: APIKeyID, in tx: any Transaction) throws {
        guard holder != KeyHolder() else { return }
        try tx.execute(
            """
            INSERT INTO api_key_holders (key_id, owner_user_id, may_not_login)
            VALUES (\(key), \(holder.ownerID), \(holder.mayNotLogin)) ON CONFLICT DO NOTHING
            """
        )
    }

    package func holder(of key: APIKeyID, in tx: any Transaction) throws -> KeyHolder {
        let row = try tx.row("SELECT owner_user_id, may_not_login FROM api_key_holders WHERE key_id = \(key)")
        guard let row else { return KeyHolder() }
        return KeyHolder(ownerID: try row.optionalID("owner_user_id"), mayNotLogin: try row.bool("may_not_login"))
    }

    /// Switches off every key that a user owns; which went.
    package func disableKeys(
        of owner: UserID, in tx: any Transaction
    ) throws -> [(id: APIKeyID, name: String)] {
        let keys: [(id: APIKeyID, name: String)] = try tx.rows(
            """
            UPDATE api_keys SET disabled_at = \(tx.now), updated_at = \(tx.now), row_version = row_version + 1
            WHERE disabled_at IS NULL AND revoked_at IS NULL
                AND id IN (SELECT key_id FROM api_key_holders WHERE owner_user_id = \(owner))
            RETURNING id, name
            """
        ).map { (try $0.id("id"), try $0.text("name")) }
        if !keys.isEmpty { try tx.notify(.access, payload: owner.text) }
        return keys.sorted { $0.name < $1.name }
    }
}
