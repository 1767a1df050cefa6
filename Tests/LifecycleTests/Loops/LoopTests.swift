import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("Loops do what is due, once, on the leader alone")
struct LoopTests {
    static let web = AgentID(stored: "web-01")

    @Test("a due certificate is renewed by itself, and a second run changes nothing")
    func renewal() async throws {
        try await World.with(.sqlite) { world async throws in
            try await DeploymentFlowTests.issued(world)
            let due = try #require(try await world.stored("api").nextRenewalAt)
            #expect(try await world.tick(.renewalCheck).rows == 0)
            world.clock.advance(by: due - world.clock.now)
            #expect(try await world.tick(.renewalCheck).rows >= 1)
            #expect(try await world.stored("api").status == .renewalInProgress)
            let renewals = try await world.jobs(of: "api", type: [.renewal])
            #expect(renewals.map(\.trigger) == [.schedule])
            #expect(try await world.tick(.renewalCheck).rows == 0)
            #expect(try await world.jobs(of: "api", type: [.renewal]).count == 1)
        }
    }

    @Test("an issuable certificate is issued without anybody asking", arguments: Engine.available)
    func firstIssuance(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            try await world.certificate("api", targets: ["edge"])
            try await world.certificate("alone")
            #expect(try await world.tick(.renewalCheck).rows == 1)
            #expect(try await world.jobs(of: "api").map(\.status) == [.awaitingCSR])
            #expect(try await world.jobs(of: "alone").isEmpty)
        }
    }

    @Test("two replicas that both run the loop open one renewal", arguments: Engine.available)
    func twoReplicas(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            for number in 0..<20 { try await world.certificate("c\(number)", targets: ["edge"]) }
            // Both hold the same lease, as if a paused leader had woken up next to itself.
            let leadership = world.leadership()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask { _ = try await world.tick(.renewalCheck, led: leadership) }
                }
                try await group.waitForAll()
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM jobs") == 20)
        }
    }

    @Test("a renewal that cannot be opened is recorded and pushed back, and the others go on")
    func failingRow() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            _ = try await world.issuers.create(
                IssuerDraft(id: "iss-2", name: "Second", type: "GenericCA"), by: world.author)
            var draft = world.draft("broken", targets: ["edge"])
            draft.issuerID = "iss-2"
            _ = try await world.certificates.create(draft, by: world.author)
            try await world.certificate("fine", targets: ["edge"])
            var change = IssuerChange()
            change.enabled = .set(false)
            _ = try await world.issuers.update(IssuerID(stored: "iss-2"), change, expecting: nil, by: world.author)
            #expect(try await world.tick(.renewalCheck).rows == 2)
            let broken = try await world.stored("broken")
            #expect(broken.status == .failed)
            #expect(broken.lastError?.contains("disabled") == true)
            #expect(broken.nextRenewalAt == world.clock.now + .hours(1))
            #expect(try await world.stored("fine").status == .renewalInProgress)
        }
    }

    @Test("status follows validity: expiring at the window, expired at the end")
    func statusByValidity() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.certificate("api")
            _ = try await world.issuance.submit(
                clientCSR: try World.csr("api"),
                for: CertificateID(stored: "api"),
                by: world.author
            )
            let expiry = try #require(try await world.stored("api").expiresAt)
            world.clock.advance(by: expiry - .days(31) - world.clock.now)
            _ = try await world.tick(.renewalCheck)
            #expect(try await world.stored("api").status == .active)
            world.clock.advance(by: .days(1))
            #expect(try await world.tick(.renewalCheck).rows == 1)
            #expect(try await world.stored("api").status == .expiring)
            #expect(try await world.tick(.expiry).rows == 0)
            world.clock.advance(by: .days(30))
            #expect(try await world.tick(.expiry).rows == 1)
            #expect(try await world.stored("api").status == .expired)
            #expect(try await world.tick(.expiry).rows == 0)
        }
    }

    @Test("an agent that sends no CSR costs an attempt; when all are spent the certificate fails")
    func csrTimeout() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await IssueFlowTests.awaitingCSR(world)
            for attempt in 1...job.maxAttempts {
                world.clock.advance(by: .hours(24) + .seconds(1))
                #expect(try await world.tick(.jobTimeout).rows == 1)
                let current = try #require(try await world.jobs(of: "api").first)
                #expect(current.attempts == attempt)
                guard attempt < job.maxAttempts else { break }
                #expect(current.phase == .retryScheduled)
                world.clock.advance(by: .minutes(2))
                #expect(try await world.tick(.jobRetry).rows == 1)
            }
            #expect(try await world.jobs(of: "api").first?.phase == .failed)
            #expect(try await world.stored("api").status == .failed)
        }
    }

    @Test("a deployment whose agent fell silent returns to the queue and fails at last")
    func lostLease() async throws {
        try await World.with(.sqlite) { world async throws in
            try await DeploymentFlowTests.issued(world)
            for attempt in 1...3 {
                let item = try #require(try await world.work.claim(for: Self.web).first)
                #expect(item.work.job.attempts == attempt)
                #expect(try await world.tick(.jobTimeout).rows == 0)
                world.clock.advance(by: .minutes(5) + .seconds(1))
                #expect(try await world.tick(.jobTimeout).rows == 1)
            }
            let job = try #require(try await world.jobs(of: "api", type: [.deployment]).first)
            #expect(job.phase == .failed)
            #expect(job.errorClass == .agentOffline)
        }
    }

    @Test("agents go offline when they fall silent and come back with a heartbeat")
    func agentHealth() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            func beat() async throws {
                _ = try await world.heartbeats.record(
                    Self.web,
                    metadata: AgentMetadata(),
                    runningJobs: [],
                    agentTime: nil
                )
            }
            try await beat()
            #expect(try await world.tick(.agentHealth).rows == 1)
            #expect(try await world.tick(.agentHealth).rows == 0)
            world.clock.advance(by: .minutes(6))
            #expect(try await world.tick(.agentHealth).rows == 1)
            try await beat()
            #expect(try await world.tick(.agentHealth).rows == 1)
        }
    }

    @Test("a loop refuses to write once another replica leads", arguments: Engine.available)
    func fencing(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            try await world.certificate("api", targets: ["edge"])
            let paused = world.leadership("paused")
            try await paused.attempt()
            let fence = try paused.fence()
            // What happens when the lease of a paused process runs out and another one takes it.
            _ = try await world.database.write { tx in
                try tx.execute("UPDATE scheduler_leader SET expires_at = \(tx.now - .seconds(1)) WHERE id = 1")
            }
            let successor = world.leadership("successor")
            let epoch = try #require(try await successor.attempt())
            #expect(epoch > fence.epoch)
            await #expect(throws: StoreError.leadershipLost(epoch: fence.epoch)) {
                try await world.database.write { tx in try fence.check(in: tx) }
            }
            let loops = LoopTable.loops(
                world.context, leadership: paused, recovery: world.recovery, issue: world.issuance,
                permits: { _ in true },
                approvals: world.approvals, audit: world.auditLoops(paused), keys: world.keyLoop)
            for loop in loops where loop.placement == .leader {
                await #expect(throws: StoreError.leadershipLost(epoch: fence.epoch)) {
                    _ = try await loop.tick(world.time.now)
                }
            }
            #expect(try await world.jobs(of: "api").isEmpty)
            #expect(try await paused.attempt() == nil)
            #expect(paused.currentEpoch == nil)
        }
    }

    @Test("of several candidates one leads, and a release lets the next one in", arguments: Engine.available)
    func election(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let candidates = (0..<4).map { world.leadership("c\($0)") }
            for candidate in candidates { try await candidate.attempt() }
            let leaders = candidates.filter { $0.currentEpoch != nil }
            #expect(leaders.count == 1)
            let first = try #require(leaders.first)
            let epoch = try #require(first.currentEpoch)
            #expect(try await first.attempt() == epoch)
            try await first.release()
            let next = try #require(try await candidates.last?.attempt())
            #expect(next == epoch + 1)
        }
    }

    @Test("a lease is not believed in past its end, nor after the clock was set back by a day")
    func leaseAndClock() async throws {
        try await World.with(.sqlite) { world async throws in
            let leadership = world.leadership()
            try await leadership.attempt()
            #expect(leadership.currentEpoch != nil)
            world.clock.advance(by: .seconds(14))
            #expect(leadership.currentEpoch == nil)
            try await leadership.attempt()
            world.clock.advance(by: .days(-1))
            #expect(leadership.currentEpoch == nil)
        }
    }
}

