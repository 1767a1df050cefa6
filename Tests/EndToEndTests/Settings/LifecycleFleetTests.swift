import Foundation
import TestSupport
import Testing

@Suite("server settings: what agents do at a deployment when nothing else tells them", .tags(.slow))
struct LifecycleFleetTests {
    /// A control plane and an agent without any deployment settings of its own.
    private struct Fleet {
        let server: ControlPlane
        let host: AgentHost
        let agent: ChildProgram

        init(_ name: String, _ settings: [String: String]) async throws {
            server = try await ControlPlane.start(environment: settings)
            try await server.becomeAdministrator()
            try await Inventory.create(on: server)
            let token = try Inventory.expect(
                201, try await server.client.post("/api/v1/agents/enrollment-tokens", ["ttl_seconds": 600]))
            host = try AgentHost(
                server.baseURL,
                [
                    "CERTCTL_AGENT_NAME": name, "CERTCTL_AGENT_ID": name,
                    "CERTCTL_AGENT_ENROLL_TOKEN": try #require(token.text("token")),
                    "CERTCTL_SERVER_CA_BUNDLE_PATH": server.authority,
                ])
            agent = try host.start()
            let host = host
            let isHeard = await eventually { host.state("status.json")["last_heartbeat_at"] is String }
            try #require(isHeard, "\(agent.transcript)")
        }

        func stop() async {
            await agent.stop()
            await server.stop()
        }

        var backups: [String] {
            let folder = host.directory.path("state/backups")
            return (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [])
                .filter { $0.contains(".certctl-bak.") }
        }
    }

    @Test("backups, and whether, when and how long endpoints are looked at, are what the server says")
    func deployments() async throws {
        async let trusting: Void = expectTrusting()
        async let careful: Void = expectCareful()
        _ = try await (trusting, careful)
    }

    /// Nobody looks at the endpoint where nobody listens, and nothing is kept.
    private func expectTrusting() async throws {
        let fleet = try await Fleet(
            "trusting", ["CERTCTL_VERIFY_DEPLOYMENT": "false", "CERTCTL_DEPLOY_BACKUP_RETENTION": "-1"])
        let site = try SiteFiles()
        let endpoint: [String: Any] = ["enabled": true, "endpoint": "127.0.0.1:\(LoopbackPort.unused())"]
        try await fleet.server.createTarget(
            "tgt-blind", agent: "trusting",
            site.configuration(["post_deploy_verify": endpoint, "post_deploy_verify_attempts": 1]))
        try await fleet.server.issue("blind", to: ["tgt-blind"])
        let deployment = try await fleet.server.deployment(to: "tgt-blind")
        #expect(deployment.isCompleted, "\(deployment.job)")
        #expect(deployment.job["verification_status"] as? String == "skipped", "\(deployment.job)")
        #expect(!site.isUntouched && fleet.backups.isEmpty)
        await fleet.stop()
    }

    private func expectCareful() async throws {
        let fleet = try await Fleet(
            "careful",
            [
                "CERTCTL_DEPLOY_BACKUP_RETENTION": "1", "CERTCTL_VERIFY_DELAY": "600ms",
                "CERTCTL_VERIFY_TIMEOUT": "400ms",
            ])
        let server = fleet.server
        let (kept, silentSite) = (try SiteFiles(), try SiteFiles())
        // Somebody accepts the connection and never says a word.
        let silence = try SilentListener()
        let endpoint: [String: Any] = ["enabled": true, "endpoint": "127.0.0.1:\(silence.port)"]
        try await server.createTarget("tgt-kept", agent: "careful", kept.configuration())
        try await server.createTarget(
            "tgt-silent", agent: "careful",
            silentSite.configuration(["post_deploy_verify": endpoint, "post_deploy_verify_attempts": 1]))
        try await server.issue("silent", to: ["tgt-silent"])
        let failed = try await server.deployment(to: "tgt-silent")
        #expect(!failed.isCompleted && failed.isRolledBack && silentSite.isUntouched, "\(failed.job)")
        // The wait and the look together; the program's own are two and ten seconds.
        let look = try #require(failed.phase("verify"))
        #expect((990..<1990).contains(look.milliseconds), "\(look)")

        let before = Set(fleet.backups)
        try await server.issue("kept", to: ["tgt-kept"])
        for number in 1...3 {
            let deployment = try await server.deployment(to: "tgt-kept", number: number)
            #expect(deployment.isCompleted, "\(deployment.job)")
            // A certificate and a key, of the version before and of no other.
            #expect(Set(fleet.backups).subtracting(before).count == 2, "\(fleet.backups)")
            if number < 3 {
                try Inventory.expect(202, try await server.client.post("/api/v1/certificates/mc-kept/renew"))
            }
        }
        await fleet.stop()
    }
}
