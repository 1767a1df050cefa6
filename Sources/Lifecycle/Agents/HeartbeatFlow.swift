package import Domain
import Query
package import Store

/// What a heartbeat told, and what its answer tells.
package struct HeartbeatAnswer: Sendable {
    /// The agent's clock minus the server's; `nil` when the agent did not say its time.
    package let clockOffset: Duration?
    /// Of the jobs that the agent named, those that it still holds; it stops work on the others.
    package let heldJobs: [JobID]
    package let serverTime: Timestamp
}

/// Takes the heartbeats of agents (specification, domain §4.4, §6.2).
package struct HeartbeatFlow: Sendable {
    /// Jobs that one heartbeat may name.
    private static let mostJobs = 100

    private let context: LifecycleContext
    private let agents: AgentStore
    private let jobs = JobStore()

    package init(_ context: LifecycleContext) {
        self.context = context
        agents = AgentStore(offlineAfter: context.timing.agentOfflineAfter)
    }

    /// Notes that an agent lives, extends the leases of the jobs that it works on, and compares clocks.
    ///
    /// Throws 404 for an unknown agent and 410 for a retired one.
    package func record(
        _ id: AgentID,
        metadata: AgentMetadata,
        runningJobs: [JobID],
        agentTime: Timestamp?,
        lastError: String? = nil
    ) async throws -> HeartbeatAnswer {
        try await context.write { tx in
            let agent = try agents.get(id, in: tx)
            guard agent.retiredAt == nil else { throw Self.retired(id) }
            let offset = agentTime.map { $0 - tx.now }
            let beat = Heartbeat(
                agentID: id, at: tx.now, clockOffset: offset ?? .zero, lastError: lastError.map { Self.cut($0, 1000) }
            )
            try agents.record([beat], in: tx)
            try agents.recordMetadata(Self.cut(metadata), of: id, in: tx)
            let held = try jobs.extendLeases(
                Array(runningJobs.prefix(Self.mostJobs)),
                owner: id.text,
                lease: context.timing.runningLease,
                in: tx
            )
            return HeartbeatAnswer(clockOffset: offset, heldJobs: held, serverTime: tx.now)
        }
    }

    static func retired(_ id: AgentID) -> ServiceError {
        ServiceError(.agentRetired, "agent \(id.text) is retired; enrol it again under a new name to use it")
    }

    /// Longer texts than the columns hold are cut rather than refused: a heartbeat must not fail over them.
    private static func cut(_ metadata: AgentMetadata) -> AgentMetadata {
        AgentMetadata(
            hostname: cut(metadata.hostname, 255),
            os: cut(metadata.os, 100),
            architecture: cut(metadata.architecture, 100),
            ipAddress: cut(metadata.ipAddress, 45),
            version: cut(metadata.version, 50),
            capabilities: metadata.capabilities.map { list in list.prefix(64).map { cut($0, 64) } }
        )
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { !$0.isControl }.prefix(limit)))
    }
}
