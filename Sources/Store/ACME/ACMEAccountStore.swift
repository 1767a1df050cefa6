package import Domain
package import Encoding
package import Query

/// The accounts of the ACME server.
package struct ACMEAccountStore: Sendable {
    package init() {}

    /// Stores an account; `nil` when the key has one under this profile already.
    package func insert(_ new: NewACMEAccount, in tx: any Transaction) throws -> ACMEAccount? {
        try tx.row(
            """
            INSERT INTO acme_accounts (
                account_id, profile_id, jwk_thumbprint, jwk_pem, contact, status, terms_agreed, owner_id, team_id,
                eab_key_id, eab_binding, allowed_identifiers, created_at, updated_at
            ) VALUES (
                \(new.id), \(new.profileID), \(new.thumbprint), \(ACMEAccountKeyText.encode(new.jwk)),
                \(JSONColumn.value(new.contact)), \(ACMEAccountStatus.valid), \(new.termsAgreed), \(new.ownerID),
                \(new.teamID), \(new.eabKeyID), \(new.eabBinding.map { JSONColumn.value($0) }),
                \(JSONColumn.value(new.allowedIdentifiers)), \(tx.now), \(tx.now)
            ) ON CONFLICT (profile_id, jwk_thumbprint) DO NOTHING RETURNING \(fragment: ACMEAccount.columns)
            """
        ).map { try ACMEAccount($0) }
    }

    package func find(_ id: ACMEAccountID, in tx: any Transaction) throws -> ACMEAccount? {
        try tx.row("SELECT \(fragment: ACMEAccount.columns) FROM acme_accounts WHERE account_id = \(id)")
            .map { try ACMEAccount($0) }
    }

    /// An account, and in which state a profile is; `nil` where there is no such profile.
    package func find(
        _ id: ACMEAccountID?, beside profile: ProfileID, in tx: any Transaction
    ) throws -> (profile: ProfileMark, account: ACMEAccount?)? {
        let row = try tx.row(
            """
            SELECT profile_row_version, profile_created_at, profile_updated_at, \(fragment: ACMEAccount.columns)
            FROM (
                SELECT \(fragment: ProfileMark.columns) FROM certificate_profiles p WHERE p.id = \(profile)
            ) AS profile LEFT JOIN acme_accounts ON account_id = \(id)
            """
        )
        guard let row else { return nil }
        let isFound = try row.optionalText("account_id") != nil
        return (try ProfileMark(row), isFound ? try ACMEAccount(row) : nil)
    }

    /// The account, locked until the transaction ends: each change of its key or status starts here.
    package func lock(_ id: ACMEAccountID, in tx: any Transaction) throws -> ACMEAccount? {
        try tx.row(
            """
            SELECT \(fragment: ACMEAccount.columns) FROM acme_accounts WHERE account_id = \(id)\(lock: .forUpdate)
            """
        ).map { try ACMEAccount($0) }
    }

    package func find(
        thumbprint: String, profile: ProfileID, in tx: any Transaction
    ) throws -> ACMEAccount? {
        try tx.row(
            """
            SELECT \(fragment: ACMEAccount.columns) FROM acme_accounts
            WHERE profile_id = \(profile) AND jwk_thumbprint = \(thumbprint)
            """
        ).map { try ACMEAccount($0) }
    }

    /// Replaces the contacts, or the terms that were agreed to, of a valid account; `nil` when it is none.
    package func update(
        _ id: ACMEAccountID, contact: [String], termsAgreed: String?, in tx: any Transaction
    ) throws -> ACMEAccount? {
        try tx.row(
            """
            UPDATE acme_accounts SET contact = \(JSONColumn.value(contact)), terms_agreed = \(termsAgreed),
                row_version = row_version + 1, updated_at = \(tx.now)
            WHERE account_id = \(id) AND status = 'valid' RETURNING \(fragment: ACMEAccount.columns)
            """
        ).map { try ACMEAccount($0) }
    }

    /// Ends a valid account; `nil` when it is none.
    package func end(
        _ id: ACMEAccountID, as status: ACMEAccountStatus, in tx: any Transaction
    ) throws -> ACMEAccount? {
        try tx.row(
            """
            UPDATE acme_accounts SET status = \(status), row_version = row_version + 1, updated_at = \(tx.now)
            WHERE account_id = \(id) AND status = 'valid' RETURNING \(fragment: ACMEAccount.columns)
            """
        ).map { try ACMEAccount($0) }
    }

    /// Puts another key in the place of `old` (RFC 8555 §7.3.5); `nil` when the account changed meanwhile.
    package func replaceKey(
        of id: ACMEAccountID, thumbprint: String, jwk: JSONValue, old: String, in tx: any Transaction
    ) throws -> ACMEAccount? {
        try tx.row(
            """
            UPDATE acme_accounts SET jwk_thumbprint = \(thumbprint), jwk_pem = \(ACMEAccountKeyText.encode(jwk)),
                row_version = row_version + 1, updated_at = \(tx.now)
            WHERE account_id = \(id) AND status = 'valid' AND jwk_thumbprint = \(old)
            RETURNING \(fragment: ACMEAccount.columns)
            """
        ).map { try ACMEAccount($0) }
    }

    /// The keys of valid accounts, as JSON.
    package func keys(in tx: any Transaction) throws -> [JSONValue] {
        try tx.rows("SELECT jwk_pem FROM acme_accounts WHERE status = 'valid'")
            .compactMap { ACMEAccountKeyText.decode(try $0.text("jwk_pem")) }
    }

    // MARK: Accounts that are gone

    /// Deletes accounts that ended before then and of which nothing else is left; their keys stay known.
    package func purge(endedBefore time: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        let gone = try tx.rows(
            """
            INSERT INTO acme_ended_accounts (account_id, profile_id, jwk_thumbprint, status, ended_at)
            SELECT k.account_id, k.profile_id, k.jwk_thumbprint, k.status, k.updated_at FROM acme_accounts k
            WHERE k.status <> 'valid' AND k.updated_at <= \(time)
                AND NOT EXISTS (SELECT 1 FROM acme_orders o WHERE o.account_id = k.account_id)
                AND NOT EXISTS (SELECT 1 FROM acme_authorizations a WHERE a.account_id = k.account_id)
            ORDER BY k.updated_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            ON CONFLICT DO NOTHING RETURNING account_id
            """
        ).map { row -> ACMEAccountID in try row.id("account_id") }
        guard !gone.isEmpty else { return 0 }
        return try tx.execute("DELETE FROM acme_accounts WHERE account_id IN \(list: gone)")
    }

    /// An account that ended and is deleted.
    package func gone(_ id: ACMEAccountID, in tx: any Transaction) throws -> GoneACMEAccount? {
        try tx.row(
            """
            SELECT \(fragment: GoneACMEAccount.columns) FROM acme_ended_accounts WHERE account_id = \(id)
            """
        ).map { try GoneACMEAccount($0) }
    }

    /// The same by its key.
    package func gone(
        thumbprint: String, profile: ProfileID, in tx: any Transaction
    ) throws -> GoneACMEAccount? {
        try tx.row(
            """
            SELECT \(fragment: GoneACMEAccount.columns) FROM acme_ended_accounts
            WHERE profile_id = \(profile) AND jwk_thumbprint = \(thumbprint)
            """
        ).map { try GoneACMEAccount($0) }
    }

    package func list(
        _ request: ListRequest<ACMEAccountFilter, ACMEAccountSort>, in tx: any Transaction
    ) throws -> Page<ACMEAccount> {
        var conditions: [SQL] = []
        if !request.filter.profileIDs.isEmpty { conditions.append("profile_id IN \(list: request.filter.profileIDs)") }
        if !request.filter.statuses.isEmpty { conditions.append("status IN \(list: request.filter.statuses)") }
        let listing = Listing(
            request, columns: ACMEAccount.columns, source: "acme_accounts", conditions: conditions, key: "created_at",
            id: "account_id")
        return try listing.page(request.page, total: request.total, in: tx) { try ACMEAccount($0) }
    }
}
