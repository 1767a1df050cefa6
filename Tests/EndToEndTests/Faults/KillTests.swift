import Foundation
import TestSupport
import Testing

@Suite("kill -9 at any moment loses nothing and duplicates nothing", .tags(.slow, .fault))
struct KillTests {
    /// Acknowledged issuances, by the identifier of their version.
    private actor Acknowledged {
        private(set) var versions: Set<String> = []
        func add(_ id: String) { versions.insert(id) }
    }

    @Test(
        "server killed while issuing: every acknowledged certificate is there, none twice",
        arguments: EngineUnderTest.available)
    func serverKilledWhileIssuing(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let work = try TemporaryDirectory("kill")
        var requests: [(id: String, csr: String)] = []
        for number in 0..<12 {
            let name = "k\(number).certctl.test"
            try Inventory.expect(
                201,
                try await server.client.post("/api/v1/certificates", Inventory.certificate("mc-k\(number)", name: name))
            )
            requests.append(("mc-k\(number)", try await makeCSR(name, in: work)))
        }
        let acknowledged = Acknowledged()
        for round in 0..<4 {
            let client = server.client
            let pending = requests
            await withTaskGroup(of: Void.self) { group in
                for request in pending {
                    group.addTask {
                        let reply = try? await client.post(
                            "/api/v1/certificates/\(request.id)/csr", ["csr_pem": request.csr])
                        if let reply, reply.status == 201, let id = reply.text("id") { await acknowledged.add(id) }
                    }
                }
                try? await Task.sleep(for: .milliseconds(15 + 23 * round))
                await server.process.killAtOnce()
            }
            try await server.startAgain()
        }
        let known = await acknowledged.versions
        var stored: [String] = []
        var serials: [String] = []
        for request in requests {
            let page = try await server.client.get("/api/v1/certificates/\(request.id)/versions?per_page=500")
            for version in page.json["data"] as? [[String: Any]] ?? [] {
                stored.append(version["id"] as? String ?? "")
                serials.append(version["serial_number"] as? String ?? "")
            }
        }
        #expect(known.isSubset(of: Set(stored)), "an acknowledged certificate is missing")
        #expect(Set(serials).count == serials.count, "a serial number was used twice")
        let open = try await server.client.get("/api/v1/jobs?status=Running")
        #expect((open.json["data"] as? [Any])?.isEmpty == true, "\(open.body)")
        await server.stop()
    }

    @Test("agent killed at random points: nginx ends up serving the recorded certificate, with its key")
    func agentKilledWhileDeploying() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_JOB_RUNNING_LEASE": "3s", "CERTCTL_JOB_TIMEOUT_INTERVAL": "1s",
            "CERTCTL_SCHEDULER_RETRY_INTERVAL": "1s",
        ])
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let nginx = try await NginxProcess()
        let agent = try await AgentProcess.enroll(named: "edge-kill", with: server)
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/targets",
                [
                    "id": "tgt-kill", "name": "edge", "type": "NGINX", "agent_id": agent.id,
                    "config": nginx.targetConfiguration(serverName: "kill.certctl.test"),
                ]
            )
        )
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates",
                Inventory.certificate("mc-kill", name: "kill.certctl.test", targets: ["tgt-kill"], issue: true)
            )
        )
        for round in 0..<6 {
            try? await Task.sleep(for: .milliseconds(120 + 170 * round))
            await agent.process.killAtOnce()
            try agent.startAgain()
            if round == 3 { _ = try await server.client.post("/api/v1/certificates/mc-kill/renew") }
        }
        var served: String?
        let arrived = try await eventually(within: .seconds(60), every: .milliseconds(500)) {
            served = try await nginx.servedFingerprint(serverName: "kill.certctl.test")
            let recorded = try await server.client.get("/api/v1/certificates/mc-kill").text("fingerprint_sha256")
            return served != nil && served == recorded
        }
        let jobs = try await server.client.get("/api/v1/jobs").body
        #expect(arrived, "served \(served ?? "nothing")\n\(jobs)\n\(agent.process.transcript)")
        await agent.stop()
        await nginx.stop()
        await server.stop()
    }
}
