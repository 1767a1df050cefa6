package import Domain
import Encoding
package import Query

/// The authorizations of the ACME server with their challenges. Every change of a status is conditional on the one
/// before.
package struct ACMEAuthorizationStore: Sendable {
    package init() {}

    /// - `order`: `nil` for those that are asked for ahead of any order.
    package func insert(
        _ new: [NewACMEAuthorization], for order: ACMEOrderID?, of account: ACMEAccountID, in tx: any Transaction
    ) throws {
        for (position, authorization) in new.enumerated() {
            try tx.execute(
                """
                INSERT INTO acme_authorizations (
                    authz_id, account_id, order_id, position, identifier, status, expires_at, wildcard, created_at,
                    updated_at
                ) VALUES (
                    \(authorization.id), \(account), \(order), \(position),
                    \(JSONColumn.value(authorization.identifier.json)), \(authorization.status),
                    \(authorization.expiresAt), \(authorization.isWildcard), \(tx.now), \(tx.now)
                )
                """
            )
            let isValid = authorization.status == .valid
            guard !authorization.challenges.isEmpty else { continue }
            let rows = authorization.challenges.map { challenge -> SQL in
                """
                (\(challenge.id), \(authorization.id), \(challenge.type),
                \(isValid ? ACMEChallengeStatus.valid : .pending), \(authorization.token),
                \(isValid ? authorization.provedAt ?? tx.now : nil), \(tx.now), \(tx.now))
                """
            }
            try tx.execute(
                """
                INSERT INTO acme_challenges (
                    challenge_id, authz_id, type, status, token, validated_at, created_at, updated_at
                ) VALUES \(fragment: SQL.joined(rows, by: ", "))
                """
            )
        }
    }

    package func find(_ id: ACMEAuthorizationID, in tx: any Transaction) throws -> ACMEAuthorization? {
        try tx.row(
            """
            SELECT \(fragment: ACMEAuthorization.columns) FROM acme_authorizations a WHERE a.authz_id = \(id)
            """
        ).map { try ACMEAuthorization($0) }
    }

    /// The authorization, locked until the transaction ends: of two challenges that come to an end at the same moment the
    /// second sees what the first made of it.
    package func lock(_ id: ACMEAuthorizationID, in tx: any Transaction) throws -> ACMEAuthorization? {
        try tx.row(
            """
            SELECT \(fragment: ACMEAuthorization.columns) FROM acme_authorizations a
            WHERE a.authz_id = \(id)\(lock: .forUpdate)
            """
        ).map { try ACMEAuthorization($0) }
    }

    package func all(of order: ACMEOrderID, in tx: any Transaction) throws -> [ACMEAuthorization] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEAuthorization.columns) FROM acme_authorizations a
            WHERE a.order_id = \(order) ORDER BY a.position
            """
        ).map { try ACMEAuthorization($0) }
    }

    package func challenges(of id: ACMEAuthorizationID, in tx: any Transaction) throws -> [ACMEChallenge] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEChallenge.columns) FROM acme_challenges WHERE authz_id = \(id)
            ORDER BY created_at, challenge_id
            """
        ).map { try ACMEChallenge($0) }
    }

    package func challenge(_ id: ACMEChallengeID, in tx: any Transaction) throws -> ACMEChallenge? {
        try tx.row("SELECT \(fragment: ACMEChallenge.columns) FROM acme_challenges WHERE challenge_id = \(id)")
            .map { try ACMEChallenge($0) }
    }

    /// What an account has proved at this time: names without `*.`, and whether for wildcards too. Trust is no proof.
    package func proved(
        by account: ACMEAccountID, in tx: any Transaction
    ) throws -> [(name: ACMEName, isWildcard: Bool)] {
        try tx.rows(
            """
            SELECT a.identifier, a.wildcard FROM acme_authorizations a
            WHERE a.account_id = \(account) AND a.status = 'valid' AND a.expires_at > \(tx.now) AND EXISTS (
                SELECT 1 FROM acme_challenges c WHERE c.authz_id = a.authz_id AND \(fragment: ACMEProofStore.isProof)
            )
            """
        ).map { (try ACMEName($0.json("identifier")), try $0.bool("wildcard")) }
    }

    /// Authorizations that an account asked for ahead of any order and that still wait for a proof.
    package func countAhead(of account: ACMEAccountID, in tx: any Transaction) throws -> Int {
        try tx.row(
            """
            SELECT COUNT(*) AS n FROM acme_authorizations
            WHERE account_id = \(account) AND order_id IS NULL AND status = 'pending' AND expires_at > \(tx.now)
            """
        )?.int("n") ?? 0
    }

    /// When the first of them expires; `nil` when there are none.
    package func firstEndAhead(of account: ACMEAccountID, in tx: any Transaction) throws -> Timestamp? {
        try tx.row(
            """
            SELECT MIN(expires_at) AS first_end FROM acme_authorizations
            WHERE account_id = \(account) AND order_id IS NULL AND status = 'pending' AND expires_at > \(tx.now)
            """
        )?.optionalTime("first_end")
    }

    /// What an account asked for ahead of any order, for a name, and that has not ended; the one that ends last.
    package func ahead(
        of account: ACMEAccountID, for name: ACMEName, in tx: any Transaction
    ) throws -> ACMEAuthorization? {
        try tx.rows(
            """
            SELECT \(fragment: ACMEAuthorization.columns) FROM acme_authorizations a
            WHERE a.account_id = \(account) AND a.order_id IS NULL AND a.status IN ('pending', 'valid')
                AND a.expires_at > \(tx.now)
            ORDER BY a.expires_at DESC, a.authz_id
            """
        ).map { try ACMEAuthorization($0) }.first { $0.identifier == name && !$0.isWildcard }
    }

    // MARK: Transitions

    /// Moves an authorization; false when it is in none of the states `from`.
    package func move(
        _ id: ACMEAuthorizationID, from: [ACMEAuthorizationStatus], to status: ACMEAuthorizationStatus,
        expiresAt: Timestamp? = nil, in tx: any Transaction
    ) throws -> Bool {
        let expiry: SQL = expiresAt.map { ", expires_at = \($0)" } ?? ""
        return try tx.execute(
            """
            UPDATE acme_authorizations SET status = \(status), updated_at = \(tx.now)\(fragment: expiry)
            WHERE authz_id = \(id) AND status IN \(list: from)
            """
        ) == 1
    }

    /// Withdraws every authorization of an account.
    package func deactivateAll(of account: ACMEAccountID, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE acme_authorizations SET status = 'deactivated', updated_at = \(tx.now)
            WHERE account_id = \(account) AND status IN ('pending', 'valid')
            """
        )
    }

    // MARK: Upkeep

    /// Forgets authorizations that were asked for ahead of any order and ended.
    package func purge(endedBefore time: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM acme_authorizations WHERE authz_id IN (
                SELECT authz_id FROM acme_authorizations WHERE order_id IS NULL AND expires_at <= \(time)
                ORDER BY expires_at LIMIT \(limit)
            )
            """
        )
    }

    package func expire(limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE acme_authorizations SET status = 'expired', updated_at = \(tx.now) WHERE authz_id IN (
                SELECT authz_id FROM acme_authorizations WHERE status = 'pending' AND expires_at <= \(tx.now)
                ORDER BY expires_at LIMIT \(limit)
            ) AND status = 'pending'
            """
        )
    }
}
