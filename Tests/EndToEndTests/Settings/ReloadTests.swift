import Foundation
import TestSupport
import Testing

@Suite("operations §3.3: what a running server takes from its settings on SIGHUP", .tags(.slow))
struct ReloadTests {
    /// A server whose settings come from a file, which the test rewrites.
    private struct Scene {
        let folder: TemporaryDirectory
        let server: ControlPlane

        var client: CurlClient { server.client }
        var log: String { server.process.output }

        static func write(_ text: String, to folder: TemporaryDirectory) throws {
            let path = folder.path("certctl.toml")
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }

        /// Replaces the file, sends the signal, and waits until the server has said what came of it.
        func reload(_ text: String, outcome: String = "settings reloaded") async throws {
            try Self.write(text, to: folder)
            let known = count(outcome)
            server.process.send(SIGHUP)
            let isDone = await eventually(within: .seconds(10), every: .milliseconds(50)) {
                count(outcome) > known
            }
            try #require(isDone, "\(server.process.transcript)")
        }

        func count(_ text: String) -> Int { log.components(separatedBy: text).count - 1 }

        func mentions(_ message: String, _ setting: String) -> Bool {
            log.split(separator: "\n").contains { $0.contains(message) && $0.contains("\"\(setting)\"") }
        }
    }

    private static let before = """
        log.level = "warn,server=info"
        cors.origins = ["https://one.certctl.test"]
        max_body_size = "4KiB"
        agent.bootstrap_token = "first-enrolment-secret-of-the-fleet-0001"
        agent.offline_after = "1h"
        verify.delay = "3s"
        rate_limit.enabled = false
        idempotency_ttl = "1h"
        """

    private static let after = """
        log.level = "debug"
        cors.origins = ["https://two.certctl.test"]
        max_body_size = "16KiB"
        agent.bootstrap_token = "second-enrolment-secret-of-the-fleet-0002"
        agent.offline_after = "1s"
        verify.delay = "4s"
        rate_limit.enabled = true
        rate_limit.rps = 20
        rate_limit.burst = 77
        scheduler.agent_health_check_interval = "1s"
        server.max_connections = 9
        idempotency_ttl = "1h"
        """

    @Test("hot settings take effect, others are named, an invalid file changes nothing, and no secret is logged")
    func reload() async throws {
        let folder = try TemporaryDirectory("reload")
        try Scene.write(Self.before, to: folder)
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_CONFIG_FILE": folder.path("certctl.toml"), "CERTCTL_RATE_LIMIT_ENABLED": "",
            "CERTCTL_LOG_FORMAT": "",
        ])
        try await server.becomeAdministrator()
        let scene = Scene(folder: folder, server: server)
        let agent = try await enrol("one", token: "first-enrolment-secret-of-the-fleet-0001", scene)
        try await expectBefore(scene, agent)

        try await scene.reload(Self.after)
        try await expectAfter(scene, agent)
        for key in [
            "log.level", "cors.origins", "max_body_size", "agent.bootstrap_token", "agent.offline_after",
            "verify.delay", "rate_limit.enabled", "rate_limit.rps", "rate_limit.burst",
            "scheduler.agent_health_check_interval",
        ] {
            #expect(scene.mentions("setting changed\"", key), "\(key)")
        }
        #expect(scene.mentions("the old value stays until a restart", "server.max_connections"))
        #expect(!scene.log.contains("\"idempotency_ttl\""), "it did not change")
        #expect(!scene.log.contains("enrolment-secret"))
        let metrics = try await scene.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("certctl_config_pending_restart 1\n"), "\(metrics)")

        try await scene.reload(
            Self.after.replacing("77", with: "88") + "\nlog.format = \"xml\"\n", outcome: "settings not reloaded")
        #expect(scene.log.contains("CERTCTL_LOG_FORMAT"))
        #expect(try await scene.client.get("/api/v1/teams").headers.contains("q=77;"))

        try await scene.reload(Self.after.replacing("server.max_connections = 9", with: "log.format = \"text\""))
        #expect(scene.log.split(separator: "\n").last?.hasPrefix("{") == false, "\(scene.log.suffix(300))")
        #expect(
            try await scene.client.get("/api/v1/metrics/prometheus").body.contains("certctl_config_pending_restart 0\n")
        )
        await server.stop()
    }

    private func enrol(_ name: String, token: String, _ scene: Scene, expecting status: Int = 201) async throws
        -> (id: String, key: String)
    {
        let reply = try await scene.server.anonymous.post(
            "/api/v1/agents", ["name": name, "hostname": "\(name).certctl.test"],
            headers: ["X-Certctl-Bootstrap-Token: \(token)"])
        try Inventory.expect(status, reply)
        return (reply.text("id") ?? reply.text("agent_id") ?? "", reply.text("api_key") ?? "")
    }

    private func expectBefore(_ scene: Scene, _ agent: (id: String, key: String)) async throws {
        #expect(try await allows("https://one.certctl.test", scene))
        #expect(try await post(octets: 8_000, scene).status == 413)
        let teams = try await scene.client.get("/api/v1/teams").headers.lowercased()
        #expect(!teams.contains("ratelimit-policy"), "\(teams)")
        #expect(try await heartbeat(agent, scene) == "3s")
        #expect(!scene.log.contains("\"component\":\"http\""))
    }

    private func expectAfter(_ scene: Scene, _ agent: (id: String, key: String)) async throws {
        #expect(try await !allows("https://one.certctl.test", scene))
        #expect(try await allows("https://two.certctl.test", scene))
        #expect(try await post(octets: 8_000, scene).status == 400, "large enough, and still not JSON")
        #expect(try await scene.client.get("/api/v1/teams").headers.contains("q=77;"))
        #expect(try await heartbeat(agent, scene) == "4s")
        _ = try await enrol("two", token: "first-enrolment-secret-of-the-fleet-0001", scene, expecting: 401)
        _ = try await enrol("two", token: "second-enrolment-secret-of-the-fleet-0002", scene)
        #expect(scene.log.contains("\"component\":\"http\""))
        let isOffline = try await eventually(within: .seconds(10), every: .milliseconds(200)) {
            try await scene.client.get("/api/v1/agents/\(agent.id)").text("status") == "Offline"
        }
        #expect(isOffline)
    }

    private func allows(_ origin: String, _ scene: Scene) async throws -> Bool {
        try await scene.client.get("/api/v1/teams", headers: ["Origin: \(origin)"]).headers.lowercased()
            .contains("access-control-allow-origin: \(origin)")
    }

    private func post(octets: Int, _ scene: Scene) async throws -> CurlClient.Reply {
        try await scene.client.send(
            "POST", "/api/v1/teams", body: String(repeating: "x", count: octets))
    }

    /// What the answer asks of the agent.
    private func heartbeat(_ agent: (id: String, key: String), _ scene: Scene) async throws -> String? {
        let reply = try await scene.server.anonymous.with(key: agent.key).post("/api/v1/agents/\(agent.id)/heartbeat")
        try Inventory.expect(200, reply)
        return (reply.json["config"] as? [String: Any])?["verify_delay"] as? String
    }
}
