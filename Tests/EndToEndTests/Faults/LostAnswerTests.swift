import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite("work that was given to an agent which did not get it", .tags(.slow, .fault))
struct LostAnswerTests {
    private struct Scene {
        let server: ControlPlane
        let agent: AgentProcess
        let site: SiteFiles
        /// Speaks for the agent, with its credential.
        let voice: CurlClient

        var work: String { "/api/v1/agents/\(agent.id)/work" }
    }

    /// A certificate that was deployed once, and an agent that has stopped since.
    private func scene(on server: ControlPlane) async throws -> Scene {
        let site = try SiteFiles()
        let agent = try await AgentProcess.enroll(named: "edge-lost", with: server)
        try await server.createTarget("tgt-lost", agent: agent.id, site.configuration())
        try await server.issue("lost", to: ["tgt-lost"])
        #expect(try await server.deployment(to: "tgt-lost").isCompleted)
        await agent.stop()
        let octets = try Data(contentsOf: agent.stateDirectory.appending(path: "identity.json"))
        let identity = try #require(try JSONSerialization.jsonObject(with: octets) as? [String: Any])
        let voice = server.anonymous.with(key: try #require(identity["api_key"] as? String))
        return Scene(server: server, agent: agent, site: site, voice: voice)
    }

    private func deploy(_ scene: Scene) async throws -> String {
        try Inventory.expect(202, try await scene.server.client.post("/api/v1/certificates/mc-lost/deploy"))
        let jobs = try await scene.server.client.get(
            "/api/v1/jobs?certificate_id=mc-lost&type=Deployment&status=Pending")
        return try #require((jobs.json["data"] as? [[String: Any]])?.first?["id"] as? String, "\(jobs.body)")
    }

    private func turn() -> Int64 { TimeSource.system.now.microsecondsSinceEpoch }

    private func identifiers(_ reply: CurlClient.Reply) -> [String] {
        (reply.json["jobs"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
    }

    private func expectCompletedOnce(_ job: String, _ server: ControlPlane, dispatched: Int) async throws {
        let deployment = try await server.deployment(job, attempt: 1)
        #expect(deployment.isCompleted, "\(deployment.job)")
        let audit = try await server.client.get("/api/v1/audit?resource_id=\(job)&per_page=200")
        let actions = (audit.json["data"] as? [[String: Any]] ?? []).compactMap { $0["action"] as? String }
        #expect(actions.count { $0 == "deployment_job_dispatched" } == dispatched, "\(actions)")
        #expect(actions.count { $0 == "deployment_job_returned" } == dispatched - 1, "\(actions)")
        #expect(actions.count { $0 == "deployment_job_completed" } == 1, "\(actions)")
    }

    @Test(
        "an agent killed between the answer and the start of the job gets it again at once, and runs it once",
        arguments: EngineUnderTest.available)
    func killedBeforeTheStart(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let scene = try await scene(on: server)
        let job = try await deploy(scene)
        // The agent's question and the answer to it; then the process is gone, with nothing on its disk.
        #expect(identifiers(try await scene.voice.get("\(scene.work)?turn=\(turn())")) == [job])
        try scene.agent.startAgain()
        // Far less than the lease of five minutes.
        try await expectCompletedOnce(job, server, dispatched: 2)
        await scene.agent.stop()
        await server.stop()
    }

    @Test("nothing is claimed for a poll whose connection was cut", arguments: ["--http1.1", "--http2"])
    func connectionCut(version: String) async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let scene = try await scene(on: server)
        // curl gives up and closes after a second; the server would wait for twenty.
        let cut = try await scene.voice.send("GET", "\(scene.work)?wait=20", body: nil, options: [version], timeout: 1)
        #expect(cut.status == 0)
        let job = try await deploy(scene)
        try await Task.sleep(for: .milliseconds(500))
        let waiting = try await server.client.get("/api/v1/jobs/\(job)")
        #expect(waiting.text("status") == "Pending", "\(waiting.body)")
        try scene.agent.startAgain()
        try await expectCompletedOnce(job, server, dispatched: 1)
        await scene.agent.stop()
        await server.stop()
    }

    @Test(
        "two servers: what one gave and was lost, the other gives again; a question that was overtaken takes nothing back",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func twoServers() async throws {
        let url = try await TestDatabase.makePostgresURL().withText { $0 }
        let first = try await ControlPlane.start(databaseURL: url, environment: EngineUnderTest.postgres.environment)
        try await first.becomeAdministrator()
        try await Inventory.create(on: first)
        let second = try await ControlPlane.start(databaseURL: url, environment: EngineUnderTest.postgres.environment)
        let scene = try await scene(on: first)
        let other = second.anonymous.with(key: scene.voice.key)
        let job = try await deploy(scene)
        let early = turn()
        #expect(identifiers(try await other.get("\(scene.work)?turn=\(turn())")) == [job])
        #expect(identifiers(try await scene.voice.get("\(scene.work)?turn=\(early)")).isEmpty, "an earlier question")
        #expect(identifiers(try await scene.voice.get("\(scene.work)?turn=\(turn())&held=\(job)")).isEmpty)
        #expect(identifiers(try await scene.voice.get("\(scene.work)?turn=\(turn())")) == [job])
        try scene.agent.startAgain()
        try await expectCompletedOnce(job, first, dispatched: 3)
        let hostile = try await scene.voice.get("\(scene.work)?turn=-1&held=..%2Fetc")
        #expect(hostile.status == 400, "\(hostile.body)")
        await scene.agent.stop()
        await second.stop()
        await first.stop()
    }
}
