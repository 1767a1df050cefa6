package import Domain
package import Encoding
package import Query

/// Which orders take the place of certificates, and which certificates are wanted to be replaced (RFC 9773).
extension ACMEOrderStore {
    /// Where the orders of an account stand that take the place of a certificate: all but one are `invalid`. What time alone
    /// ended counts as that.
    package func statuses(
        replacing certificate: String, by account: ACMEAccountID, in tx: any Transaction
    ) throws -> [ACMEOrderStatus] {
        try tx.rows(
            """
            SELECT CASE WHEN status IN ('pending', 'ready') AND expires_at <= \(tx.now) THEN 'invalid' ELSE status END
                AS status
            FROM acme_orders WHERE account_id = \(account) AND replaces = \(certificate)
            """
        ).map { try $0.value("status") }
    }

    /// Ends the order of an account that takes the place of a certificate and ran out of time; `nil` when there is none.
    package func expire(
        replacing certificate: String, by account: ACMEAccountID, error: JSONValue, in tx: any Transaction
    ) throws -> ACMEOrderID? {
        try tx.row(
            """
            UPDATE acme_orders SET status = 'invalid', error = \(JSONColumn.value(error)), updated_at = \(tx.now)
            WHERE account_id = \(account) AND replaces = \(certificate) AND status IN ('pending', 'ready')
                AND expires_at <= \(tx.now) RETURNING order_id
            """
        )?.id("order_id")
    }

    /// Whether an order other than this one is being issued for a certificate.
    package func isBusy(
        _ certificate: CertificateID, besides order: ACMEOrderID, in tx: any Transaction
    ) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one FROM acme_orders
            WHERE certificate_id = \(certificate) AND status = 'processing' AND order_id <> \(order) LIMIT 1
            """
        ) != nil
    }

    /// Marks what was issued and has not expired as to be replaced.
    ///
    /// - Returns: How many meet the criteria, those that were marked before included.
    package func askReplacement(_ criteria: ACMEReplacementCriteria, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE acme_orders SET replacement_asked_at = COALESCE(replacement_asked_at, \(tx.now))
            WHERE \(fragment: Self.issued(criteria, at: tx.now))
            """
        )
    }

    /// Takes the marks of unexpired certificates away again.
    ///
    /// - Returns: How many were marked.
    package func withdrawReplacement(_ criteria: ACMEReplacementCriteria, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE acme_orders SET replacement_asked_at = NULL
            WHERE replacement_asked_at IS NOT NULL AND \(fragment: Self.issued(criteria, at: tx.now))
            """
        )
    }

    /// Orders whose certificates meet the criteria and have not expired.
    private static func issued(_ criteria: ACMEReplacementCriteria, at now: Timestamp) -> SQL {
        var orders: SQL = ""
        // The profile that the client chose, which need not be that of its directory.
        if let profile = criteria.profileID { orders = " AND profile_id = \(profile)" }
        if let account = criteria.accountID { orders += " AND account_id = \(account)" }
        var versions: SQL = ""
        if let issuer = criteria.issuerID { versions = " AND v.issuer_id = \(issuer)" }
        if !criteria.certificateIDs.isEmpty {
            versions += " AND v.certificate_id IN \(list: criteria.certificateIDs)"
        }
        return """
            status = 'valid'\(fragment: orders) AND version_id IN (
                SELECT v.id FROM certificate_versions v WHERE v.not_after > \(now)\(fragment: versions)
            )
            """
    }

    /// Whether an operator asked for a version to be replaced.
    package func isReplacementAsked(of version: VersionID, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one FROM acme_orders WHERE version_id = \(version) AND replacement_asked_at IS NOT NULL LIMIT 1
            """
        ) != nil
    }
}
