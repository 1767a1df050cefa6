package import Domain
package import Encoding
package import Query

/// A challenge that was answered, taken up by a server for one attempt.
package struct ACMEValidationJob: Hashable, Sendable {
    /// Its `attempts` counts this one.
    package let challenge: ACMEChallenge
    /// Without `*.`.
    package let identifier: ACMEName
    package let isWildcard: Bool
    /// `nil` for a proof that is made ahead of any order.
    package let orderID: ACMEOrderID?
    package let accountID: ACMEAccountID
    /// Of the order, which may be another than that of the account.
    package let profileID: ProfileID
    /// In which state that profile was.
    package let profileMark: ProfileMark
    /// Of the account: what its address is made of.
    package let accountProfileID: ProfileID
    /// Of the key that the account has now.
    package let thumbprint: String
    package let answeredAt: Timestamp
    /// Whether the authorization still waits for a proof.
    package let isWanted: Bool

    init(_ row: Row, at now: Timestamp) throws(DatabaseError) {
        challenge = try ACMEChallenge(row)
        identifier = try ACMEName(row.json("identifier"))
        isWildcard = try row.bool("wildcard")
        orderID = try row.optionalID("order_id")
        accountID = try row.id("account_id")
        profileID = try row.id("profile_id")
        profileMark = try ProfileMark(row)
        accountProfileID = try row.id("account_profile_id")
        thumbprint = try row.text("jwk_thumbprint")
        answeredAt = try row.time("answered_at")
        let status: ACMEAuthorizationStatus = try row.value("authz_status")
        let end = try row.time("authz_expires_at")
        isWanted = status == .pending && end > now
    }

    static let columns: SQL = """
        c.challenge_id, c.authz_id, c.type, c.status, c.token, c.account_url, c.validated_at, c.error, c.attempts,
        c.lease_owner, c.lease_expires_at,
        c.updated_at AS answered_at, a.identifier, a.wildcard, a.status AS authz_status,
        a.expires_at AS authz_expires_at, a.order_id, a.account_id, k.jwk_thumbprint,
        p.id AS profile_id, \(fragment: ProfileMark.columns), k.profile_id AS account_profile_id
        """
}

