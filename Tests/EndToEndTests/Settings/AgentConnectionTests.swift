import Foundation
import TestSupport
import Testing

@Suite("agent settings: which control plane is trusted, who the agent is, what it logs", .tags(.slow))
struct AgentConnectionTests {
    private func makeToken(_ server: ControlPlane, uses: Int) async throws -> String {
        let reply = try await server.client.post(
            "/api/v1/agents/enrollment-tokens", ["ttl_seconds": 600, "max_uses": uses])
        return try #require(Inventory.expect(201, reply).text("token"))
    }

    private struct Attempt: Sendable {
        let name: String
        let settings: [String: String]
        let status: Int32
        let words: String
    }

    @Test("the agent gives its token only to the control plane that its settings vouch for")
    func trust() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let token = try await makeToken(server, uses: 20)
        let pin = try await AgentProcess.fingerprint(of: server.authority, logs: server.directory.url)
        let foreign = try await OpenSSLAuthority()
        let bundle = server.directory.path("foreign.pem")
        try foreign.root.write(toFile: bundle, atomically: true, encoding: .utf8)
        let elsewhere = "https://127.0.0.1:\(LoopbackPort.unused())"
        let attempts = [
            Attempt(name: "no-anchor", settings: [:], status: 1, words: "no trust anchor"),
            Attempt(name: "pinned", settings: ["CERTCTL_SERVER_CA_FINGERPRINT": pin], status: 0, words: "enrolled at"),
            Attempt(
                name: "wrong-pin",
                settings: ["CERTCTL_SERVER_CA_FINGERPRINT": "sha256:" + String(repeating: "a", count: 64)],
                status: 1, words: "none is the pinned"),
            Attempt(
                name: "bundled", settings: ["CERTCTL_SERVER_CA_BUNDLE_PATH": server.authority], status: 0,
                words: "enrolled at"),
            Attempt(
                name: "foreign-bundle", settings: ["CERTCTL_SERVER_CA_BUNDLE_PATH": bundle], status: 1,
                words: "no trust anchor"),
            Attempt(
                name: "unverified", settings: ["CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY": "true"], status: 0,
                words: "enrolled at"),
            Attempt(
                name: "elsewhere", settings: ["CERTCTL_SERVER_URL": elsewhere, "CERTCTL_SERVER_CA_FINGERPRINT": pin],
                status: 75, words: "cannot be reached"),
        ]
        var hosts: [String: AgentHost] = [:]
        for attempt in attempts {
            hosts[attempt.name] = try AgentHost(
                server.baseURL, attempt.settings.merging(["CERTCTL_AGENT_NAME": attempt.name]) { $1 })
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for attempt in attempts {
                let host = try #require(hosts[attempt.name])
                group.addTask {
                    let outcome = try await host.run(["enroll", "--token", token])
                    #expect(outcome.status == attempt.status, "\(attempt.name): \(outcome.errors)")
                    #expect((outcome.output + outcome.errors).contains(attempt.words), "\(attempt.name): \(outcome)")
                }
            }
            try await group.waitForAll()
        }
        let page = try await server.client.get("/api/v1/agents")
        let names = (page.json["data"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
        #expect(names.sorted() == ["bundled", "pinned", "unverified"])
        try await expectTrustAtWork(hosts, foreignBundle: bundle)
        await server.stop()
    }

    /// The running agent goes by the same settings: what vouched at enrolment vouches now, and nothing else does.
    private func expectTrustAtWork(_ hosts: [String: AgentHost], foreignBundle: String) async throws {
        let runs: [(host: String, settings: [String: String], isHeard: Bool)] = [
            ("pinned", [:], true), ("bundled", [:], true), ("unverified", [:], true),
        ]
        let refusals: [(host: String, settings: [String: String], isHeard: Bool)] = [
            ("bundled", ["CERTCTL_SERVER_CA_BUNDLE_PATH": foreignBundle], false),
            ("unverified", ["CERTCTL_SERVER_TLS_INSECURE_SKIP_VERIFY": "false"], false),
        ]
        for batch in [refusals, runs] {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for run in batch {
                    let host = try #require(hosts[run.host])
                    group.addTask {
                        let agent = try host.start(run.settings)
                        let isSettled = await eventually {
                            let status = host.state("status.json")
                            let lastError = status["last_error"] as? String ?? ""
                            return run.isHeard
                                ? status["last_heartbeat_at"] is String : lastError.contains("no trust anchor")
                        }
                        #expect(isSettled, "\(run.host): \(host.state("status.json"))\n\(agent.transcript)")
                        #expect((host.state("status.json")["last_heartbeat_at"] is String) == run.isHeard)
                        await agent.stop()
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("name, identifier, token, state directory and key make the agent that the control plane sees")
    func identity() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let token = try await makeToken(server, uses: 1)
        let anchor = ["CERTCTL_SERVER_CA_BUNDLE_PATH": server.authority]
        let host = try AgentHost(
            server.baseURL,
            anchor.merging([
                "CERTCTL_AGENT_NAME": "Edge of the world", "CERTCTL_AGENT_ID": "edge-7",
                "CERTCTL_AGENT_ENROLL_TOKEN": token,
            ]) { $1 })
        // `run` alone: the token in the settings makes the identity.
        let first = try host.start()
        let isHeard = await eventually { host.state("status.json")["last_heartbeat_at"] is String }
        #expect(isHeard, "\(first.transcript)")
        let seen = try await server.client.get("/api/v1/agents/edge-7")
        #expect(seen.text("name") == "Edge of the world" && seen.text("status") == "Online", "\(seen.body)")
        await first.stop()
        #expect(host.mode(of: "state") == 0o700 && host.mode(of: "state/identity.json") == 0o600)

        let key = try #require(host.state("identity.json")["api_key"] as? String)
        // Another host with the key and no state of its own is the same agent; the wrong key is nobody.
        let keyed = try AgentHost(server.baseURL, anchor.merging(["CERTCTL_AGENT_ID": "edge-7"]) { $1 })
        let second = try keyed.start(["CERTCTL_API_KEY": key])
        // The setting wins over the key that enrolment stored.
        let third = try host.start(["CERTCTL_API_KEY": "A" + key.dropFirst()])
        let isSecondHeard = await eventually { keyed.state("status.json")["last_heartbeat_at"] is String }
        #expect(isSecondHeard, "\(second.transcript)")
        #expect(!FileManager.default.fileExists(atPath: keyed.directory.path("state/identity.json")))
        let isThirdRefused = await eventually {
            let status = host.state("status.json")
            return status["pid"] as? Int == Int(third.processID) && status["last_error"] is String
        }
        #expect(isThirdRefused, "\(third.transcript)")
        #expect(!(host.state("status.json")["last_heartbeat_at"] is String))
        #expect(third.output.contains("401"), "\(third.output)")
        for agent in [second, third] { await agent.stop() }
        await server.stop()
    }

    @Test("the level decides which lines are logged, the format how they look")
    func logging() async throws {
        let nobody = "https://127.0.0.1:\(LoopbackPort.unused())"
        let identity = ["CERTCTL_AGENT_ID": "edge-log", "CERTCTL_API_KEY": "key"]
        let variants: [(level: String, format: String, info: Bool, warning: Bool)] = [
            ("info", "json", true, true), ("info", "text", true, true), ("warn", "json", false, true),
            ("error", "auto", false, false), ("error,agent=info", "json", true, true),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for variant in variants {
                let host = try AgentHost(nobody, identity)
                group.addTask {
                    let agent = try host.start([
                        "CERTCTL_LOG_LEVEL": variant.level, "CERTCTL_LOG_FORMAT": variant.format,
                    ])
                    // It has tried and failed to reach anybody: both lines would be there by now.
                    let hasFailed = await eventually {
                        host.state("status.json")["consecutive_failures"] as? Int ?? 0 > 0
                    }
                    #expect(hasFailed, "\(variant): \(agent.transcript)")
                    await agent.stop()
                    let lines = agent.output.split(separator: "\n")
                    #expect(lines.contains { $0.contains("agent started") } == variant.info, "\(variant): \(lines)")
                    #expect(lines.contains { $0.contains("failed") } == variant.warning, "\(variant): \(lines)")
                    let json = lines.filter { (try? JSONSerialization.jsonObject(with: Data($0.utf8))) != nil }
                    #expect(json.count == (variant.format == "text" ? 0 : lines.count), "\(variant): \(lines)")
                }
            }
            try await group.waitForAll()
        }
        // Output that is no terminal is for machines, unless somebody asks for text.
        let idle = try AgentHost(nobody)
        let automatic = try await idle.run(["run"], ["CERTCTL_LOG_FORMAT": "auto"])
        #expect(automatic.status == 78 && automatic.output.hasPrefix("{\""), "\(automatic)")
    }
}
