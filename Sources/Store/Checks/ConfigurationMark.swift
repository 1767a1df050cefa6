package import Query

/// Tells whether something was changed by which protocols are served: profiles, issuers, or CAs.
package struct ConfigurationMark: Hashable, Sendable {
    private let numbers: [Int]

    /// The present state of the database.
    package init(in tx: any Transaction) throws {
        numbers = try ["certificate_profiles", "issuers", "issuer_ca", "intermediate_cas"].flatMap { (table: SQL) in
            let row = try tx.row(
                "SELECT COUNT(*) AS rows_now, CAST(COALESCE(SUM(row_version), 0) AS BIGINT) AS versions FROM \(fragment: table)"
            )
            return [try row?.int("rows_now") ?? 0, try row?.int("versions") ?? 0]
        }
    }
}
