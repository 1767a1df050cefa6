import Foundation
import TestSupport
import Testing

@Suite("security §2.2, §15.2: what the settings of keys and roles do", .tags(.security))
struct AccessSettingsTests {
    static let admin = "named-admin-key-0123456789-abcdefghij"
    static let old = "robot-old-key-0123456789-abcdefghijkl"
    static let new = "robot-new-key-0123456789-abcdefghijkl"
    static let hashed = "viewer-hashed-key-0123456789-abcdefg"

    static func named(_ robot: [String]) async throws -> String {
        let folder = try TemporaryDirectory("hash")
        try hashed.write(toFile: folder.path("key"), atomically: true, encoding: .utf8)
        let digest = try await runProgram(
            "/usr/bin/openssl", ["dgst", "-sha256", "-r", folder.path("key")], logs: folder.url)
        let hex = String(digest.output.prefix(64))
        let keys = ["ops:\(admin):admin", "viewer-1:sha256-\(hex)"] + robot.map { "robot:\($0):r-operator" }
        return keys.joined(separator: ",")
    }

    static func who(_ server: ControlPlane, _ key: String) async throws -> String {
        let me = try await server.anonymous.with(key: key).get("/api/v1/auth/me")
        guard me.status == 200 else { return "\(me.status)" }
        return "\(me.text("actor_id") ?? "") \((me.json["roles"] as? [String] ?? []).joined(separator: ","))"
    }

    @Test("A-40: named keys alone start a server; they rotate by overlap and end with their declaration")
    func namedKeys() async throws {
        let server = try await ControlPlane.start(
            environment: ["CERTCTL_API_KEYS_NAMED": try await Self.named([Self.old, Self.new])])
        #expect(try await Self.who(server, Self.admin) == "ops r-admin")
        #expect(try await Self.who(server, Self.hashed) == "viewer-1 r-viewer")
        #expect(try await Self.who(server, Self.old) == "robot r-operator")
        #expect(try await Self.who(server, Self.new) == "robot r-operator")
        // An administrator exists from the start: there is nothing to bootstrap and no token lies about.
        #expect(try await server.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == false)
        #expect(!FileManager.default.fileExists(atPath: server.dataDirectory.appending(path: "setup-token").path))
        let client = server.anonymous.with(key: Self.admin)
        #expect(try await client.post("/api/v1/auth/keys/robot/rotate").status == 409)
        #expect(try await client.delete("/api/v1/auth/keys/robot/roles/r-operator").status == 204)
        await server.stop()
        try await server.startAgain(extra: ["CERTCTL_API_KEYS_NAMED": try await Self.named([Self.new])])
        #expect(try await Self.who(server, Self.old) == "401")
        #expect(try await Self.who(server, Self.new) == "robot ", "A-8: the role does not come back")
        await server.stop()
        #expect(!server.process.transcript.contains(Self.new) && !server.process.transcript.contains(Self.admin))
    }

    @Test("the deprecated list makes readers with numbered names")
    func legacyKeys() async throws {
        let server = try await ControlPlane.start(environment: ["CERTCTL_AUTH_SECRET": "\(Self.old),\(Self.new)"])
        #expect(try await Self.who(server, Self.old) == "legacy-key-0 r-viewer")
        #expect(try await Self.who(server, Self.new) == "legacy-key-1 r-viewer")
        await server.stop()
        #expect(server.process.transcript.contains("CERTCTL_AUTH_SECRET is deprecated"))
    }

