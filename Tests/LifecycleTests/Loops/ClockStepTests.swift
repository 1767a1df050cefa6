import ConnectorKit
import DatabaseTestSupport
import Domain
import Lifecycle
import PKI
import Query
import Store
import Synchronization
import Testing

@Suite("A wall clock that is set a day forward or back loses no work and does none of it twice")
struct ClockStepTests {
    private static let web = AgentID(stored: "web-01")
    static let steps = [Duration.days(1), .days(-1)]

    private static func beat(_ world: World, running: [JobID] = []) async throws -> HeartbeatAnswer {
        try await world.heartbeats.record(web, metadata: AgentMetadata(), runningJobs: running, agentTime: nil)
    }

    private static func claim(_ world: World) async throws -> Job {
        try #require(try await world.work.claim(for: web).first).work.job
    }

    private static func count(_ world: World, _ state: SQL) async throws -> Int {
        try await world.count("SELECT COUNT(*) AS n FROM issuer_orders WHERE \(fragment: state)")
    }

    // MARK: The CA

    @Test("a call to the CA that is under way is neither given up nor made again", arguments: steps)
    func callUnderWay(step: Duration) async throws {
        try await World.with(.sqlite) { world async throws in
            // A CA that was there before the day which is taken back.
            let issuer = SlowIssuer(try await world.registry.connector(for: World.issuer, revision: 1))
            world.clock.advance(by: .days(2))
            let job = try await IssueFlowTests.awaitingCSR(world)
            let flow = IssueFlow(world.context, registry: IssuerRegistry { _ in (1, issuer) }, instance: "one")
            let csr = try World.csr("api")
            let agent = Authorship(actor: Actor(id: Self.web.text, type: .agent), origin: nil, clearance: .system)
            let submission = Task {
                try await flow.submit(agentCSR: csr, of: Self.web, job: job.id, certificate: nil, by: agent)
            }
            try await issuer.awaitCall()
            world.clock.advance(by: step)
            // There is nothing to send the audit log to, nobody signs in here, and no relying party asks, hence no loops
            // for that.
            let missing: Set<LoopName> = [
                .auditExport, .sessionGC, .sessionKeys, .userRetention, .ocspResponders, .ocspPresigning,
                .revocationLists, .acmeOrders, .acmeGC, .operations,
                .upstreamRevocations, .trustUpkeep,
            ]
            for loop in LoopName.allCases where !missing.contains(loop) { _ = try await world.tick(loop) }
            #expect(try await world.jobs(of: "api").map(\.status) == [.running])
            #expect(try await world.work.claim(for: Self.web).isEmpty)
            issuer.answer()
            guard case .issued = try await submission.value else {
                Issue.record("not issued")
                return
            }
            #expect(issuer.calls == 1)
            #expect(try await Self.count(world, "state = 'issued'") == 1)
            #expect(try await Self.count(world, "state <> 'issued'") == 0)
            #expect(try await world.versions(of: "api").count == 1)
            // What this process is not doing is still given up.
            #expect(try await Self.claim(world).type == .deployment)
        }
    }

