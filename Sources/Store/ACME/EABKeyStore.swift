package import Domain
package import Query

/// The keys of external account bindings.
package struct EABKeyStore: Sendable {
    package static let table = "acme_eab_keys"
    package static let column = "hmac_key_encrypted"

    package init() {}

    package func insert(_ new: NewEABKey, in tx: any Transaction) throws -> EABKey {
        var references = ReferenceCheck()
        references.expect(new.ownerID, in: .owners, as: "owner_id")
        references.expect(new.teamID, in: .teams, as: "team_id")
        references.expect(new.profileID, in: .profiles, as: "profile_id")
        try references.verify(in: tx)
        let rows = try tx.rows(
            """
            INSERT INTO acme_eab_keys (
                id, profile_id, label, hmac_key_encrypted, owner_id, team_id, allowed_identifiers, max_accounts,
                expires_at, created_by, created_at
            ) VALUES (
                \(new.id), \(new.profileID), \(new.label), \(new.sealedKey), \(new.ownerID), \(new.teamID),
                \(JSONColumn.value(new.allowedIdentifiers)), \(new.maxAccounts), \(new.expiresAt), \(new.createdBy),
                \(tx.now)
            ) RETURNING \(fragment: EABKey.columns)
            """
        )
        return try EABKey(rows.onlyRow())
    }

    package func find(_ id: EABKeyID, in tx: any Transaction) throws -> EABKey? {
        try tx.row("SELECT \(fragment: EABKey.columns) FROM acme_eab_keys WHERE id = \(id)").map { try EABKey($0) }
    }

    package func sealedKey(of id: EABKeyID, in tx: any Transaction) throws -> [UInt8]? {
        try tx.row("SELECT hmac_key_encrypted FROM acme_eab_keys WHERE id = \(id)")?.bytes("hmac_key_encrypted")
    }

    /// Counts one account on a key; `nil` when it opens none any more. The count never goes down, whatever becomes of accounts.
    package func use(
        _ id: EABKeyID, for profile: ProfileID, opening account: ACMEAccountID, in tx: any Transaction
    ) throws -> EABKey? {
        try tx.row(
            """
            UPDATE acme_eab_keys SET used_count = used_count + 1, bound_account_id = \(account)
            WHERE id = \(id) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > \(tx.now))
                AND (max_accounts IS NULL OR used_count < max_accounts)
                AND (profile_id IS NULL OR profile_id = \(profile))
            RETURNING \(fragment: EABKey.columns)
            """
        ).map { try EABKey($0) }
    }

    /// Ends a key; `nil` when it was ended before. Accounts that it opened stay.
    package func revoke(_ id: EABKeyID, in tx: any Transaction) throws -> EABKey? {
        try tx.row(
            """
            UPDATE acme_eab_keys SET revoked_at = \(tx.now) WHERE id = \(id) AND revoked_at IS NULL
            RETURNING \(fragment: EABKey.columns)
            """
        ).map { try EABKey($0) }
    }

    package func list(
        _ request: ListRequest<EABKeyFilter, EABKeySort>, in tx: any Transaction
    ) throws -> Page<EABKey> {
        let listing = Listing(
            request, columns: EABKey.columns, source: "acme_eab_keys", conditions: [], key: "created_at", id: "id")
        return try listing.page(request.page, total: request.total, in: tx) { try EABKey($0) }
    }
}
