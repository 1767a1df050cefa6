import Foundation
import TestSupport
import Testing

@Suite("From an empty machine to a certificate that a real nginx serves and that renews itself", .tags(.slow))
struct SpineTests {
    @Test("issue, deploy, verify, renew, on each engine", arguments: EngineUnderTest.available)
    func issueDeployVerifyRenew(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let nginx = try await NginxProcess()
        let agent = try await AgentProcess.enroll(named: "edge-1", with: server)
        let placeholder = try await nginx.servedFingerprint()

        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/targets",
                [
                    "id": "tgt-nginx", "name": "edge nginx", "type": "NGINX", "agent_id": agent.id,
                    "config": nginx.targetConfiguration(serverName: "site.certctl.test"),
                ]
            )
        )
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates",
                Inventory.certificate("mc-site", name: "site.certctl.test", targets: ["tgt-nginx"], issue: true)
            )
        )
        let first = try await waitForServedVersion(other: placeholder, server: server, nginx: nginx, agent: agent)
        try await expectProof(of: first, on: server)

        let renewal = try await server.client.post("/api/v1/certificates/mc-site/renew")
        try Inventory.expect(202, renewal)
        let second = try await waitForServedVersion(other: first, server: server, nginx: nginx, agent: agent)
        #expect(second != first)
        try await expectProof(of: second, on: server)
        try await expectKeyNeverLeft(agent: agent, server: server)
        try await expectForce(server: server, nginx: nginx)

        await agent.stop()
        await nginx.stop()
        await server.stop()
    }

    /// Waits until nginx serves what the server recorded as the current version.
    private func waitForServedVersion(
        other: String?,
        server: ControlPlane,
        nginx: NginxProcess,
        agent: AgentProcess
    ) async throws -> String {
        var served: String?
        let arrived = try await eventually(within: .seconds(40), every: .milliseconds(250)) {
            served = try await nginx.servedFingerprint(serverName: "site.certctl.test")
            let recorded = try await server.client.get("/api/v1/certificates/mc-site").text("fingerprint_sha256")
            return served != nil && served != other && served == recorded
        }
        let jobs = try await server.client.get("/api/v1/jobs").body
        try #require(
            arrived, "served \(served ?? "nothing")\n\(jobs)\n\(agent.process.transcript)\n\(server.process.transcript)"
        )
        return try #require(served)
    }

    /// The deployment counts only once the new fingerprint has been observed.
    private func expectProof(of fingerprint: String, on server: ControlPlane) async throws {
        let isProved = try await eventually(within: .seconds(15), every: .milliseconds(200)) {
            let page = try await server.client.get("/api/v1/jobs?type=Deployment&status=Completed")
            let jobs = page.json["data"] as? [[String: Any]] ?? []
            return jobs.contains {
                $0["verification_status"] as? String == "success"
                    && $0["verification_fingerprint"] as? String == fingerprint
                    && $0["verification_path"] as? String == "valid"
            }
        }
        let jobs = try await server.client.get("/api/v1/jobs").body
        #expect(isProved, "\(jobs)")
        let certificate = try await server.client.get("/api/v1/certificates/mc-site")
        #expect(certificate.json["last_deployment_at"] is String)
        #expect(["Active", "Expiring"].contains(certificate.text("status") ?? ""))
        let audit = try await server.client.get("/api/v1/audit?resource_id=mc-site&per_page=200")
        #expect(audit.body.contains("certificate_created"))
    }

    /// What is in place already is left alone, unless somebody insists.
    private func expectForce(server: ControlPlane, nginx: NginxProcess) async throws {
        let file = {
            try FileManager.default.attributesOfItem(atPath: nginx.certificatePath)[.systemFileNumber] as? Int
        }
        let before = try #require(try file())
        for (arguments, number, isUnchanged) in [([], 3, "true"), (["--force"], 4, "false")] {
            let outcome = try await server.cli(["certs", "deploy", "mc-site"] + arguments)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let deployment = try await server.deployment(to: "tgt-nginx", number: number)
            #expect(deployment.isCompleted, "\(deployment.job)")
            let metadata = deployment.result["metadata"] as? [String: Any]
            #expect(metadata?["idempotent"] as? String == isUnchanged, "\(deployment.result)")
            #expect((try file() == before) == (isUnchanged == "true"))
            #expect((deployment.phase("reload") == nil) == (isUnchanged == "true"), "\(deployment.result)")
            #expect(deployment.job["verification_status"] as? String == "success", "\(deployment.job)")
        }
        let audit = try await server.client.get("/api/v1/audit?resource_id=mc-site&action=deployment_triggered")
        let events = audit.json["data"] as? [[String: Any]] ?? []
        #expect(Set(events.map { $0["channel"] as? String }) == ["cli"], "\(audit.body)")
    }

    private func expectKeyNeverLeft(agent: AgentProcess, server: ControlPlane) async throws {
        let folder = agent.keyDirectory.appending(path: "mc-site")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let keys = names.filter { $0.hasSuffix(".key") }
        #expect(!keys.isEmpty)
        for name in keys where name != "current" {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.appending(path: name).path)
            #expect((attributes[.posixPermissions] as? Int) == 0o600, "\(name)")
        }
        let versions = try await server.client.get("/api/v1/certificates/mc-site/versions")
        #expect(!versions.body.contains("PRIVATE KEY"))
        #expect(!server.process.transcript.contains("PRIVATE KEY"))
    }
}
