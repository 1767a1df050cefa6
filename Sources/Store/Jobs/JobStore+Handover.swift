package import Domain
package import Query

/// What an agent knows when it asks for work: what it was given and did not get follows from it.
///
/// An agent asks one question after the other. Whatever it was given in answer to an earlier one, and does not name, has
/// never reached it, or it has lost it: the answer went astray, or the agent ended before it began.
package struct WorkQuestion: Hashable, Sendable {
    /// Rises with every question of an agent, also over its restarts, unless its clock was set back between them. A
    /// question that was under way for long says nothing about what answers to later ones gave.
    package let turn: Int64
    /// The jobs that the agent has, or has a report about that nobody acknowledged yet.
    package let held: [JobID]

    package init(turn: Int64, held: [JobID]) {
        self.turn = turn
        self.held = held
    }
}

extension JobStore {
    /// Whether an agent has anything to do, cheap enough for every poll.
    package func hasWork(for agent: AgentID, knowing question: WorkQuestion? = nil, in tx: any Transaction) throws
        -> Bool
    {
        let isWaiting = try tx.row(
            """
            SELECT 1 AS one FROM jobs
            WHERE agent_id = \(agent) AND status IN ('Pending', 'AwaitingCSR') AND \(fragment: isDue(at: tx.now))
            LIMIT 1
            """
        )
        if isWaiting != nil { return true }
        guard let question else { return false }
        let astray = Self.isAstray(from: agent, question)
        return try tx.row("SELECT 1 AS one FROM jobs WHERE \(fragment: astray) LIMIT 1") != nil
    }

    /// Takes back at once what was given to an agent and did not arrive, instead of when its lease ends. The attempt does
    /// not count: it never began.
    ///
    /// - Returns: The jobs, waiting again.
    package func takeBack(
        from agent: AgentID, knowing question: WorkQuestion, in tx: any Transaction
    ) throws -> [Job] {
        try lock(agent, in: tx)
        return try tx.rows(
            """
            UPDATE jobs SET status = 'Pending', attempts = attempts - 1, started_at = NULL,
                status_changed_at = \(tx.now), lease_owner = NULL, lease_expires_at = NULL, updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE \(fragment: Self.isAstray(from: agent, question))
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Job($0) }
    }

    /// An issuance that runs is the server's to finish, so only what agents carry out goes astray.
    private static func isAstray(from agent: AgentID, _ question: WorkQuestion) -> SQL {
        let isUnnamed: SQL = question.held.isEmpty ? "TRUE" : "id NOT IN \(list: question.held)"
        return """
            agent_id = \(agent) AND status = 'Running' AND lease_owner = \(agent)
                AND type IN ('Deployment', 'Validation') AND lease_turn < \(question.turn) AND \(fragment: isUnnamed)
            """
    }
}