    @Test("an order whose process ended is given up all the same")
    func lostOrder() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            _ = try await world.registry.connector(for: World.issuer, revision: 1)
            world.database.dieAtWrite(2)
            _ = try? await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
            #expect(try await world.tick(.orders).rows == 0)
            world.clock.advance(by: .days(1))
            #expect(try await world.tick(.orders).rows == 1)
            #expect(try await world.jobs(of: "api").map(\.status) == [.awaitingCSR])
        }
    }

    @Test("what came due in a day that was not is renewed once", arguments: [true, false])
    func renewal(isAnsweredBefore: Bool) async throws {
        try await World.with(.sqlite) { world async throws in
            try await DeploymentFlowTests.issued(world)
            _ = try await DeploymentFlowTests.report(
                world, try await Self.claim(world).id, JobReport(status: .completed))
            let due = try #require(try await world.stored("api").nextRenewalAt)
            world.clock.advance(by: due - .hours(12) - world.clock.now)
            _ = try await world.tick(.renewalCheck)
            #expect(try await world.jobs(of: "api", type: [.renewal]).isEmpty)
            world.clock.advance(by: .days(1))
            _ = try await world.tick(.renewalCheck)
            let job = try #require(try await world.jobs(of: "api", type: [.renewal]).first)
            func answer() async throws {
                _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
                _ = try await DeploymentFlowTests.report(
                    world, try await Self.claim(world).id, JobReport(status: .completed))
            }
            if isAnsweredBefore { try await answer() }
            world.clock.advance(by: .days(-1))
            _ = try await world.tick(.renewalCheck)
            // The agent finds what was opened in the day that was taken back.
            if !isAnsweredBefore { try await answer() }
            for _ in 0..<3 {
                world.clock.advance(by: .hours(12))
                _ = try await world.tick(.renewalCheck)
            }
            #expect(try await world.jobs(of: "api", type: [.renewal]).map(\.status) == [.completed])
            #expect(try await Self.count(world, "state = 'issued'") == 2)
            #expect(try await Self.count(world, "state <> 'issued'") == 0)
        }
    }

    // MARK: Jobs and leases

    @Test("an agent that is at work keeps its job and finishes it in one attempt", arguments: steps)
    func heldLease(step: Duration) async throws {
        try await World.with(.sqlite) { world async throws in
            try await DeploymentFlowTests.issued(world)
            let job = try await Self.claim(world)
            world.clock.advance(by: step)
            #expect(try await Self.beat(world, running: [job.id]).heldJobs == [job.id])
            #expect(try await world.tick(.jobTimeout).rows == 0)
            world.clock.advance(by: .minutes(4))
            #expect(try await world.tick(.jobTimeout).rows == 0)
            let done = try await DeploymentFlowTests.report(world, job.id, JobReport(status: .completed))
            #expect(done.status == .completed && done.attempts == 1)
        }
    }

    @Test("the job of an agent that died is taken back within a lease", arguments: steps)
    func abandonedLease(step: Duration) async throws {
        try await World.with(.sqlite) { world async throws in
            try await DeploymentFlowTests.issued(world)
            _ = try await Self.beat(world)
            let job = try await Self.claim(world)
            world.clock.advance(by: step)
            if step < .zero {
                #expect(try await world.tick(.jobTimeout).rows == 0)
                world.clock.advance(by: .minutes(5) + .seconds(1))
            }
            #expect(try await world.tick(.jobTimeout).rows == 1)
            let again = try await Self.claim(world)
            #expect(again.id == job.id && again.attempts == 2)
            #expect(try await world.work.claim(for: Self.web).isEmpty)
        }
    }

    @Test("work that waits is found at once after the clock was set back")
    func waitingWork() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            world.clock.advance(by: .days(-1))
            #expect(try await Self.claim(world).id == job.id)
            _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id)
            world.clock.advance(by: .days(-1))
            let deployment = try await Self.claim(world)
            #expect(deployment.type == .deployment)
            let failure = JobReport(status: .failed, error: "no reload", errorCode: "reload_failed")
            let failed = try await DeploymentFlowTests.report(world, deployment.id, failure)
            #expect(failed.phase == .retryScheduled)
            #expect(try await world.tick(.jobRetry).rows == 0)
            world.clock.advance(by: .days(-1))
            #expect(try await world.tick(.jobRetry).rows == 1)
            #expect(try await Self.claim(world).id == deployment.id)
            #expect(try await Self.count(world, "state = 'issued'") == 1)
        }
    }

    @Test("agents are seen as they are: heard after the step, and silent when they fall silent", arguments: steps)
    func liveness(step: Duration) async throws {
        try await World.with(.sqlite) { world async throws in
            func status() async throws -> AgentStatus {
                _ = try await world.tick(.agentHealth)
                return try await world.database.read { tx in try AgentStore().get(Self.web, in: tx).status }
            }
            try await world.agent("web-01")
            _ = try await Self.beat(world)
            world.clock.advance(by: step)
            _ = try await Self.beat(world)
            #expect(try await status() == .online)
            world.clock.advance(by: .minutes(5) + .seconds(1))
            #expect(try await status() == .offline)
            _ = try await Self.beat(world)
            #expect(try await status() == .online)
        }
    }

    // MARK: Leadership and loops

    @Test("the leader leads on, and a dead one is followed at once", arguments: steps)
    func leadership(step: Duration) async throws {
        try await World.with(.sqlite) { world async throws in
            let first = world.leadership("first")
            try await first.attempt()
            world.clock.advance(by: step)
            #expect(first.currentEpoch == nil)
            #expect(try await first.attempt() != nil)
            let epoch = try #require(first.currentEpoch)
            // Nobody takes a lease that is held.
            let second = world.leadership("second")
            #expect(try await second.attempt() == nil)
            #expect(try await first.attempt() == epoch)
            world.clock.advance(by: step)
            let successor = try #require(try await second.attempt())
            #expect(successor > epoch)
            // The first one is fenced, should it live after all.
            let fence = Fence(epoch: epoch)
            await #expect(throws: StoreError.leadershipLost(epoch: epoch)) {
                try await world.database.write { tx in try fence.check(in: tx) }
            }
        }
    }

    @Test("the loops keep their rhythm", arguments: steps)
    func loops(step: Duration) async throws {
        try await World.with(.sqlite) { world async throws in
            let runs = Atomic(0)
            let loop = Loop(name: .housekeeping, interval: .hours(1), budget: .minutes(1), placement: .leader) { _ in
                runs.add(1, ordering: .relaxed)
                return LoopOutcome(rows: 0)
            }
            let leadership = world.leadership()
            let runner = LoopRunner(
                loops: [loop], leadership: leadership, database: world.database, time: world.time, random: .system,
                log: World.log)
            /// Lets time pass minute by minute until the loop has run that often.
            func minutes(untilRun number: Int) async throws -> Int {
                for minute in 0..<90 {
                    try await world.clock.settle()
                    if runs.load(ordering: .relaxed) >= number { return minute }
                    world.clock.advance(by: .minutes(1))
                }
                return .max
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await leadership.run() }
                group.addTask { await runner.run() }
                #expect(try await minutes(untilRun: 1) <= 1)
                world.clock.advance(by: step)
                let wait = try await minutes(untilRun: 2)
                // An hour give or take; on a busy machine minutes pass while the loop is still writing. What a day that
                // never was would do is far outside: a loop at rest for a day, or one that never rests.
                #expect(step > .zero ? wait <= 15 : wait <= 80, "\(wait) minutes")
                let next = try await minutes(untilRun: 3)
                #expect((40...85).contains(next), "\(next) minutes")
                group.cancelAll()
            }
        }
    }
}

