package import Domain
import Encoding
package import Query

/// A question to the agents of one perspective, as the agent that took it up gets it.
package struct ACMEPerspectiveCheck: Hashable, Sendable {
    package let id: ACMECheckID
    package let purpose: ACMEPerspectivePurpose
    package let type: ACMEChallengeType
    /// Without `*.`.
    package let name: ACMEName
    package let isWildcard: Bool
    package let token: String
    /// Of the key that the account had when the control plane looked.
    package let thumbprint: String
    /// The account as the client calls it.
    package let accountURL: String
    package let accountID: ACMEAccountID
    package let profileID: ProfileID
    /// When an answer comes too late.
    package let expiresAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        purpose = try row.value("purpose")
        type = try row.value("type")
        name = try ACMEName(row.json("identifier"))
        isWildcard = try row.bool("wildcard")
        token = try row.text("token")
        thumbprint = try row.text("thumbprint")
        accountURL = try row.optionalText("account_url") ?? ""
        accountID = try row.id("account_id")
        profileID = try row.id("profile_id")
        expiresAt = try row.time("expires_at")
    }
}

/// What became of a question to one perspective.
package struct ACMEPerspectiveVote: Hashable, Sendable {
    package let id: ACMECheckID
    package let challengeID: ACMEChallengeID
    package let purpose: ACMEPerspectivePurpose
    /// At the proof, or the round of looks at CAA records.
    package let attempt: Int
    package let perspective: String
    package let token: String
    package let thumbprint: String
    /// Who took it up.
    package let agentID: AgentID?
    package let verdict: ACMEVerdict?
    package let fault: ACMEPerspectiveFault?
    package let expiresAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        challengeID = try row.id("challenge_id")
        purpose = try row.value("purpose")
        attempt = try row.int("attempt")
        perspective = try row.text("perspective")
        token = try row.text("token")
        thumbprint = try row.text("thumbprint")
        agentID = try row.optionalID("agent_id")
        verdict = try row.optionalValue("verdict")
        fault = try row.optionalValue("problem")
        expiresAt = try row.time("expires_at")
    }

    static let columns: SQL = """
        p.id, p.challenge_id, p.purpose, p.attempt, p.perspective, p.thumbprint, p.agent_id, p.verdict, p.problem,
        p.expires_at, c.token
        """
}

