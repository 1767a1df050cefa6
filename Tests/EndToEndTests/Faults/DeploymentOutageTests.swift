import Domain
import Foundation
import TestSupport
import Testing

@Suite("an agent whose control plane is away, and one that it retired", .tags(.slow, .fault))
struct DeploymentOutageTests {
    @Test("the result waits in the spool and arrives once; retirement ends the agent and leaves what it installed")
    func outageAndRetirement() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let nginx = try await NginxProcess()
        let agent = try await AgentProcess.enroll(named: "edge-away", with: server)
        var configuration = nginx.targetConfiguration(serverName: "away.certctl.test")
        configuration["validate_command"] = ["sleep", "0.5"]
        try await server.createTarget("tgt-away", agent: agent.id, configuration)
        let placeholder = try await nginx.servedFingerprint()
        try await server.issue("away", to: ["tgt-away"])

        let served = try await loseServerDuringDeployment(server, agent, nginx, placeholder: placeholder)
        try await expectBackOff(agent)
        try await server.startAgain()
        try await expectDeliveredOnce(server, agent, served: served)
        try await expectRetirement(server, agent)
        #expect(try await nginx.servedFingerprint(serverName: "away.certctl.test") == served)
        await nginx.stop()
        await server.stop()
    }

    private func entries(_ agent: AgentProcess, _ folder: String) -> [String] {
        let path = agent.stateDirectory.appending(path: folder).path
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".json") }
    }

    /// The deployment ends by itself; its report cannot be delivered.
    private func loseServerDuringDeployment(
        _ server: ControlPlane,
        _ agent: AgentProcess,
        _ nginx: NginxProcess,
        placeholder: String?
    ) async throws -> String {
        // The journal is there from the first change on; checking the result takes half a second more.
        let hasBegun = await eventually(within: .seconds(20), every: .milliseconds(5)) {
            !entries(agent, "deploy").isEmpty
        }
        try #require(hasBegun, "\(agent.process.transcript)")
        await server.process.killAtOnce()
        let isSpooled = await eventually(within: .seconds(20)) { !entries(agent, "spool").isEmpty }
        try #require(isSpooled, "\(agent.process.transcript)")
        let served = try await nginx.servedFingerprint(serverName: "away.certctl.test")
        #expect(served != placeholder)
        return try #require(served)
    }

    /// Each failure in a row lengthens the wait by an interval, which is one second here.
    private func expectBackOff(_ agent: AgentProcess) async throws {
        var failures: [Timestamp] = []
        let hasFailed = await eventually(within: .seconds(15)) {
            failures = agent.process.output.split(separator: "\n").compactMap { line in
                guard line.contains("asking for work failed"),
                    let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                else { return nil }
                return (fields["time"] as? String).flatMap { try? Timestamp(rfc3339: $0) }
            }
            return failures.count >= 3
        }
        try #require(hasFailed, "\(agent.process.transcript)")
        #expect((failures[1] - failures[0]).inSeconds > 0.88)
        #expect((failures[2] - failures[1]).inSeconds > 1.76)
        #expect(entries(agent, "spool").count == 1)
    }

    private func expectDeliveredOnce(_ server: ControlPlane, _ agent: AgentProcess, served: String) async throws {
        let deployment = try await server.deployment(to: "tgt-away")
        #expect(deployment.isCompleted && deployment.job["attempts"] as? Int == 1, "\(deployment.job)")
        #expect(deployment.job["verification_fingerprint"] as? String == served)
        let isEmpty = await eventually { entries(agent, "spool").isEmpty && entries(agent, "claims").isEmpty }
        #expect(isEmpty)
        // The next question for work is answered, so the agent is back, and has nothing more to say about the job.
        let isBack = await eventually(within: .seconds(15)) {
            agent.process.isRunning
                && !server.requests(of: agent.id, on: "/api/v1/agents/{id}/heartbeat").isEmpty
        }
        #expect(isBack, "\(agent.process.transcript)")
        let reports = server.requests(of: agent.id, on: "/api/v1/agents/{id}/jobs/{job_id}/status")
        #expect(reports.map(\.status) == [200])
        let audit = try await server.client.get("/api/v1/audit?resource_id=\(deployment.id)&per_page=200")
        let actions = (audit.json["data"] as? [[String: Any]] ?? []).compactMap { $0["action"] as? String }
        #expect(actions.count { $0 == "deployment_job_completed" } == 1, "\(audit.body)")
    }

    private func expectRetirement(_ server: ControlPlane, _ agent: AgentProcess) async throws {
        let retired = try await server.client.delete("/api/v1/agents/\(agent.id)?force=true&reason=host+sold")
        try Inventory.expect(200, retired)
        #expect(await agent.process.waitForExit(timeout: .seconds(10)) == 0, "\(agent.process.transcript)")
        #expect(agent.process.output.contains("the control plane retired this agent"), "\(agent.process.output)")
        #expect(try await server.client.get("/api/v1/agents/\(agent.id)").json["retired_at"] is String)

        let status = try await agent.command(["status"])
        #expect(status.status == 1 && status.output.contains("retired"), "\(status)")
        // A service manager that starts it again meets an agent that ends at once, without a call.
        let calls = server.requests(of: agent.id, on: "/api/v1/agents/{id}/heartbeat").count
        let again = try await agent.command(["run"])
        #expect(again.status == 0 && again.output.contains("enrol it again"), "\(again)")
        #expect(server.requests(of: agent.id, on: "/api/v1/agents/{id}/heartbeat").count == calls)
    }
}
