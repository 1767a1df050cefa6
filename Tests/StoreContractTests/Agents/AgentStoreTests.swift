import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §3.5, §4.4: agents, their liveness and their retirement")
struct AgentStoreTests {
    private let agents = AgentStore()

    private func status(_ id: AgentID, in tx: any Transaction) throws -> AgentStatus {
        try agents.get(id, in: tx).status
    }

    @Test("a name is free again after retirement; keys are found by hash", arguments: Engine.available)
    func registration(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let hash = Unique.hex64()
            let id: AgentID = Unique.id()
            let new = NewAgent(id: id, name: "edge", hostname: "h", keyHash: hash, metadata: AgentMetadata())
            let twin = NewAgent(
                id: Unique.id(),
                name: "edge",
                hostname: "h",
                keyHash: Unique.hex64(),
                metadata: AgentMetadata()
            )
            try await database.write { [agents] in try agents.insert(new, in: $0) }
            await #expect(throws: StoreError.alreadyExists(.agent, field: "name")) {
                try await database.write { [agents] in try agents.insert(twin, in: $0) }
            }
            try await database.write { [agents] tx in
                #expect(try agents.find(keyHash: hash, in: tx)?.id == id)
                #expect(try agents.find(keyHash: Unique.hex64(), in: tx) == nil)
                let next = Unique.hex64()
                try agents.rotateKey(of: id, to: next, overlapEnd: tx.now + .hours(24), in: tx)
                #expect(try agents.find(keyHash: next, in: tx)?.isPreviousKey == false)
                #expect(try agents.find(keyHash: hash, in: tx)?.isPreviousKey == true)
                try agents.dropPreviousKey(of: id, in: tx)
                #expect(try agents.find(keyHash: hash, in: tx) == nil)
                _ = try agents.retire(id, reason: nil, expecting: nil, in: tx)
                #expect(try agents.find(keyHash: next, in: tx)?.isRetired == true)
                try agents.insert(twin, in: tx)
            }
        }
    }

    @Test("the state follows heartbeat, clock and recent jobs", arguments: Engine.available)
    func liveness(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [agents] tx in
                let id = seed.agent
                #expect(try status(id, in: tx) == .offline)
                try agents.record([Heartbeat(agentID: id, at: tx.now - .minutes(6))], in: tx)
                #expect(try status(id, in: tx) == .offline)
                try agents.record([Heartbeat(agentID: id, at: tx.now - .minutes(4))], in: tx)
                #expect(try status(id, in: tx) == .online)
                try agents.record([Heartbeat(agentID: id, at: tx.now - .minutes(9))], in: tx)
                #expect(try agents.get(id, in: tx).lastHeartbeatAt == tx.now - .minutes(4), "older ones do not count")
                let skewed = Heartbeat(agentID: id, at: tx.now, clockOffset: .seconds(-61))
                try agents.record([skewed, Heartbeat(agentID: id, at: tx.now - .minutes(1))], in: tx)
                #expect(try status(id, in: tx) == .degraded)
                try agents.record([Heartbeat(agentID: id, at: tx.now + .seconds(1))], in: tx)
                #expect(try status(id, in: tx) == .online)
                let jobs = JobStore()
                let certificate = try seed.certificate(in: tx).id
                for failures in 1...3 {
                    let job = seed.job(.deployment, of: certificate, agent: id, target: seed.target)
                    try jobs.open([job], in: tx)
                    let failure = JobFailure(errorClass: .permanent, message: "x", retryAt: nil)
                    _ = try jobs.fail(job.id, holder: nil, from: [.pending], failure, in: tx)
                    #expect(try status(id, in: tx) == (failures == 3 ? .degraded : .online))
                }
                let changes = try agents.refreshStatuses(limit: 10, in: tx)
                #expect(changes.map(\.to) == [.degraded] && changes.map(\.from) == [.offline])
                #expect(try agents.refreshStatuses(limit: 10, in: tx).isEmpty)
            }
        }
    }

    @Test("empty metadata leaves what is stored, and nothing new writes nothing", arguments: Engine.available)
    func metadata(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [agents] tx in
                let said = AgentMetadata(version: "1.2.3")
                #expect(try agents.recordMetadata(said, of: seed.agent, in: tx))
                #expect(try !agents.recordMetadata(said, of: seed.agent, in: tx))
                #expect(try !agents.recordMetadata(AgentMetadata(), of: seed.agent, in: tx))
                let agent = try agents.get(seed.agent, in: tx)
                #expect(agent.version == "1.2.3" && agent.os == "linux" && agent.rowVersion == 2)
            }
        }
    }

    @Test("retirement takes targets and jobs with it, once", arguments: Engine.available)
    func retirement(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [agents] tx in
                let certificate = try seed.certificate(in: tx).id
                try CertificateStore().attach([seed.target], to: certificate, in: tx)
                let job = seed.job(.deployment, of: certificate, agent: seed.agent, target: seed.target)
                try JobStore().open([job], in: tx)
                let dependents = try agents.dependents(of: seed.agent, in: tx)
                #expect(
                    dependents.counts == ["active_targets": 1, "active_certificates": 1, "pending_jobs": 1]
                )
                let done = try #require(try agents.retire(seed.agent, reason: "moved", expecting: nil, in: tx))
                #expect(done.retiredTargets == [seed.target] && done.cancelledJobs.map(\.id) == [job.id])
                #expect(try TargetStore().get(seed.target, in: tx).retiredReason == "moved")
                #expect(try agents.retire(seed.agent, reason: "again", expecting: nil, in: tx) == nil)
                #expect(try agents.get(seed.agent, in: tx).retiredReason == "moved")
                #expect(try agents.dependents(of: seed.agent, in: tx).isEmpty)
            }
            let sentinel = NewAgent(
                id: AgentID(stored: "server-scanner"),
                name: "server-scanner",
                hostname: "server",
                keyHash: Unique.hex64(),
                metadata: AgentMetadata()
            )
            try await database.write { [agents] in try agents.insert(sentinel, in: $0) }
            await #expect(throws: StoreError.self) {
                try await database.write { [agents] in
                    _ = try agents.retire(sentinel.id, reason: "x", expecting: nil, in: $0)
                }
            }
            var filter = AgentFilter()
            filter.retirement = .any
            let request = ListRequest.first(filter, sort: AgentSort.name)
            let listed = try await database.read { [agents] in try agents.list(request, in: $0) }
            #expect(listed.rows.map(\.id) == [seed.agent], "sentinels are not listed")
        }
    }

    @Test("lists filter by computed state", arguments: Engine.available)
    func lists(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let online = try await database.seed().agent
            let offline = try await database.seed().agent
            try await database.write { [agents] tx in
                try agents.record([Heartbeat(agentID: online, at: tx.now)], in: tx)
                for (status, expected) in [(AgentStatus.online, online), (.offline, offline)] {
                    var filter = AgentFilter()
                    filter.statuses = [status]
                    filter.operatingSystems = ["linux"]
                    filter.search = "EDGE"
                    let page = try agents.list(.first(filter, sort: .registeredAt), in: tx)
                    #expect(page.rows.map(\.id) == [expected] && page.total == 1)
                }
            }
        }
    }

    @Test("an enrolment token serves as often as it may, then never", arguments: Engine.available)
    func enrolmentTokens(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let tokens = EnrollmentTokenStore()
            let hash = Unique.hex64()
            let expired = Unique.hex64()
            let revoked = Unique.hex64()
            let revokedID: EnrollmentTokenID = Unique.id()
            try await database.write { tx in
                func insert(_ id: EnrollmentTokenID, _ hash: String, uses: Int, until end: Timestamp) throws {
                    try tokens.insert(
                        NewEnrollmentToken(
                            id: id,
                            tokenHash: hash,
                            agentName: "edge",
                            maxUses: uses,
                            createdBy: Seed.operatorActor,
                            expiresAt: end
                        ),
                        in: tx
                    )
                }
                try insert(Unique.id(), hash, uses: 2, until: tx.now + .hours(1))
                try insert(Unique.id(), expired, uses: 2, until: tx.now + .hours(1))
                try insert(revokedID, revoked, uses: 2, until: tx.now + .hours(1))
                _ = try tx.execute(
                    """
                    UPDATE agent_enrollment_tokens SET created_at = \(tx.now - .hours(2)),
                        expires_at = \(tx.now - .seconds(1)) WHERE token_hash = \(expired)
                    """
                )
                #expect(try tokens.revoke(revokedID, in: tx))
                #expect(try !tokens.revoke(revokedID, in: tx))
            }
            let uses = try await withThrowingTaskGroup(of: Int.self) { group in
                for candidate in [hash, hash, hash, hash, expired, revoked, Unique.hex64()] {
                    group.addTask {
                        try await database.write { try tokens.consume(tokenHash: candidate, in: $0) == nil ? 0 : 1 }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(uses == 2)
            let listed = try await database.read { try tokens.list(limit: 10, in: $0) }
            #expect(listed.count == 3 && listed.map(\.uses).max() == 2)
        }
    }
}
