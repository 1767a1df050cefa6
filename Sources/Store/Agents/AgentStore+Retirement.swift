package import Domain
package import Query

/// What depends on an agent that is to be retired.
package struct AgentDependents: Hashable, Sendable {
    package let activeTargets: Int
    package let activeCertificates: Int
    package let pendingJobs: Int

    package var isEmpty: Bool { activeTargets == 0 && activeCertificates == 0 && pendingJobs == 0 }

    /// By the names of the API.
    package var counts: [String: Int] {
        ["active_targets": activeTargets, "active_certificates": activeCertificates, "pending_jobs": pendingJobs]
    }
}

/// What retiring an agent did.
package struct AgentRetirement: Hashable, Sendable {
    package let retiredAt: Timestamp
    package let retiredTargets: [TargetID]
    package let cancelledJobs: [Job]
}

extension AgentStore {
    package func dependents(of id: AgentID, in tx: any Transaction) throws -> AgentDependents {
        let row = try tx.row(
            """
            SELECT
                (SELECT COUNT(*) FROM deployment_targets WHERE agent_id = \(id) AND retired_at IS NULL) AS targets,
                (SELECT COUNT(DISTINCT m.certificate_id) FROM certificate_target_mappings m
                    JOIN deployment_targets d ON d.id = m.target_id
                    WHERE d.agent_id = \(id) AND d.retired_at IS NULL) AS certificates,
                (SELECT COUNT(*) FROM jobs WHERE agent_id = \(id)
                    AND status IN ('Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running')) AS jobs
            """
        )
        return AgentDependents(
            activeTargets: try row?.int("targets") ?? 0,
            activeCertificates: try row?.int("certificates") ?? 0,
            pendingJobs: try row?.int("jobs") ?? 0
        )
    }

    /// Retires an agent with its targets and cancels its open jobs. The caller has checked what depends on it.
    ///
    /// - Returns: `nil` when the agent is retired already.
    package func retire(
        _ id: AgentID,
        reason: String?,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> AgentRetirement? {
        guard !SentinelAgent.identifiers.contains(id.text) else {
            throw StoreError.invalidState(.agent, id: id.text, reason: "it belongs to the server and stays")
        }
        let retired = try tx.execute(
            """
            UPDATE agents SET retired_at = \(tx.now), retired_reason = \(reason), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version)) AND retired_at IS NULL
            """
        )
        guard retired == 1 else {
            let agent = try get(id, in: tx)
            if agent.retiredAt != nil { return nil }
            throw StoreError.stale(.agent, id: id.text, current: agent.rowVersion)
        }
        try tx.notify(.access, payload: id.text)
        let targets: [TargetID] = try tx.rows(
            """
            UPDATE deployment_targets SET retired_at = \(tx.now), retired_reason = \(reason), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE agent_id = \(id) AND retired_at IS NULL RETURNING id
            """
        ).map { try $0.id("id") }
        let jobs = try JobStore().cancelOpen(.agent(id), reason: "agent \(id.text) was retired", in: tx)
        return AgentRetirement(retiredAt: tx.now, retiredTargets: targets, cancelledJobs: jobs)
    }
}