@Suite("Tables that grow are kept short")
struct HousekeepingTests {
    @Test("events older than seven days go, younger ones stay")
    func events() async throws {
        try await World.with(.sqlite) { world in
            let old = try await world.count("SELECT COUNT(*) AS n FROM events")
            #expect(old > 0)
            world.clock.advance(by: .days(7) + .seconds(1))
            try await world.certificate("api")
            #expect(try await world.tick(.housekeeping).rows == old)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM events") == 1)
            #expect(try await world.tick(.housekeeping).rows == 0)
        }
    }
}

@Suite("The runner of the loops")
struct LoopRunnerTests {
    private static func loop(_ name: LoopName, placement: LoopClass = .everyReplica, _ runs: Counter) -> Loop {
        Loop(name: name, interval: .hours(1), budget: .minutes(1), placement: placement) { _ in
            runs.add()
            return LoopOutcome(rows: 1)
        }
    }

    final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func add() { count.withLock { $0 += 1 } }
    }

    /// Runs the loops until `until` holds and every run that began is stored, or half a second went by.
    static func run(_ world: World, _ loops: [Loop], led leadership: Leadership, until: () -> Bool) async throws {
        let started = try await stored(world)
        let runner = LoopRunner(
            loops: loops,
            leadership: leadership,
            database: world.database,
            time: world.time,
            random: .system,
            log: World.log
        )
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await runner.run() }
            for _ in 0..<250 {
                if until(), (try? await stored(world)) != started { break }
                try? await Task.sleep(for: .milliseconds(2))
            }
            // Long enough for a run too many to show.
            try? await Task.sleep(for: .milliseconds(20))
            group.cancelAll()
        }
    }

    private static func stored(_ world: World) async throws -> [LoopState] {
        try await world.database.read { tx in try LoopStateStore().all(in: tx) }
    }

    @Test("runs what is due at the first start, and after a restart not before its stored time")
    func storedDueTime() async throws {
        try await World.with(.sqlite) { world async throws in
            let runs = Counter()
            let loops = [Self.loop(.housekeeping, runs)]
            try await Self.run(world, loops, led: world.leadership()) { runs.value > 0 }
            #expect(runs.value == 1)
            try await Self.run(world, loops, led: world.leadership()) { runs.value > 1 }
            #expect(runs.value == 1)
            world.clock.advance(by: .minutes(67))
            try await Self.run(world, loops, led: world.leadership()) { runs.value > 1 }
            #expect(runs.value == 2)
            let state = try await world.database.read { tx in
                try LoopStateStore().state(of: LoopName.housekeeping.rawValue, in: tx)
            }
            #expect(state?.lastResult == .success)
            #expect(state.map { $0.nextDueAt > world.clock.now + .minutes(50) } == true)
        }
    }

    @Test("loops of the leader wait for leadership")
    func leaderOnly() async throws {
        try await World.with(.sqlite) { world async throws in
            let runs = Counter()
            let everywhere = Counter()
            let leadership = world.leadership()
            let loops = [Self.loop(.housekeeping, placement: .leader, runs), Self.loop(.orders, everywhere)]
            try await Self.run(world, loops, led: leadership) { everywhere.value > 0 }
            #expect(runs.value == 0)
            try await leadership.attempt()
            try await Self.run(world, loops, led: leadership) { runs.value > 0 }
            #expect(runs.value == 1)
        }
    }

    @Test("a failing loop is reported, stored and tried again at its next time")
    func failure() async throws {
        try await World.with(.sqlite) { world async throws in
            let runs = Counter()
            let loop = Loop(name: .expiry, interval: .hours(1), budget: .minutes(1), placement: .everyReplica) { _ in
                runs.add()
                throw ServiceError(.internalError, "the disk is on fire")
            }
            try await Self.run(world, [loop], led: world.leadership()) { runs.value > 0 }
            #expect(runs.value == 1)
            let state = try await world.database.read { tx in
                try LoopStateStore().state(of: LoopName.expiry.rawValue, in: tx)
            }
            #expect(state?.lastResult == .failure)
            #expect(state?.lastError?.contains("the disk is on fire") == true)
        }
    }

    @Test("work that comes up before the due time is not left until then")
    func earlierWork() async throws {
        try await World.with(.sqlite) { world async throws in
            let runs = Counter()
            let due = world.clock.now + .minutes(5)
            let loop = Loop(
                name: .renewalCheck,
                interval: .hours(1),
                isDueAtFirstStart: false,
                budget: .minutes(1),
                placement: .everyReplica,
                tick: { _ in
                    runs.add()
                    return LoopOutcome(rows: 0)
                },
                nextWork: { runs.value == 0 ? due : nil }
            )
            try await Self.run(world, [loop], led: world.leadership()) { false }
            #expect(runs.value == 0)
            world.clock.advance(by: .minutes(5))
            try await Self.run(world, [loop], led: world.leadership()) { runs.value > 0 }
            #expect(runs.value == 1)
        }
    }
}