/// Questions to agents about proofs, and their answers (ADR-0031).
///
/// A row is one question to one perspective, in one attempt of one challenge or in one round of looks at its CAA records. An agent takes it up once, and answers once.
package struct ACMEPerspectiveStore: Sendable {
    package init() {}

    /// Asks perspectives about a challenge that a server holds, and lets it hold the challenge until they have answered; false when
    /// another server has taken it up.
    package func ask(
        _ questions: [(id: ACMECheckID, perspective: String)], about job: ACMEValidationJob, of owner: String,
        for lease: Duration, until end: Timestamp, in tx: any Transaction
    ) throws -> Bool {
        let isHeld =
            try tx.execute(
                """
                UPDATE acme_challenges SET lease_expires_at = \(tx.now + lease)
                WHERE challenge_id = \(job.challenge.id) AND status = 'processing' AND lease_owner = \(owner)
                    AND attempts = \(job.challenge.attempts)
                """
            ) == 1
        guard isHeld else { return false }
        for question in questions {
            try tx.execute(
                """
                INSERT INTO acme_perspective_checks (
                    id, challenge_id, attempt, perspective, thumbprint, created_at, expires_at
                ) VALUES (
                    \(question.id), \(job.challenge.id), \(job.challenge.attempts), \(question.perspective),
                    \(job.thumbprint), \(tx.now), \(end)
                )
                """
            )
        }
        try tx.notify(.perspectives, payload: job.challenge.id.text)
        return true
    }

    /// Asks perspectives about the CAA records of names that were proved by challenges.
    ///
    /// - Returns: The round of each challenge; none for those that are gone.
    package func askAboutCAA(
        _ questions: [(id: ACMECheckID, challenge: ACMEChallengeID, perspective: String)], thumbprint: String,
        until end: Timestamp, in tx: any Transaction
    ) throws -> [ACMEChallengeID: Int] {
        var rounds: [ACMEChallengeID: Int] = [:]
        // In one order everywhere, so that no two wait for each other.
        for challenge in Set(questions.map(\.challenge)).sorted(by: { $0.text < $1.text }) {
            let isThere =
                try tx.row(
                    "SELECT challenge_id FROM acme_challenges WHERE challenge_id = \(challenge)\(lock: .forUpdate)")
                != nil
            guard isThere else { continue }
            rounds[challenge] = try tx.row(
                """
                SELECT COALESCE(MAX(attempt), 0) + 1 AS n FROM acme_perspective_checks
                WHERE challenge_id = \(challenge) AND purpose = 'caa'
                """
            )?.int("n")
        }
        for question in questions {
            guard let round = rounds[question.challenge] else { continue }
            try tx.execute(
                """
                INSERT INTO acme_perspective_checks (
                    id, challenge_id, purpose, attempt, perspective, thumbprint, created_at, expires_at
                ) VALUES (
                    \(question.id), \(question.challenge), 'caa', \(round), \(question.perspective), \(thumbprint),
                    \(tx.now), \(end)
                )
                """
            )
        }
        try tx.notify(.perspectives, payload: questions.first?.challenge.text ?? "")
        return rounds
    }

    /// Whether a perspective has questions that nobody took up.
    package func hasQuestions(at perspective: String, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT id FROM acme_perspective_checks
            WHERE perspective = \(perspective) AND agent_id IS NULL AND expires_at > \(tx.now) LIMIT 1
            """
        ) != nil
    }

    /// Takes questions up for an agent, oldest first; none of an attempt at which it has another.
    package func claim(
        for agent: AgentID, at perspective: String, limit: Int, in tx: any Transaction
    ) throws -> [ACMEPerspectiveCheck] {
        let taken = try tx.rows(
            """
            UPDATE acme_perspective_checks SET agent_id = \(agent), claimed_at = \(tx.now)
            WHERE agent_id IS NULL AND id IN (
                SELECT p.id FROM acme_perspective_checks p
                WHERE p.perspective = \(perspective) AND p.agent_id IS NULL AND p.expires_at > \(tx.now)
                    AND NOT EXISTS (
                        SELECT 1 FROM acme_perspective_checks o
                        WHERE o.challenge_id = p.challenge_id AND o.purpose = p.purpose AND o.attempt = p.attempt
                            AND o.agent_id = \(agent)
                    )
                ORDER BY p.created_at, p.id LIMIT \(limit)
            )
            RETURNING id
            """
        ).map { row -> ACMECheckID in try row.id("id") }
        guard !taken.isEmpty else { return [] }
        return try tx.rows(
            """
            SELECT p.id, p.purpose, p.thumbprint, p.expires_at, c.type, c.token, c.account_url, a.identifier, a.wildcard,
                a.account_id, k.profile_id
            FROM acme_perspective_checks p
            JOIN acme_challenges c ON c.challenge_id = p.challenge_id
            JOIN acme_authorizations a ON a.authz_id = c.authz_id
            JOIN acme_accounts k ON k.account_id = a.account_id
            WHERE p.id IN \(list: taken) ORDER BY p.created_at, p.id
            """
        ).map { try ACMEPerspectiveCheck($0) }
    }

    package func find(_ id: ACMECheckID, in tx: any Transaction) throws -> ACMEPerspectiveVote? {
        try tx.row(
            """
            SELECT \(fragment: ACMEPerspectiveVote.columns) FROM acme_perspective_checks p
            JOIN acme_challenges c ON c.challenge_id = p.challenge_id WHERE p.id = \(id)
            """
        ).map { try ACMEPerspectiveVote($0) }
    }

    /// The answer of the agent that took a question up; false when it is too late, or there is one already.
    package func answer(
        _ vote: ACMEPerspectiveVote, of agent: AgentID, _ verdict: ACMEVerdict, fault: ACMEPerspectiveFault?,
        detail: String, in tx: any Transaction
    ) throws -> Bool {
        let isTaken =
            try tx.execute(
                """
                UPDATE acme_perspective_checks SET verdict = \(verdict), problem = \(fault), detail = \(detail),
                    answered_at = \(tx.now)
                WHERE id = \(vote.id) AND agent_id = \(agent) AND verdict IS NULL AND expires_at > \(tx.now)
                """
            ) == 1
        if isTaken { try tx.notify(.perspectives, payload: vote.challengeID.text) }
        return isTaken
    }

    /// What the perspectives said in one attempt, or one round.
    package func votes(
        on challenge: ACMEChallengeID, _ purpose: ACMEPerspectivePurpose = .proof, attempt: Int, in tx: any Transaction
    ) throws -> [ACMEPerspectiveVote] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEPerspectiveVote.columns) FROM acme_perspective_checks p
            JOIN acme_challenges c ON c.challenge_id = p.challenge_id
            WHERE p.challenge_id = \(challenge) AND p.purpose = \(purpose) AND p.attempt = \(attempt)
            ORDER BY p.perspective
            """
        ).map { try ACMEPerspectiveVote($0) }
    }

    /// Forgets questions whose time was over before then.
    package func purge(endedBefore end: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM acme_perspective_checks WHERE id IN (
                SELECT id FROM acme_perspective_checks WHERE expires_at <= \(end) ORDER BY expires_at LIMIT \(limit)
            )
            """
        )
    }
}

extension ACMEPerspectivePurpose: Bindable {}
extension ACMEVerdict: Bindable {}
extension ACMEPerspectiveFault: Bindable {}
