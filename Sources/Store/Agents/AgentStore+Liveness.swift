package import Domain
package import Query

/// One heartbeat, as it is stored.
package struct Heartbeat: Hashable, Sendable {
    package let agentID: AgentID
    package let at: Timestamp
    /// The agent's clock minus the server's.
    package let clockOffset: Duration
    /// The agent's own last failure; `nil` when all is well with it.
    package let lastError: String?

    package init(agentID: AgentID, at: Timestamp, clockOffset: Duration = .zero, lastError: String? = nil) {
        self.agentID = agentID
        self.at = at
        self.clockOffset = clockOffset
        self.lastError = lastError
    }
}

/// An agent whose state is not what was stored.
package struct AgentStatusChange: Hashable, Sendable {
    package let id: AgentID
    package let name: String
    package let from: AgentStatus
    package let to: AgentStatus
}

extension AgentStore {
    /// Stores heartbeats, several at once when a replica collects them; an older one never replaces a newer one, unless
    /// the newer one is of a time that has not come: the clock was set back.
    package func record(_ heartbeats: [Heartbeat], in tx: any Transaction) throws {
        var newest: [AgentID: Heartbeat] = [:]
        for beat in heartbeats where newest[beat.agentID].map({ $0.at < beat.at }) ?? true {
            newest[beat.agentID] = beat
        }
        guard !newest.isEmpty else { return }
        // In one order everywhere, so that two replicas never wait for each other.
        let rows = newest.values.sorted { $0.agentID < $1.agentID }.map { beat -> SQL in
            "(\(beat.agentID), \(beat.at), \(beat.clockOffset.wholeMicroseconds / 1000), \(beat.lastError))"
        }
        for part in rows.inFewSizes(upTo: 32) {
            try tx.execute(
                """
                INSERT INTO agent_liveness (agent_id, last_heartbeat_at, clock_offset_ms, last_error)
                VALUES \(fragment: SQL.joined(part, by: ", "))
                ON CONFLICT (agent_id) DO UPDATE SET last_heartbeat_at = excluded.last_heartbeat_at,
                    clock_offset_ms = excluded.clock_offset_ms, last_error = excluded.last_error
                WHERE agent_liveness.last_heartbeat_at < excluded.last_heartbeat_at
                    OR agent_liveness.last_heartbeat_at > \(tx.now + JobStore.clockTolerance)
                """
            )
        }
    }

    /// Stores what an agent says of itself, when anything of it is new.
    ///
    /// - Returns: Whether the row changed.
    @discardableResult
    package func recordMetadata(
        _ metadata: AgentMetadata,
        of id: AgentID,
        in tx: any Transaction
    ) throws -> Bool {
        var assignments: [SQL] = []
        var differences: [SQL] = []
        func set(_ column: SQL, _ value: String) {
            guard !value.isEmpty else { return }
            assignments.append("\(fragment: column) = \(value)")
            differences.append("\(fragment: column) <> \(value)")
        }
        set("hostname", metadata.hostname)
        set("os", metadata.os)
        set("architecture", metadata.architecture)
        set("ip_address", metadata.ipAddress)
        set("version", metadata.version)
        if let capabilities = metadata.capabilities {
            let value = JSONColumn.value(capabilities)
            assignments.append("capabilities = \(value)")
            differences.append("capabilities <> \(value)")
        }
        guard !assignments.isEmpty else { return false }
        return try tx.execute(
            """
            UPDATE agents SET \(fragment: SQL.joined(assignments, by: ", ")), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND retired_at IS NULL AND (\(fragment: SQL.joined(differences, by: " OR ")))
            """
        ) == 1
    }

    /// Stores the state of every agent for which it changed; what changed.
    package func refreshStatuses(limit: Int, in tx: any Transaction) throws -> [AgentStatusChange] {
        let rows = try tx.rows(
            """
            SELECT id, name, status, liveness FROM (
                SELECT a.id, a.name, a.status, \(fragment: liveness(now: tx.now)) AS liveness
                FROM \(fragment: Self.source)
                WHERE a.retired_at IS NULL AND a.id NOT IN \(list: SentinelAgent.identifiers)
            ) computed WHERE status <> liveness ORDER BY id LIMIT \(limit)
            """
        )
        let changes = try rows.map { row in
            AgentStatusChange(
                id: try row.id("id"),
                name: try row.text("name"),
                from: try row.value("status"),
                to: try row.value("liveness")
            )
        }
        for status in AgentStatus.allCases {
            let ids = changes.filter { $0.to == status }.map(\.id)
            guard !ids.isEmpty else { continue }
            try tx.execute(
                """
                UPDATE agents SET status = \(status), updated_at = \(tx.now), row_version = row_version + 1
                WHERE id IN \(list: ids) AND retired_at IS NULL
                """
            )
        }
        return changes
    }
}