/// A CA that thinks until the test lets it answer.
private final class SlowIssuer: IssuerConnector {
    struct NotCalled: Error {}

    let capabilities: IssuerCapabilities
    private let real: any IssuerConnector
    private let called = Atomic(0)
    private let mayAnswer = Atomic(false)

    init(_ real: any IssuerConnector) {
        self.real = real
        capabilities = real.capabilities
    }

    var calls: Int { called.load(ordering: .acquiring) }

    func answer() { mayAnswer.store(true, ordering: .releasing) }

    func awaitCall() async throws {
        for _ in 0..<2500 {
            if calls > 0 { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        throw NotCalled()
    }

    func issue(_ request: IssuanceRequest) async throws(IssuerError) -> IssuanceOutcome {
        called.add(1, ordering: .acquiringAndReleasing)
        for _ in 0..<2500 where !mayAnswer.load(ordering: .acquiring) {
            try? await Task.sleep(for: .milliseconds(2))
        }
        return try await real.issue(request)
    }

    func poll(_ order: UpstreamOrder) async throws(IssuerError) -> IssuanceOutcome { try await real.poll(order) }
    func authorityChain() async throws(IssuerError) -> [X509Certificate] { try await real.authorityChain() }
    func testConnection() async -> [ConnectionCheck] { await real.testConnection() }
}
