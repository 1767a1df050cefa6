import Domain
import Encoding
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("the running agent", .timeLimit(.minutes(1)))
struct ServiceTests {
    /// Sleeps take no time and are remembered; the clock stands still.
    final class Sleeps: Sendable {
        private let durations = Mutex<[Duration]>([])
        var all: [Duration] { durations.withLock { $0 } }

        var time: TimeSource {
            TimeSource(
                now: { TimeSource.system.now },
                sleep: { duration in
                    self.durations.withLock { $0.append(duration) }
                    try await Task.sleep(for: .milliseconds(1))
                }
            )
        }
    }

    let directory: TemporaryDirectory
    let plane: FakeControlPlane
    let target = FakeTarget()
    let sleeps = Sleeps()

    init() throws {
        directory = try TemporaryDirectory("services")
        plane = try FakeControlPlane()
    }

    static let facts = HostFacts(
        name: "edge.test", os: "linux", architecture: "amd64", address: nil, softwareVersion: "1",
        capabilities: ["NGINX"]
    )

    private func group(_ agent: AgentUnderTest) -> ServiceGroup {
        let services: [any Service] = [
            SpoolService(session: agent.session),
            HeartbeatService(session: agent.session, host: Self.facts, isPrompt: true),
            JobService(session: agent.session, runner: agent.runner, grace: .seconds(60)),
            PollService(session: agent.session, isPrompt: true),
            RetirementService(session: agent.session),
        ]
        return ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        )
    }

    private func agent() async throws -> AgentUnderTest {
        let agent = AgentUnderTest(directory: directory, plane: plane, target: target, time: sleeps.time)
        try await agent.start()
        return agent
    }

    private func until(_ condition: @Sendable () -> Bool) async throws {
        for _ in 0..<5000 where !condition() { try await Task.sleep(for: .milliseconds(2)) }
        #expect(condition())
    }

    @Test("carries a renewal through and stops when told to")
    func carriesThrough() async throws {
        let agent = try await agent()
        plane.order("job-1")
        let group = group(agent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await until { [plane] in plane.current.jobs.contains { $0.outcomes == ["Completed"] } }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(plane.current.versions.count == 1)
        #expect(plane.current.unexpected.isEmpty)
        let beat = try #require(plane.current.heartbeats.first)
        #expect(beat["capabilities"] == ["NGINX"])
        #expect(beat["clock"]?.stringValue != nil)
    }

    @Test("a retirement stops everything, is marked on disk and is not taken for a failure")
    func retirement() async throws {
        let agent = try await agent()
        plane.change { $0.isRetired = true }
        try await group(agent).run()
        #expect(agent.session.retirement.isAnnounced)
        #expect(try agent.session.state.retirement.read() == "agent retired by ops")
    }

    @Test("a stray 410 is an ordinary failure")
    func strayGone() async throws {
        let agent = try await agent()
        plane.change { state in
            state.scripted = (0..<4).map { _ in ("/agents/", FakeControlPlane.error(410, nil, "gone")) }
        }
        let group = group(agent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await until { [plane] in !plane.current.heartbeats.isEmpty && plane.current.scripted.isEmpty }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(!agent.session.retirement.isAnnounced)
    }

    @Test("polling backs off while nobody answers and honours Retry-After")
    func backOff() async throws {
        let agent = try await agent()
        plane.change { $0.isReachable = false }
        let poll = PollService(session: agent.session, isPrompt: true)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: poll)], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await until { [sleeps] in sleeps.all.count >= 13 }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        let waits = Array(sleeps.all.dropFirst().prefix(12))
        for (index, wait) in waits.enumerated() {
            let expected = min(30.0 * Double(index + 1), 300)
            #expect(wait.inSeconds >= expected * 0.9 && wait.inSeconds <= expected * 1.1, "wait \(index): \(wait)")
        }
        #expect(agent.session.vitals.current.consecutiveFailures >= 12)
    }

    @Test("a control plane that only names what the agent leaves alone is not asked in a tight loop")
    func noTightLoop() async throws {
        let agent = try await agent()
        plane.order("job-1")
        plane.change { $0.scripted = [("/csr", FakeControlPlane.error(422, "policy_violation", "no"))] }
        _ = try await PollService(session: agent.session, isPrompt: true).ask()
        await agent.runJobs()
        #expect(try await PollService(session: agent.session, isPrompt: true).ask())
    }

    @Test("a heartbeat answer sets intervals within bounds and nothing else")
    func intervals() async throws {
        let timing = LiveTiming(.init(heartbeat: .seconds(60), poll: .seconds(30), pollWait: .seconds(25)))
        #expect(timing.apply(heartbeat: .seconds(10), poll: .seconds(5)))
        #expect(!timing.apply(heartbeat: .zero, poll: .days(2)))
        #expect(timing.current == .init(heartbeat: .seconds(10), poll: .seconds(5), pollWait: .seconds(25)))
    }

    @Test("an answer that was lost is given again; what is in hand, or has a report that waits, is named and is not")
    func lostAnswer() async throws {
        let agent = try await agent()
        let poll = PollService(session: agent.session, isPrompt: true)
        plane.order("job-1")
        await agent.workOnce()
        #expect(try await plane.controlPlane.work(wait: .zero, knowing: .init(turn: 1, jobs: [])).count == 1, "lost")
        _ = try await poll.ask()
        #expect(agent.session.jobs.heldJobs.map(\.text) == ["deploy-1"])
        _ = try await poll.ask()
        await agent.runJobs()
        #expect(agent.session.jobs.heldJobs.isEmpty)
        _ = try await poll.ask()
        let questions = plane.current.calls.filter { $0.contains("/work") }.suffix(3)
        #expect(questions.map { $0.contains("&held=deploy-1") } == [false, true, true], "\(questions)")
        let turns = questions.compactMap { $0.split(separator: "turn=").last?.prefix { $0.isNumber } }.compactMap {
            Int($0)
        }
        #expect(turns.count == 3 && turns == Set(turns).sorted())
        #expect(plane.current.jobs.first { $0.id == "deploy-1" }?.status == "Running")
        _ = await SpoolService(session: agent.session).deliverAll()
        let deployment = try #require(plane.current.jobs.first { $0.id == "deploy-1" })
        #expect(deployment.outcomes == ["Completed"] && deployment.attempt == 1 && target.current.installations == 1)
    }

    @Test("more names than an address can hold are not sent: the leases decide then")
    func tooManyNames() async throws {
        let jobs = (0..<200).map { JobID(stored: "job-0198a1b2-c3d4-7e5f-8a9b-\($0)") }
        _ = try await plane.controlPlane.work(wait: .seconds(5), knowing: .init(turn: 7, jobs: jobs))
        _ = try await plane.controlPlane.work(wait: .zero, knowing: .init(turn: 8, jobs: []))
        #expect(
            plane.current.calls == ["GET /api/v1/agents/agent-1/work?wait=5", "GET /api/v1/agents/agent-1/work?turn=8"])
    }

    @Test("a restarted agent goes on with its claims, but not with those whose lease or report is over")
    func resume() async throws {
        let first = try await agent()
        plane.order("job-1")
        await first.workOnce()
        let items = try await plane.controlPlane.work(wait: .zero)
        var live = try #require(items.first)
        for (id, lease) in [
            ("deploy-1", "2999-01-01T00:00:00Z"), ("expired", "2020-01-01T00:00:00Z"),
            ("reported", "2999-01-01T00:00:00Z"),
        ] {
            live["id"] = .string(id)
            live["lease_expires_at"] = .string(lease)
            try first.session.state.claims.record(JobID(stored: id), item: live)
        }
        try first.session.state.spool.store(ReportSpoolTests.report("reported"))
        let second = try await agent()
        #expect(second.session.jobs.heldJobs.map(\.text) == ["deploy-1"])
        #expect(try second.session.state.claims.claims().map(\.job.text) == ["deploy-1"])
        await second.runJobs()
        #expect(plane.current.jobs.first { $0.id == "deploy-1" }?.status == "Running", "the report is in the spool")
        #expect(try second.session.state.spool.contains(JobID(stored: "deploy-1"), attempt: 1))
    }
}
