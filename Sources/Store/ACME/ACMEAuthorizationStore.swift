package import Domain
package import Encoding
package import Query

/// The authorizations of the ACME server with their challenges. Every change of a status is conditional on the one
/// before.
package struct ACMEAuthorizationStore: Sendable {
    package init() {}

    package func insert(
        _ new: [NewACMEAuthorization], for order: ACMEOrderID, in tx: any Transaction
    ) throws {
        for (position, authorization) in new.enumerated() {
            try tx.execute(
                """
                INSERT INTO acme_authorizations (
                    authz_id, order_id, position, identifier, status, expires_at, wildcard, created_at, updated_at
                ) VALUES (
                    \(authorization.id), \(order), \(position), \(JSONColumn.value(authorization.identifier.json)),
                    \(authorization.status), \(authorization.expiresAt), \(authorization.isWildcard), \(tx.now),
                    \(tx.now)
                )
                """
            )
            let isValid = authorization.status == .valid
            for challenge in authorization.challenges {
                try tx.execute(
                    """
                    INSERT INTO acme_challenges (
                        challenge_id, authz_id, type, status, token, validated_at, created_at, updated_at
                    ) VALUES (
                        \(challenge.id), \(authorization.id), \(challenge.type),
                        \(isValid ? ACMEChallengeStatus.valid : .pending), \(authorization.token),
                        \(isValid ? tx.now : nil), \(tx.now), \(tx.now)
                    )
                    """
                )
            }
        }
    }

    package func find(_ id: ACMEAuthorizationID, in tx: any Transaction) throws -> ACMEAuthorization? {
        try tx.row(
            """
            SELECT \(fragment: ACMEAuthorization.columns) FROM acme_authorizations a
            JOIN acme_orders o ON o.order_id = a.order_id WHERE a.authz_id = \(id)
            """
        ).map { try ACMEAuthorization($0) }
    }

    package func all(of order: ACMEOrderID, in tx: any Transaction) throws -> [ACMEAuthorization] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEAuthorization.columns) FROM acme_authorizations a
            JOIN acme_orders o ON o.order_id = a.order_id WHERE a.order_id = \(order) ORDER BY a.position
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

    /// What an account has proved at this time: names without `*.`, and whether for wildcards too.
    package func proved(
        by account: ACMEAccountID, in tx: any Transaction
    ) throws -> [(name: ACMEName, isWildcard: Bool)] {
        try tx.rows(
            """
            SELECT a.identifier, a.wildcard FROM acme_authorizations a
            JOIN acme_orders o ON o.order_id = a.order_id
            WHERE o.account_id = \(account) AND a.status = 'valid' AND a.expires_at > \(tx.now)
            """
        ).map { (try ACMEName($0.json("identifier")), try $0.bool("wildcard")) }
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
            WHERE status IN ('pending', 'valid')
                AND order_id IN (SELECT order_id FROM acme_orders WHERE account_id = \(account))
            """
        )
    }

    /// The client says that it is ready (`pending` → `processing`); `nil` when the challenge is past that.
    package func answer(_ id: ACMEChallengeID, in tx: any Transaction) throws -> ACMEChallenge? {
        try tx.row(
            """
            UPDATE acme_challenges SET status = 'processing', updated_at = \(tx.now)
            WHERE challenge_id = \(id) AND status = 'pending' RETURNING \(fragment: ACMEChallenge.columns)
            """
        ).map { try ACMEChallenge($0) }
    }

    /// Takes up to `limit` challenges that wait for somebody to validate them, oldest first.
    package func claim(
        by owner: String, lease: Duration, limit: Int, in tx: any Transaction
    ) throws -> [ACMEChallenge] {
        try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT challenge_id FROM acme_challenges
                WHERE status = 'processing' AND (lease_expires_at IS NULL OR lease_expires_at <= \(tx.now))
                ORDER BY updated_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE acme_challenges SET lease_owner = \(owner), lease_expires_at = \(tx.now + lease),
                attempts = attempts + 1
            WHERE challenge_id IN (SELECT challenge_id FROM due) AND status = 'processing'
            RETURNING \(fragment: ACMEChallenge.columns)
            """
        ).map { try ACMEChallenge($0) }
    }

    /// Puts back what was claimed and not decided, so that another replica takes it at once.
    package func release(_ id: ACMEChallengeID, by owner: String, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE acme_challenges SET lease_owner = NULL, lease_expires_at = NULL
            WHERE challenge_id = \(id) AND status = 'processing' AND lease_owner = \(owner)
            """
        )
    }

    /// Writes down what came of a validation; `nil` when somebody else holds it, or it was decided meanwhile.
    package func conclude(
        _ id: ACMEChallengeID, by owner: String, error: JSONValue?, in tx: any Transaction
    ) throws -> ACMEChallenge? {
        let status: ACMEChallengeStatus = error == nil ? .valid : .invalid
        return try tx.row(
            """
            UPDATE acme_challenges SET status = \(status), error = \(error.map { JSONColumn.value($0) }),
                validated_at = \(error == nil ? tx.now : nil), lease_owner = NULL, lease_expires_at = NULL,
                updated_at = \(tx.now)
            WHERE challenge_id = \(id) AND status = 'processing' AND lease_owner = \(owner)
            RETURNING \(fragment: ACMEChallenge.columns)
            """
        ).map { try ACMEChallenge($0) }
    }

    // MARK: Upkeep

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