/// Challenges as work: answered by clients, taken up by servers under a lease, ended by the one that holds it.
///
/// `updated_at` is when the status changed, so of one that is `processing` when it was answered. Between two attempts the
/// lease is nobody's, and its end is the time of the next.
package struct ACMEChallengeStore: Sendable {
    /// In the place of a server, while a challenge waits for its next attempt.
    static let nobody = "-"

    package init() {}

    /// A client says that its proof is in place (`pending` → `processing`); false when the challenge is answered already,
    /// or its authorization no longer waits for it.
    ///
    /// - `accountURL`: The account as the client calls it.
    package func answer(_ id: ACMEChallengeID, as accountURL: String, in tx: any Transaction) throws -> Bool {
        let isAnswered =
            try tx.execute(
                """
                UPDATE acme_challenges SET status = 'processing', account_url = \(accountURL), updated_at = \(tx.now)
                WHERE challenge_id = \(id) AND status = 'pending' AND EXISTS (
                    SELECT 1 FROM acme_authorizations a LEFT JOIN acme_orders o ON o.order_id = a.order_id
                    WHERE a.authz_id = acme_challenges.authz_id AND a.status = 'pending' AND a.expires_at > \(tx.now)
                        AND (a.order_id IS NULL OR (o.status = 'pending' AND o.expires_at > \(tx.now))))
                """
            ) == 1
        if isAnswered { try tx.notify(.challenges, payload: id.text) }
        return isAnswered
    }

    /// When each kind of challenge is to be taken up next: in the past for what waits.
    package func due(in tx: any Transaction) throws -> [ACMEChallengeType: Timestamp] {
        let rows = try tx.rows(
            """
            SELECT type, MIN(COALESCE(lease_expires_at, updated_at)) AS due FROM acme_challenges
            WHERE status = 'processing' GROUP BY type
            """
        )
        var due: [ACMEChallengeType: Timestamp] = [:]
        for row in rows { due[try row.value("type")] = try row.time("due") }
        return due
    }

    /// Takes up challenges of one type that nobody works on. Accounts take turns, whoever has many: one that is at work
    /// counts as a turn.
    package func claim(
        _ type: ACMEChallengeType, by owner: String, for lease: Duration, limit: Int, in tx: any Transaction
    ) throws -> [ACMEValidationJob] {
        let taken = try tx.rows(
            """
            UPDATE acme_challenges SET lease_owner = \(owner), lease_expires_at = \(tx.now + lease),
                attempts = attempts + 1
            WHERE status = 'processing' AND (lease_expires_at IS NULL OR lease_expires_at <= \(tx.now))
                AND challenge_id IN (
                    SELECT challenge_id FROM (
                        SELECT c.challenge_id, c.updated_at, c.lease_expires_at, ROW_NUMBER() OVER (
                            PARTITION BY a.account_id
                            ORDER BY CASE WHEN c.lease_expires_at > \(tx.now) AND c.lease_owner <> \(Self.nobody)
                                THEN 0 ELSE 1 END, c.updated_at, c.challenge_id
                        ) AS turn
                        FROM acme_challenges c
                        JOIN acme_authorizations a ON a.authz_id = c.authz_id
                        WHERE c.status = 'processing' AND c.type = \(type)
                    ) AS waiting
                    WHERE lease_expires_at IS NULL OR lease_expires_at <= \(tx.now)
                    ORDER BY turn, updated_at LIMIT \(limit)
                )
            RETURNING challenge_id
            """
        ).map { row -> ACMEChallengeID in try row.id("challenge_id") }
        guard !taken.isEmpty else { return [] }
        return try tx.rows(
            """
            SELECT \(fragment: ACMEValidationJob.columns) FROM acme_challenges c
            JOIN acme_authorizations a ON a.authz_id = c.authz_id
            JOIN acme_accounts k ON k.account_id = a.account_id
            LEFT JOIN acme_orders o ON o.order_id = a.order_id
            JOIN certificate_profiles p ON p.id = COALESCE(o.profile_id, k.profile_id)
            WHERE c.challenge_id IN \(list: taken) ORDER BY c.updated_at, c.challenge_id
            """
        ).map { try ACMEValidationJob($0, at: tx.now) }
    }

    /// Puts a challenge off to its next attempt; false when another server has taken it up.
    package func postpone(
        _ job: ACMEValidationJob, of owner: String, until next: Timestamp, error: JSONValue, in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE acme_challenges SET lease_owner = \(Self.nobody), lease_expires_at = \(next),
                error = \(JSONColumn.value(error))
            WHERE challenge_id = \(job.challenge.id) AND status = 'processing' AND lease_owner = \(owner)
                AND attempts = \(job.challenge.attempts)
            """
        ) == 1
    }

    /// Ends a challenge (`processing` → `valid` or `invalid`); false when another server has taken it up.
    ///
    /// - `error`: `nil` for one that is met.
    package func finish(
        _ job: ACMEValidationJob, of owner: String, error: JSONValue?, in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE acme_challenges SET status = \(error == nil ? ACMEChallengeStatus.valid : .invalid),
                validated_at = \(error == nil ? tx.now : nil), error = \(error.map { JSONColumn.value($0) }),
                lease_owner = NULL, lease_expires_at = NULL, updated_at = \(tx.now)
            WHERE challenge_id = \(job.challenge.id) AND status = 'processing' AND lease_owner = \(owner)
                AND attempts = \(job.challenge.attempts)
            """
        ) == 1
    }

    /// Gives up what a server works on, so that another one takes it up at once.
    package func giveBack(by owner: String, in tx: any Transaction) throws -> Int {
        let count = try tx.execute(
            """
            UPDATE acme_challenges SET lease_owner = NULL, lease_expires_at = NULL
            WHERE status = 'processing' AND lease_owner = \(owner)
            """
        )
        if count > 0 { try tx.notify(.challenges, payload: "") }
        return count
    }
}
