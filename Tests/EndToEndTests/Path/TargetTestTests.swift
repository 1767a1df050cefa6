import Foundation
import TestSupport
import Testing

@Suite("rest-api §7.7: the test of a target looks at the agent's host", .tags(.slow))
struct TargetTestTests {
    private struct Answer {
        let reply: CurlClient.Reply

        var status: String? { reply.text("status") }
        var message: String { reply.text("message") ?? "" }
        var checks: [[String: Any]] { reply.json["checks"] as? [[String: Any]] ?? [] }

        func check(_ name: String) -> (isOK: Bool, detail: String)? {
            checks.first { $0["name"] as? String == name }
                .map { ($0["ok"] as? Bool ?? false, $0["detail"] as? String ?? "") }
        }
    }

    @Test(
        "paths and commands are tried, nothing changes, and silence is no success", arguments: EngineUnderTest.available
    )
    func hostTest(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(),
            environment: engine.environment.merging(["CERTCTL_AGENT_OFFLINE_AFTER": "3s"]) { $1 })
        try await server.becomeAdministrator()
        let site = try SiteFiles()
        let agent = try await AgentProcess.enroll(named: "edge", with: server)
        let missing = site.directory.path("no/such/place.crt")
        try await server.createTarget("tgt-good", agent: agent.id, site.configuration())
        try await server.createTarget(
            "tgt-bad", agent: agent.id,
            site.configuration(["cert_path": missing, "reload_command": ["/no/such/program"]]))

        let isOnline = try await eventually(within: .seconds(15), every: .milliseconds(100)) {
            try await server.client.get("/api/v1/agents/\(agent.id)").text("status") == "Online"
        }
        try #require(isOnline, "\(agent.process.transcript)")
        let good = try await test("tgt-good", server)
        #expect(good.status == "success", "\(good.reply.body)")
        for name in [site.directory.path("site.crt"), site.directory.path("site.key"), "reload_command"] {
            #expect(good.check(name)?.isOK == true, "\(name): \(good.reply.body)")
        }
        #expect(site.isUntouched)
        let bad = try await test("tgt-bad", server)
        #expect(bad.status == "failed", "\(bad.reply.body)")
        #expect(bad.check(missing)?.isOK == false && bad.check("validate_command")?.isOK == true)
        #expect(bad.message.contains("/no/such/program"), "\(bad.message)")
        #expect(bad.check("agent")?.isOK == true)
        for (target, status, code) in [("tgt-good", "success", Int32(0)), ("tgt-bad", "failed", 1)] {
            let stored = try await server.client.get("/api/v1/targets/\(target)")
            #expect(stored.text("test_status") == status && stored.json["last_tested_at"] is String, "\(stored.body)")
            let outcome = try await server.cli(["targets", "test", target])
            #expect(outcome.status == code, "\(outcome)")
        }
        // What was asked is a job like others, without a certificate.
        let jobs = try await server.client.get("/api/v1/jobs?type=Validation&target_id=tgt-bad")
        let job = try #require((jobs.json["data"] as? [[String: Any]])?.first, "\(jobs.body)")
        #expect(job["status"] as? String == "Failed" && job["certificate_id"] == nil, "\(job)")

        await agent.stop()
        let isOffline = try await eventually(within: .seconds(15), every: .milliseconds(200)) {
            try await server.client.get("/api/v1/agents/\(agent.id)").text("status") == "Offline"
        }
        try #require(isOffline)
        let silent = try await test("tgt-good", server)
        #expect(silent.status == "failed" && silent.check("agent")?.isOK == false, "\(silent.reply.body)")
        #expect(try await server.client.get("/api/v1/targets/tgt-good").text("test_status") == "failed")
        #expect(try await server.client.post("/api/v1/targets/none/test").status == 404)
        await server.stop()
    }

    private func test(_ target: String, _ server: ControlPlane) async throws -> Answer {
        Answer(reply: try Inventory.expect(200, try await server.client.post("/api/v1/targets/\(target)/test")))
    }
}