    @Test(
        "keys that nobody uses are named in log and events, and switched off where the operator says so",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func unusedKeys() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let server = try await ControlPlane.start(
            databaseURL: url,
            environment: EngineUnderTest.postgres.environment.merging(["CERTCTL_API_KEY_UNUSED_DISABLE": "48h"]) { $1 })
        try await server.becomeAdministrator()
        let inside = PostgresInspection(url: url, logs: server.directory.url)
        let made = try await server.client.post("/api/v1/auth/keys", ["name": "robot", "roles": ["r-viewer"]])
        let robot = server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        #expect(try await robot.get("/api/v1/certificates").status == 200)
        func startLater(_ extra: [String: String]) async throws {
            await server.stop()
            try await inside.rows(
                """
                UPDATE api_keys SET created_at = created_at - interval '3 days', updated_at = updated_at - interval
                '3 days', last_used_at = last_used_at - interval '3 days' WHERE name = 'robot'
                """)
            try await inside.rows("UPDATE scheduler_state SET next_due_at = next_due_at - interval '3 hours'")
            try await server.startAgain(extra: extra)
        }
        func isTold(_ action: String) async throws -> Bool {
            try await eventually {
                let audit = try await server.client.get("/api/v1/audit?action=\(action)")
                return (audit.json["data"] as? [Any])?.isEmpty == false
            }
        }
        try await startLater([:])
        #expect(try await isTold("auth.key_unused"))
        #expect(try await robot.get("/api/v1/certificates").status == 200, "it is only spoken of")
        try await startLater(["CERTCTL_API_KEY_UNUSED_DISABLE_ENFORCE": "true"])
        #expect(try await isTold("auth.key_unused_disabled"))
        #expect(try await robot.get("/api/v1/certificates").status == 401)
        #expect(try await server.cli(["keys", "update", "robot", "--enable"]).status == 0)
        #expect(try await robot.get("/api/v1/certificates").status == 200)
        await server.stop()
        #expect(server.process.transcript.contains("an API key was not used and is off now"))
    }

    @Test("lifetimes, the auditor's split and shared agent keys follow their settings")
    func limits() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_API_KEY_MAX_LIFETIME": "48h", "CERTCTL_RBAC_ALLOW_AUDITOR_OVERLAP": "true",
            "CERTCTL_AGENT_SHARED_KEY_MODE": "allow",
        ])
        try await server.becomeAdministrator()
        let made = try await server.client.post("/api/v1/auth/keys", ["name": "both", "roles": ["r-auditor"]])
        let end = try #require(made.text("expires_at").flatMap { try? Date($0, strategy: .iso8601) })
        #expect((47.0 * 3600...48.0 * 3600).contains(end.timeIntervalSinceNow))
        let long = try await server.client.post(
            "/api/v1/auth/keys", ["name": "long", "expires_at": "2999-01-01T00:00:00Z"])
        #expect(long.status == 400, "\(long.body)")
        let overlap = try await server.client.post("/api/v1/auth/keys/both/roles", ["role_id": "r-operator"])
        #expect(overlap.status == 204, "\(overlap.body)")

        let fleet = try await server.client.post("/api/v1/auth/keys", ["name": "fleet", "roles": ["r-agent"]])
        let shared = server.anonymous.with(key: try Inventory.expect(201, fleet).text("key_value"))
        var agents: [String] = []
        for name in ["one", "two"] {
            let token = try await server.client.post("/api/v1/agents/enrollment-tokens", ["ttl_seconds": 60])
            let enrolled = try await server.anonymous.post(
                "/api/v1/agents", ["name": name, "hostname": name],
                headers: ["X-Certctl-Bootstrap-Token: \(try #require(token.text("token")))"])
            agents.append(try #require(enrolled.text("id")))
        }
        for agent in agents { #expect(try await shared.get("/api/v1/agents/\(agent)/work").status == 200) }

        await server.stop()
        try await server.startAgain(extra: [
            "CERTCTL_API_KEY_MAX_LIFETIME": "0", "CERTCTL_RBAC_ALLOW_AUDITOR_OVERLAP": "false",
            "CERTCTL_AGENT_SHARED_KEY_MODE": "bind",
        ])
        let endless = try await server.client.post("/api/v1/auth/keys", ["name": "endless", "roles": ["r-auditor"]])
        #expect(endless.status == 201 && endless.text("expires_at") == nil, "\(endless.body)")
        let split = try await server.client.post("/api/v1/auth/keys/endless/roles", ["role_id": "r-operator"])
        #expect(split.status == 409 && split.text("code") == "auditor_overlap", "\(split.body)")
        #expect(try await shared.get("/api/v1/agents/\(agents[1])/work").status == 200)
        let other = try await shared.get("/api/v1/agents/\(agents[0])/work")
        #expect(other.status == 403 && other.text("code") == "agent_identity_mismatch", "\(other.body)")
        await server.stop()
    }
}
