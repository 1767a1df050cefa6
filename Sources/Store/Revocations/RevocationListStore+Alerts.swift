package import Domain
package import Query

/// A list that comes to its end while no newer one can be made, or that did.
package struct EndingList: Hashable, Sendable {
    package let authorityID: AuthorityID
    package let issuerID: IssuerID
    package let scope: RevocationListScope
    package let number: Int
    package let nextUpdate: Timestamp
}

// Which lists come to their end (protocol-servers §5.2: less than a quarter of the validity is left), and of which it was
// told.
extension RevocationListStore {
    private static let columns: SQL = "authority_id, issuer_id, scope, crl_number, next_update"

    /// Notes of the lists of an authority that come to their end that it is told of them.
    ///
    /// - Returns: Those of which it was not told yet: each once until another list is in its place.
    package func alert(
        of authority: AuthorityID, at now: Timestamp, in tx: any Transaction
    ) throws -> [EndingList] {
        try tx.rows(
            """
            UPDATE crl_cache SET alerted_at = \(now)
            WHERE authority_id = \(authority) AND ending_at <= \(now) AND alerted_at IS NULL
            RETURNING \(fragment: Self.columns)
            """
        ).map { try EndingList($0) }.sorted { $0.scope.description < $1.scope.description }
    }

    /// The lists that somebody was told of and that are still there.
    package func alerted(in tx: any Transaction) throws -> [EndingList] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM crl_cache WHERE alerted_at IS NOT NULL ORDER BY authority_id, scope
            """
        ).map { try EndingList($0) }
    }

    /// The list in a place, when somebody was told of it.
    package func alerted(
        _ scope: RevocationListScope, of authority: AuthorityID, in tx: any Transaction
    ) throws -> EndingList? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM crl_cache
            WHERE authority_id = \(authority) AND scope = \(scope.description) AND alerted_at IS NOT NULL
            """
        ).map { try EndingList($0) }
    }

    /// Takes back that somebody was told of a list.
    ///
    /// - Returns: Whether somebody was.
    package func endAlert(of list: EndingList, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE crl_cache SET alerted_at = NULL
            WHERE authority_id = \(list.authorityID) AND scope = \(list.scope.description) AND alerted_at IS NOT NULL
            """
        ) == 1
    }

    /// How many lists of each authority come to their end, for the figures; 0 of those whose lists do not. CAs that have
    /// ended need none any more.
    package func endingCounts(
        at now: Timestamp, in tx: any Transaction
    ) throws -> [(authority: AuthorityID, count: Int)] {
        try tx.rows(
            """
            SELECT l.authority_id, SUM(CASE WHEN l.ending_at <= \(now) THEN 1 ELSE 0 END) AS ending
            FROM crl_cache l LEFT JOIN intermediate_cas c ON c.id = l.authority_id
            WHERE c.id IS NULL OR c.not_after > \(now)
            GROUP BY l.authority_id ORDER BY l.authority_id
            """
        ).map { (try $0.id("authority_id"), try $0.int("ending")) }
    }
}

extension EndingList {
    fileprivate init(_ row: Row) throws {
        authorityID = try row.id("authority_id")
        issuerID = try row.id("issuer_id")
        let text = try row.text("scope")
        guard let scope = RevocationListScope(text) else { throw StoreError.notFound(.authority, id: text) }
        self.scope = scope
        number = try row.int("crl_number")
        nextUpdate = try row.time("next_update")
    }
}
