import Foundation
import TestSupport
import Testing

@Suite("kill -9 of an agent in the middle of a deployment", .tags(.slow, .fault))
struct DeploymentKillTests {
    /// What must have happened before the agent is killed.
    private enum Trigger: Sendable {
        case journalWritten
        case certificateRenamed
    }

    /// What a dead agent left behind.
    private struct Wreck: CustomStringConvertible {
        let delay: Int
        /// The phase in the journal on disk; `nil` when there is none.
        let phase: String?
        let isRenamed: Bool
        let isReloaded: Bool
        var isBetweenRenameAndReload: Bool { phase != nil && isRenamed && !isReloaded }
        var description: String {
            "after \(delay) ms: journal \(phase ?? "none"), renamed \(isRenamed), reloaded \(isReloaded)"
        }
    }

    private struct Scene {
        let server: ControlPlane
        let agent: AgentProcess
        let nginx: NginxProcess
    }

    @Test("killed at random points around rename and reload: completed or undone, nothing lost, nothing done twice")
    func killedWhileDeploying() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let nginx = try await NginxProcess()
        let agent = try await AgentProcess.enroll(named: "edge-kill", with: server)
        let scene = Scene(server: server, agent: agent, nginx: nginx)
        try await server.createTarget(
            "tgt-kill", agent: agent.id, nginx.targetConfiguration(serverName: "kill.certctl.test"))
        try await server.issue("kill", to: ["tgt-kill"])
        #expect(try await server.deployment(to: "tgt-kill").isCompleted)

        let rounds: [(trigger: Trigger, latest: Int)] = [
            (.certificateRenamed, 0), (.journalWritten, 15), (.certificateRenamed, 8), (.certificateRenamed, 30),
        ]
        var wrecks: [Wreck] = []
        for (number, round) in rounds.enumerated() {
            wrecks.append(try await kill(scene, at: round.trigger, delay: Int.random(in: 0...round.latest)))
            try agent.startAgain()
            try await expectRecovered(scene, deployments: number + 2, "\(wrecks)")
        }
        #expect(wrecks.contains { $0.isBetweenRenameAndReload }, "no kill hit the window: \(wrecks)")
        try await expectNothingTwice(scene, versions: rounds.count + 1)
        await agent.stop()
        await nginx.stop()
        await server.stop()
    }

    private func kill(_ scene: Scene, at trigger: Trigger, delay: Int) async throws -> Wreck {
        let (agent, nginx) = (scene.agent, scene.nginx)
        let before = try Data(contentsOf: URL(filePath: nginx.certificatePath))
        let served = try await nginx.servedFingerprint(serverName: "kill.certctl.test")
        try Inventory.expect(202, try await scene.server.client.post("/api/v1/certificates/mc-kill/renew"))
        let isTriggered = await eventually(within: .seconds(20), every: .milliseconds(1)) {
            switch trigger {
            case .journalWritten: journal(of: agent) != nil
            case .certificateRenamed: (try? Data(contentsOf: URL(filePath: nginx.certificatePath))) != before
            }
        }
        try #require(isTriggered, "\(agent.process.transcript)")
        if delay > 0 { try await Task.sleep(for: .milliseconds(delay)) }
        await agent.process.killAtOnce()
        let phase = journal(of: agent)?["phase"] as? String
        let isRenamed = try Data(contentsOf: URL(filePath: nginx.certificatePath)) != before
        // A reload that was under way when the agent died takes a moment to show.
        if phase == "committed" { try await Task.sleep(for: .milliseconds(150)) }
        let isReloaded = try await nginx.servedFingerprint(serverName: "kill.certctl.test") != served
        return Wreck(delay: delay, phase: phase, isRenamed: isRenamed, isReloaded: isReloaded)
    }

    private func journal(of agent: AgentProcess) -> [String: Any]? {
        let folder = agent.stateDirectory.appending(path: "deploy")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        guard let name = names.first(where: { $0.hasSuffix(".json") }),
            let octets = try? Data(contentsOf: folder.appending(path: name))
        else { return nil }
        return try? JSONSerialization.jsonObject(with: octets) as? [String: Any]
    }

    private func expectRecovered(_ scene: Scene, deployments: Int, _ wrecks: String) async throws {
        let deployment = try await scene.server.deployment(to: "tgt-kill", number: deployments)
        #expect(deployment.isCompleted, "\(wrecks)\n\(deployment.job)\n\(scene.agent.process.transcript)")
        let recorded = try await scene.server.recordedFingerprint("mc-kill")
        var served: String?
        let isServed = try await eventually(every: .milliseconds(100)) {
            served = try await scene.nginx.servedFingerprint(serverName: "kill.certctl.test")
            return served == recorded
        }
        #expect(isServed, "\(wrecks): serves \(served ?? "nothing"), recorded \(recorded ?? "nothing")")
        // nginx itself says whether key and certificate on disk belong together.
        let check = try await runProgram(
            "/usr/sbin/nginx", Array(scene.nginx.validateCommand.dropFirst()), logs: scene.nginx.directory.url)
        #expect(check.status == 0, "\(wrecks)\n\(check.errors)")
        #expect(journal(of: scene.agent) == nil)
    }

    private func expectNothingTwice(_ scene: Scene, versions: Int) async throws {
        let page = try await scene.server.client.get("/api/v1/certificates/mc-kill/versions?per_page=100")
        #expect((page.json["data"] as? [Any])?.count == versions, "\(page.body)")
        let jobs = try await scene.server.client.get("/api/v1/jobs?certificate_id=mc-kill&per_page=100")
        let rows = jobs.json["data"] as? [[String: Any]] ?? []
        #expect(rows.count == versions * 2, "\(jobs.body)")
        #expect(rows.allSatisfy { $0["status"] as? String == "Completed" }, "\(jobs.body)")
        let leftovers = try FileManager.default.contentsOfDirectory(
            atPath: scene.nginx.directory.url.appending(path: "tls").path)
        #expect(leftovers.sorted() == ["site.crt", "site.key"])
    }
}
