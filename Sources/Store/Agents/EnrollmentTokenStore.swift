package import Domain
package import Query

/// Permission to enrol agents, as stored: never the token, only its hash.
package struct EnrollmentTokenRecord: Hashable, Sendable {
    package let id: EnrollmentTokenID
    /// The name that the agent must take, if fixed.
    package let agentName: String?
    /// The identifier that the agent will have, if fixed.
    package let agentID: AgentID?
    package let maxUses: Int
    package let uses: Int
    package let createdBy: Actor
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package let lastUsedAt: Timestamp?
    package let revokedAt: Timestamp?
    package let rowVersion: Int

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        agentName = try row.optionalText("agent_name")
        agentID = try row.optionalID("agent_id")
        maxUses = try row.int("max_uses")
        uses = try row.int("uses")
        createdBy = Actor(id: try row.text("created_by"), type: try row.value("created_by_type"))
        createdAt = try row.time("created_at")
        expiresAt = try row.time("expires_at")
        lastUsedAt = try row.optionalTime("last_used_at")
        revokedAt = try row.optionalTime("revoked_at")
        rowVersion = try row.int("row_version")
    }
}

/// An enrolment token about to be stored.
package struct NewEnrollmentToken: Sendable {
    package let id: EnrollmentTokenID
    package let tokenHash: String
    package let agentName: String?
    package let agentID: AgentID?
    package let maxUses: Int
    package let createdBy: Actor
    package let expiresAt: Timestamp

    package init(
        id: EnrollmentTokenID,
        tokenHash: String,
        agentName: String? = nil,
        agentID: AgentID? = nil,
        maxUses: Int = 1,
        createdBy: Actor,
        expiresAt: Timestamp
    ) {
        self.id = id
        self.tokenHash = tokenHash
        self.agentName = agentName
        self.agentID = agentID
        self.maxUses = maxUses
        self.createdBy = createdBy
        self.expiresAt = expiresAt
    }
}

/// The enrolment tokens of agents.
package struct EnrollmentTokenStore: Sendable {
    package init() {}

    private static let columns: SQL = """
        id, agent_name, agent_id, max_uses, uses, created_by, created_by_type, created_at, expires_at, last_used_at,
        revoked_at, row_version
        """

    @discardableResult
    package func insert(_ new: NewEnrollmentToken, in tx: any Transaction) throws -> EnrollmentTokenRecord {
        let rows = try tx.rows(
            """
            INSERT INTO agent_enrollment_tokens (
                id, token_hash, agent_name, agent_id, max_uses, created_by, created_by_type, created_at, expires_at
            ) VALUES (
                \(new.id), \(new.tokenHash), \(new.agentName), \(new.agentID), \(new.maxUses), \(new.createdBy.id),
                \(new.createdBy.type), \(tx.now), \(new.expiresAt)
            ) RETURNING \(fragment: Self.columns)
            """
        )
        return try EnrollmentTokenRecord(rows.onlyRow())
    }

    /// Uses a token once, in one conditional statement: unknown, expired, exhausted and revoked tokens look alike.
    package func consume(tokenHash: String, in tx: any Transaction) throws -> EnrollmentTokenRecord? {
        try tx.row(
            """
            UPDATE agent_enrollment_tokens SET uses = uses + 1, last_used_at = \(tx.now),
                row_version = row_version + 1
            WHERE token_hash = \(tokenHash) AND uses < max_uses AND expires_at > \(tx.now) AND revoked_at IS NULL
            RETURNING \(fragment: Self.columns)
            """
        ).map { try EnrollmentTokenRecord($0) }
    }

    /// The newest tokens first, without their hashes.
    package func list(limit: Int, in tx: any Transaction) throws -> [EnrollmentTokenRecord] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM agent_enrollment_tokens
            ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """
        ).map { try EnrollmentTokenRecord($0) }
    }

    /// Makes a token useless; false when it was unknown or revoked before.
    @discardableResult
    package func revoke(_ id: EnrollmentTokenID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE agent_enrollment_tokens SET revoked_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND revoked_at IS NULL
            """
        ) == 1
    }
}
