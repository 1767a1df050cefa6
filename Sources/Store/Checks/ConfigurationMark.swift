package import Query

/// Tells whether something was changed by which protocols are served, or that they can be: profiles, issuers, CAs, and
/// revocation lists that come to their end.
package struct ConfigurationMark: Hashable, Sendable {
    private let numbers: [Int]

    /// The present state of the database.
    package init(in tx: any Transaction) throws {
        let ending = try tx.row("SELECT COUNT(*) AS lists FROM crl_cache WHERE alerted_at IS NOT NULL")
        numbers =
            try [try ending?.int("lists") ?? 0]
            + ["certificate_profiles", "issuers", "issuer_ca", "intermediate_cas"].flatMap { (table: SQL) in
                let row = try tx.row(
                    "SELECT COUNT(*) AS rows_now, CAST(COALESCE(SUM(row_version), 0) AS BIGINT) AS versions FROM \(fragment: table)"
                )
                return [try row?.int("rows_now") ?? 0, try row?.int("versions") ?? 0]
            }
    }
}
