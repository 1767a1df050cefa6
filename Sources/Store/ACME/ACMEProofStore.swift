package import Domain
import Encoding
package import Query

/// What accounts proved, and where they failed to.
package struct ACMEProofStore: Sendable {
    package init() {}

    /// How the names of an order were proved.
    package func proofs(of order: ACMEOrderID, in tx: any Transaction) throws -> [ACMEProof] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEProof.columns) FROM \(fragment: ACMEProof.source)
            WHERE a.order_id = \(order) AND a.status = 'valid' AND c.status = 'valid'
            ORDER BY a.position, c.challenge_id
            """
        ).map { try ACMEProof($0) }
    }

    /// Whether a challenge, as `c`, was proved: tried with success, or a copy of one that was. What an account was trusted with
    /// proved nothing, also when its profile demands proofs by now.
    static let isProof: SQL = "c.status = 'valid' AND (c.attempts > 0 OR c.validated_at < c.created_at)"

    /// The names of an order that are authorized without a proof: its account was trusted with them.
    package func trusted(of order: ACMEOrderID, in tx: any Transaction) throws -> [ACMEName] {
        try tx.rows(
            """
            SELECT a.identifier FROM acme_authorizations a
            WHERE a.order_id = \(order) AND a.status = 'valid' AND NOT EXISTS (
                SELECT 1 FROM acme_challenges c WHERE c.authz_id = a.authz_id AND \(fragment: Self.isProof)
            )
            ORDER BY a.position
            """
        ).map { try ACMEName($0.json("identifier")) }
    }

    /// Proofs of an account that still hold and are not older than `time`, and those that it made ahead of any order; those
    /// that end last come first.
    ///
    /// - `time`: `nil` for those made ahead alone.
    package func reusable(
        by account: ACMEAccountID, since time: Timestamp?, in tx: any Transaction
    ) throws -> [ACMEProof] {
        let recent: SQL = time.map { " OR c.validated_at >= \($0)" } ?? ""
        return try tx.rows(
            """
            SELECT \(fragment: ACMEProof.columns) FROM \(fragment: ACMEProof.source)
            WHERE a.account_id = \(account) AND a.status = 'valid' AND a.expires_at > \(tx.now)
                AND \(fragment: Self.isProof) AND (a.order_id IS NULL\(fragment: recent))
            ORDER BY a.expires_at DESC, c.challenge_id
            """
        ).map { try ACMEProof($0) }
    }

    /// Authorizations that rest on the same proof as this one: itself, and those of orders that it was used again for.
    package func sharing(
        _ id: ACMEAuthorizationID, of account: ACMEAccountID, in tx: any Transaction
    ) throws -> [(id: ACMEAuthorizationID, order: ACMEOrderID?)] {
        try tx.rows(
            """
            SELECT DISTINCT a.authz_id, a.order_id FROM acme_authorizations a
            JOIN acme_challenges c ON c.authz_id = a.authz_id
            WHERE a.account_id = \(account)
                AND c.token IN (SELECT token FROM acme_challenges WHERE authz_id = \(id))
            ORDER BY a.authz_id
            """
        ).map { (try $0.id("authz_id"), try $0.optionalID("order_id")) }
    }

    /// When a name was not proved under a profile since a time, by whichever account; oldest first.
    package func failures(
        to name: ACMEName, under profile: ProfileID, since time: Timestamp, in tx: any Transaction
    ) throws -> [Timestamp] {
        try tx.rows(
            """
            SELECT a.updated_at FROM acme_authorizations a
            JOIN acme_accounts k ON k.account_id = a.account_id
            LEFT JOIN acme_orders o ON o.order_id = a.order_id
            WHERE a.identifier = \(JSONColumn.value(name.json)) AND a.status = 'invalid' AND a.updated_at > \(time)
                AND COALESCE(o.profile_id, k.profile_id) = \(profile)
            ORDER BY a.updated_at
            """
        ).map { try $0.time("updated_at") }
    }

    /// Whether an account has ever proved a name, as far as that is remembered.
    package func hasProved(_ name: ACMEName, _ account: ACMEAccountID, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one FROM acme_authorizations a JOIN acme_challenges c ON c.authz_id = a.authz_id
            WHERE a.account_id = \(account) AND a.status = 'valid' AND a.identifier = \(JSONColumn.value(name.json))
                AND \(fragment: Self.isProof) LIMIT 1
            """
        ) != nil
    }

    /// When an account failed to prove which names, since a time, by authorizations that are no older than `oldest`.
    package func failures(
        of account: ACMEAccountID, since time: Timestamp, askedSince oldest: Timestamp, in tx: any Transaction
    ) throws -> [(name: ACMEName, at: Timestamp)] {
        try tx.rows(
            """
            SELECT a.identifier, c.updated_at FROM acme_authorizations a
            JOIN acme_challenges c ON c.authz_id = a.authz_id
            WHERE a.account_id = \(account) AND a.created_at >= \(oldest) AND a.status = 'invalid'
                AND c.status = 'invalid' AND c.updated_at > \(time)
            ORDER BY c.updated_at
            """
        ).map { (try ACMEName($0.json("identifier")), try $0.time("updated_at")) }
    }
}
