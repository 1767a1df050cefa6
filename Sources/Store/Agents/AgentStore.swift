package import Domain
package import Query

/// The agents and their liveness.
package struct AgentStore: Sendable {
    /// How long an agent counts as online after its last heartbeat (`CERTCTL_AGENT_OFFLINE_AFTER`).
    package var offlineAfter: Duration { readOfflineAfter() }
    private let readOfflineAfter: @Sendable () -> Duration

    /// - `offlineAfter`: Asked each time, because the setting changes while the server runs.
    package init(offlineAfter: @autoclosure @escaping @Sendable () -> Duration = .minutes(5)) {
        readOfflineAfter = offlineAfter
    }

    /// Reports agents whose clock differs by more than this as degraded.
    private static let mostClockOffsetMilliseconds = 60_000

    private static let rules = [
        UniqueRule(constraint: "agents_name_key", entity: .agent, field: "name"),
        UniqueRule(constraint: "agents_pkey", entity: .agent, field: "id"),
    ]

    func columns(now: Timestamp) -> SQL {
        """
        a.id, a.name, a.hostname, \(fragment: liveness(now: now)) AS liveness, l.last_heartbeat_at, a.registered_at,
        a.os, a.architecture, a.ip_address, a.version, a.capabilities, l.last_error, a.retired_at, a.retired_reason,
        a.row_version, a.updated_at
        """
    }

    /// Every agent that is not retired, with the release that it runs, by name.
    package static func releases(in tx: any Transaction) throws -> [(name: String, version: String)] {
        try tx.rows("SELECT name, version FROM agents WHERE retired_at IS NULL ORDER BY name").map {
            (name: try $0.text("name"), version: try $0.text("version"))
        }
    }

    static let source: SQL = "agents a LEFT JOIN agent_liveness l ON l.agent_id = a.id"

    /// The state as a function of heartbeat, clock and the last three finished jobs (specification, domain §4.4).
    func liveness(now: Timestamp) -> SQL {
        """
        CASE
            WHEN a.retired_at IS NOT NULL THEN a.status
            WHEN l.last_heartbeat_at IS NULL OR l.last_heartbeat_at < \(now - offlineAfter) THEN 'Offline'
            WHEN ABS(l.clock_offset_ms) > \(Self.mostClockOffsetMilliseconds) THEN 'Degraded'
            WHEN (
                SELECT COUNT(*) FROM (
                    SELECT j.status FROM jobs j WHERE j.agent_id = a.id AND j.completed_at IS NOT NULL
                        AND j.status IN ('Completed', 'Failed')
                    ORDER BY j.completed_at DESC LIMIT 3
                ) recent WHERE recent.status = 'Failed'
            ) = 3 THEN 'Degraded'
            ELSE 'Online'
        END
        """
    }

    package func insert(_ new: NewAgent, in tx: any Transaction) throws {
        try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            _ = try tx.execute(
                """
                INSERT INTO agents (
                    id, name, hostname, api_key_hash, os, architecture, ip_address, version, capabilities,
                    registered_at, created_at, updated_at
                ) VALUES (
                    \(new.id), \(new.name), \(new.hostname), \(new.keyHash), \(new.metadata.os),
                    \(new.metadata.architecture), \(new.metadata.ipAddress), \(new.metadata.version),
                    \(JSONColumn.value(new.metadata.capabilities ?? [])), \(tx.now), \(tx.now), \(tx.now)
                )
                """
            )
        }
    }

    package func find(_ id: AgentID, in tx: any Transaction) throws -> Agent? {
        try tx.row(
            "SELECT \(fragment: columns(now: tx.now)) FROM \(fragment: Self.source) WHERE a.id = \(id)"
        ).map { try Agent($0) }
    }

    package func get(_ id: AgentID, in tx: any Transaction) throws -> Agent {
        guard let agent = try find(id, in: tx) else { throw StoreError.notFound(.agent, id: id.text) }
        return agent
    }

    package func list(
        _ request: ListRequest<AgentFilter, AgentSort>,
        in tx: any Transaction
    ) throws -> Page<Agent> {
        let listing = Listing(
            request,
            columns: columns(now: tx.now),
            source: Self.source,
            conditions: conditions(of: request.filter, now: tx.now),
            key: request.sort.key,
            id: "a.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Agent($0) }
    }

    private func conditions(of filter: AgentFilter, now: Timestamp) -> [SQL] {
        var all: [SQL] = ["a.id NOT IN \(list: SentinelAgent.identifiers)"]
        switch filter.retirement {
        case .active: all.append("a.retired_at IS NULL")
        case .retired: all.append("a.retired_at IS NOT NULL")
        case .any: break
        }
        if !filter.statuses.isEmpty { all.append("(\(fragment: liveness(now: now))) IN \(list: filter.statuses)") }
        if !filter.operatingSystems.isEmpty { all.append("a.os IN \(list: filter.operatingSystems)") }
        if !filter.architectures.isEmpty { all.append("a.architecture IN \(list: filter.architectures)") }
        if !filter.versions.isEmpty { all.append("a.version IN \(list: filter.versions)") }
        if let search = filter.search {
            all.append("(\("a.name", contains: search) OR \("a.hostname", contains: search))")
        }
        return all
    }

    /// Resolves the hash of a presented key by index. A key that a rotation replaced counts until its time is over.
    package func find(keyHash: String, in tx: any Transaction) throws -> AgentCredential? {
        let row = try tx.row(
            """
            SELECT id, name, retired_at, FALSE AS is_previous FROM agents WHERE api_key_hash = \(keyHash)
            UNION ALL
            SELECT id, name, retired_at, TRUE AS is_previous FROM agents
            WHERE previous_api_key_hash = \(keyHash) AND previous_key_expires_at > \(tx.now)
            LIMIT 1
            """
        )
        return try row.map { row in
            AgentCredential(
                id: try row.id("id"),
                name: try row.text("name"),
                isRetired: try row.optionalTime("retired_at") != nil,
                isPreviousKey: try row.bool("is_previous")
            )
        }
    }

    /// Replaces the key; the old one stays valid until `overlapEnd`.
    package func rotateKey(
        of id: AgentID,
        to keyHash: String,
        overlapEnd: Timestamp,
        in tx: any Transaction
    ) throws {
        let changed = try tx.execute(
            """
            UPDATE agents SET previous_api_key_hash = api_key_hash, previous_key_expires_at = \(overlapEnd),
                api_key_hash = \(keyHash), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND retired_at IS NULL
            """
        )
        guard changed == 1 else { throw StoreError.notFound(.agent, id: id.text) }
        try tx.notify(.access, payload: id.text)
    }

    /// Ends the validity of the replaced key, once the new one was used.
    package func dropPreviousKey(of id: AgentID, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE agents SET previous_api_key_hash = NULL, previous_key_expires_at = NULL, updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND previous_api_key_hash IS NOT NULL
            """
        )
        try tx.notify(.access, payload: id.text)
    }
}
