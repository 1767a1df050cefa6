import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Rows that were written in a day which the clock has taken back hold nothing up")
struct ClockSetBackTests {
    private let jobs = JobStore()

    /// As if the clock had shown a day more when the jobs were last written.
    private static func written(aDayAhead columns: SQL, in tx: any Transaction) throws {
        try tx.execute("UPDATE jobs SET updated_at = \(tx.now + .days(1)), \(fragment: columns)")
    }

    @Test("jobs that wait are due, and jobs that are put off on purpose are not", arguments: Engine.available)
    func waitingJobs(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let later = tx.now + .days(1)
                let issuance = seed.job(.issuance, of: certificate, scheduledAt: later)
                let deployment = seed.job(
                    .deployment, of: certificate, agent: seed.agent, target: seed.target, scheduledAt: later)
                let csr = seed.job(
                    .renewal, of: certificate, status: .awaitingCSR, agent: seed.agent, scheduledAt: later)
                try jobs.open([issuance, deployment, csr], in: tx)
                func claims() throws -> Set<JobID> {
                    let own = try jobs.claimForServer(limit: 9, owner: "w", lease: .minutes(5), in: tx).map(\.id)
                    guard try jobs.hasWork(for: seed.agent, in: tx) else { return Set(own) }
                    let work = try jobs.claimForAgent(
                        seed.agent, limit: 9, mostOutstanding: 9, lease: .minutes(5), in: tx)
                    return Set(own + work.map(\.job.id))
                }
                #expect(try claims() == [])
                try Self.written(aDayAhead: "scheduled_at = \(later)", in: tx)
                #expect(try claims() == [issuance.id, deployment.id, csr.id])
            }
        }
    }

    @Test("a retry of that day is due now, and its job after it", arguments: Engine.available)
    func retries(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let deployment = seed.job(.deployment, of: certificate, agent: seed.agent, target: seed.target)
                try jobs.open([deployment], in: tx)
                _ = try jobs.claimForAgent(seed.agent, limit: 1, mostOutstanding: 1, lease: .minutes(5), in: tx)
                let failure = JobFailure(errorClass: .transient, message: "x", retryAt: tx.now + .minutes(1))
                _ = try jobs.fail(deployment.id, holder: seed.agent.text, failure, in: tx)
                #expect(try jobs.startRetries(limit: 9, in: tx).isEmpty)
                try Self.written(aDayAhead: "scheduled_at = \(tx.now + .days(1))", in: tx)
                #expect(try jobs.startRetries(limit: 9, in: tx).map(\.id) == [deployment.id])
                let again = try jobs.claimForAgent(
                    seed.agent, limit: 1, mostOutstanding: 1, lease: .minutes(5), in: tx)
                #expect(again.map(\.job.id) == [deployment.id])
            }
        }
    }

    @Test(
        "a lease of that day is as long as any other; who is known to be at work keeps it", arguments: Engine.available)
    func leases(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { [jobs] tx in
                let certificate = try seed.certificate(in: tx).id
                let opened = (0..<2).map { _ in seed.job(.issuance, of: certificate) }
                try jobs.open(opened, in: tx)
                _ = try jobs.claimForServer(limit: 2, owner: "w", lease: .minutes(5), in: tx)
                #expect(try jobs.shortenLeases(to: .minutes(1), limit: 9, in: tx) == 0, "a setting that was lowered")
                try Self.written(aDayAhead: "lease_expires_at = \(tx.now + .days(1))", in: tx)
                #expect(try jobs.shortenLeases(to: .minutes(5), limit: 1, in: tx) == 1)
                #expect(try jobs.shortenLeases(to: .minutes(5), limit: 9, in: tx) == 1)
                #expect(try jobs.shortenLeases(to: .minutes(5), limit: 9, in: tx) == 0)
                let ends = try opened.map { try jobs.get($0.id, in: tx).leaseExpiresAt }
                #expect(ends.allSatisfy { $0 == tx.now + .minutes(5) })

                try tx.execute("UPDATE jobs SET lease_expires_at = \(tx.now - .seconds(1))")
                let expired = try jobs.expireLeases(
                    agentSilence: .days(9), except: [opened[0].id], limit: 9, in: tx)
                #expect(expired.requeued.map(\.id) == [opened[1].id])
                #expect(try jobs.get(opened[0].id, in: tx).status == .running)
            }
        }
    }

    @Test("orders that are known to be under way are not given up", arguments: Engine.available)
    func orders(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { tx in
                let orders = OrderStore()
                let ids: [OrderID] = try (0..<2).map { number in
                    let id: OrderID = Unique.id()
                    try orders.record(
                        NewOrder(
                            id: id, issuerID: seed.issuer, certificateID: nil, jobID: nil, purpose: .issue,
                            idempotencyKey: "k\(number)", serialNumber: nil, csrPEM: nil, csrSHA256: Unique.hex64()),
                        in: tx)
                    return id
                }
                let horizon = tx.now + .days(1)
                let given = try orders.abandon(submittedBefore: horizon, except: [ids[0]], limit: 9, in: tx)
                #expect(given.map(\.id) == [ids[1]])
                #expect(try orders.abandon(submittedBefore: horizon, limit: 9, in: tx).map(\.id) == [ids[0]])
            }
        }
    }

    @Test("leadership, due times and heartbeats of that day give way to present ones", arguments: Engine.available)
    func leaders(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { tx in
                let tomorrow = tx.now + .days(1)
                func hold(_ holder: String) throws -> Int? {
                    try LeaderLease().hold(as: holder, host: "h", processID: 1, for: .seconds(15), in: tx)
                }
                let first = try #require(try hold("first"))
                #expect(try hold("second") == nil)
                try tx.execute("UPDATE scheduler_leader SET expires_at = \(tomorrow)")
                #expect(try hold("second") == first + 1)
                #expect(try hold("first") == nil)

                let loops = LoopStateStore()
                try loops.record(
                    "probe", startedAt: tx.now, finishedAt: tx.now, result: .success, error: nil, nextDueAt: tomorrow,
                    epoch: 0, in: tx)
                for (asked, due) in [(tx.now + .days(2), tomorrow), (tx.now, tx.now)] {
                    try loops.advance("probe", to: asked, in: tx)
                    #expect(try loops.state(of: "probe", in: tx)?.nextDueAt == due)
                }

                let agents = AgentStore()
                try agents.record([Heartbeat(agentID: seed.agent, at: tomorrow)], in: tx)
                try agents.record([Heartbeat(agentID: seed.agent, at: tx.now)], in: tx)
                #expect(try agents.get(seed.agent, in: tx).lastHeartbeatAt == tx.now)
            }
        }
    }
}
