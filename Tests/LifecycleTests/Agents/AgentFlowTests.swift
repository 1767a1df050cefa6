import Access
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("Heartbeats and retirement of agents")
struct AgentFlowTests {
    static let web = AgentID(stored: "web-01")

    @Test("a heartbeat keeps leases, compares clocks, and leaves empty members alone", arguments: Engine.available)
    func heartbeat(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await DeploymentFlowTests.issued(world)
            let job = try #require(try await world.work.claim(for: Self.web).first).work.job
            let foreign = JobID(stored: "job-of-somebody-else")
            let answer = try await world.heartbeats.record(
                Self.web,
                metadata: AgentMetadata(version: "2.0.0"),
                runningJobs: [job.id, foreign],
                agentTime: world.time.now + .seconds(90)
            )
            #expect(answer.heldJobs == [job.id])
            let offset = try #require(answer.clockOffset)
            #expect(offset > .seconds(80) && offset < .seconds(100))
            let agent = try await world.database.read { tx in try AgentStore().get(Self.web, in: tx) }
            #expect(agent.version == "2.0.0")
            #expect(agent.os == "linux")
            #expect(agent.lastHeartbeatAt != nil)
            #expect(agent.status == .degraded)
        }
    }

    @Test("unknown agents are 404, retired ones 410")
    func goneAgents() async throws {
        try await World.with(.sqlite) { world async throws in
            func beat(_ id: String) async -> ErrorCode? {
                await refusal {
                    _ = try await world.heartbeats.record(
                        AgentID(stored: id),
                        metadata: AgentMetadata(),
                        runningJobs: [],
                        agentTime: nil
                    )
                }
            }
            #expect(await beat("web-01") == .notFound)
            try await world.agent("web-01")
            #expect(await beat("web-01") == nil)
            let retire = RetireFlow(world.context)
            _ = try await retire.retire(Self.web, force: false, reason: nil, expecting: nil, by: world.author)
            #expect(await beat("web-01") == .agentRetired)
        }
    }

    @Test("retiring needs force and a reason while anything depends on the agent", arguments: Engine.available)
    func retire(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            _ = try await IssueFlowTests.awaitingCSR(world)
            let flow = RetireFlow(world.context)
            func retire(_ force: Bool, _ reason: String?) async throws -> RetireAnswer {
                try await flow.retire(Self.web, force: force, reason: reason, expecting: nil, by: world.author)
            }
            let blocked = await #expect(throws: ServiceError.self) { _ = try await retire(false, nil) }
            #expect(blocked?.code == .blockedByDependencies)
            #expect(blocked?.counts == ["active_targets": 1, "active_certificates": 1, "pending_jobs": 1])
            #expect(await refusal { _ = try await retire(true, "  ") } == .validationFailed)
            guard case .retired(_, let cascaded, let before) = try await retire(true, "host is gone") else {
                Issue.record("not retired")
                return
            }
            #expect(cascaded)
            #expect(before.pendingJobs == 1)
            #expect(try await world.jobs(of: "api").map(\.status) == [.cancelled])
            let stored = try await world.stored("api")
            #expect(stored.status == .pending)
            #expect(stored.nextRenewalAt == nil)
            guard case .alreadyRetired = try await retire(true, "again") else {
                Issue.record("retired twice")
                return
            }
            let events = try await world.actions(on: "web-01")
            #expect(events.filter { $0 == "agent_retired" }.count == 1)
            #expect(events.contains("agent_retirement_cascaded"))
        }
    }

    @Test("the server's own agents stay", arguments: SentinelAgent.identifiers)
    func sentinels(id: String) async throws {
        try await World.with(.sqlite) { world async throws in
            let code = await refusal {
                _ = try await RetireFlow(world.context).retire(
                    AgentID(stored: id),
                    force: true,
                    reason: "no",
                    expecting: nil,
                    by: world.author
                )
            }
            #expect(code == .sentinelAgent)
        }
    }
}
