import Foundation
import TestSupport
import Testing

@Suite("security §2: wrong, expired, foreign and replayed credentials", .tags(.security))
struct CredentialTests {
    @Test("no key, a malformed header, a wrong key and a revoked key are refused alike")
    func refusals() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let missing = try await server.anonymous.get("/api/v1/certificates")
        #expect(missing.status == 401)
        #expect(missing.text("error") == "Authorization header required")
        #expect(missing.headers.lowercased().contains("www-authenticate: bearer realm=\"certctl\""))

        let malformed = try await server.anonymous.get("/api/v1/certificates", headers: ["Authorization: Basic abc"])
        #expect(malformed.status == 401)
        #expect(malformed.text("error") == "Invalid Authorization header format, expected: Bearer <token>")

        let wrong = try await server.anonymous.with(key: "ctk_wrong").get("/api/v1/certificates")
        #expect(wrong.status == 401 && wrong.text("error") == "Invalid API key")

        let made = try await server.client.post("/api/v1/auth/keys", ["name": "robot", "roles": ["r-viewer"]])
        try Inventory.expect(201, made)
        let key = try #require(made.text("key_value"))
        let identifier = try #require(made.text("id"))
        let robot = server.anonymous.with(key: key)
        #expect(try await robot.get("/api/v1/certificates").status == 200)
        let forbidden = try await robot.post("/api/v1/teams", ["name": "x"])
        #expect(forbidden.status == 403 && forbidden.text("error") == "Insufficient permissions")
        #expect(try await server.client.delete("/api/v1/auth/keys/\(identifier)").status == 204)
        let revoked = try await robot.get("/api/v1/certificates")
        #expect(revoked.status == 401 && revoked.text("error") == "Invalid API key")

        let past = try await server.client.post(
            "/api/v1/auth/keys", ["name": "late", "roles": ["r-viewer"], "expires_at": "2020-01-01T00:00:00Z"]
        )
        #expect([400, 422].contains(past.status), "\(past.body)")
        await server.stop()
    }

    @Test("the set-up token works once, is case-exact, and never again")
    func setupTokenIsALatch() async throws {
        let server = try await ControlPlane.start()
        let wrong = try await server.anonymous.post(
            "/api/v1/auth/bootstrap", ["token": "nope-nope-nope-nope", "actor_name": "ops-admin"])
        #expect(wrong.status == 401)
        #expect(try await server.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == true)
        try await server.becomeAdministrator()
        #expect(try await server.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == false)
        #expect(!FileManager.default.fileExists(atPath: server.dataDirectory.appending(path: "setup-token").path))
        let again = try await server.anonymous.post(
            "/api/v1/auth/bootstrap", ["token": "anything-long-enough-1234567890", "actor_name": "second"])
        #expect(again.status == 410, "\(again.body)")
        await server.stop()
        try await server.startAgain()
        #expect(!FileManager.default.fileExists(atPath: server.dataDirectory.appending(path: "setup-token").path))
        #expect(try await server.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == false)
        await server.stop()
    }

    @Test("A-12, A-13: an agent enrols with a token alone, and sees and touches only its own work")
    func agentIsConfined() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        var agents: [(id: String, key: String)] = []
        for name in ["one", "two"] {
            let token = try await server.client.post("/api/v1/agents/enrollment-tokens", ["ttl_seconds": 60])
            let secret = try #require(token.text("token"))
            let enrolled = try await server.anonymous.post(
                "/api/v1/agents", ["name": name, "hostname": "\(name).certctl.test"],
                headers: ["X-Certctl-Bootstrap-Token: \(secret)"]
            )
            try Inventory.expect(201, enrolled)
            agents.append((try #require(enrolled.text("id")), try #require(enrolled.text("api_key"))))
            let replay = try await server.anonymous.post(
                "/api/v1/agents", ["name": "\(name)-again", "hostname": "x"],
                headers: ["X-Certctl-Bootstrap-Token: \(secret)"]
            )
            #expect(replay.status == 401, "\(replay.body)")
            #expect(replay.body.contains("invalid_or_missing_bootstrap_token"))
        }
        let one = server.anonymous.with(key: agents[0].key)
        #expect(try await one.get("/api/v1/agents/\(agents[0].id)/work").status == 200)
        let foreign = try await one.get("/api/v1/agents/\(agents[1].id)/work")
        #expect(foreign.status == 403 && foreign.text("code") == "agent_identity_mismatch", "\(foreign.body)")
        #expect(try await one.get("/api/v1/issuers").status == 403)
        #expect(
            try await one.post("/api/v1/certificates", Inventory.certificate("mc-x", name: "x.certctl.test")).status
                == 403)

        let config: [String: Any] = [
            "cert_path": "/tmp/a.crt", "key_path": "/tmp/a.key", "validate_command": "nginx -t",
            "reload_command": "nginx -s reload",
        ]
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/targets",
                ["id": "tgt-two", "name": "two", "type": "NGINX", "agent_id": agents[1].id, "config": config]
            )
        )
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates",
                Inventory.certificate("mc-two", name: "two.certctl.test", targets: ["tgt-two"], issue: true)
            )
        )
        let work = try TemporaryDirectory("confined")
        let csr = try await makeCSR("two.certctl.test", in: work)
        let stolen = try await one.post(
            "/api/v1/agents/\(agents[0].id)/csr", ["csr_pem": csr, "certificate_id": "mc-two"])
        #expect([404, 409].contains(stolen.status), "\(stolen.status) \(stolen.body)")
        let fetched = try await one.get("/api/v1/agents/\(agents[0].id)/certificates/mc-two")
        #expect(fetched.status == 404, "\(fetched.body)")
        let jobs = try await server.client.get("/api/v1/jobs?certificate_id=mc-two")
        let job = try #require((jobs.json["data"] as? [[String: Any]])?.first?["id"] as? String)
        let report = try await one.post("/api/v1/agents/\(agents[0].id)/jobs/\(job)/status", ["status": "Completed"])
        #expect(report.status == 404, "\(report.body)")
        #expect(try await server.client.get("/api/v1/certificates/mc-two/versions").json["total"] as? Int == 0)

        #expect(try await server.client.delete("/api/v1/agents/\(agents[0].id)").status == 200)
        let gone = try await one.get("/api/v1/agents/\(agents[0].id)/work")
        #expect(gone.status == 410 && gone.text("code") == "agent_retired", "\(gone.body)")
        await server.stop()
    }
}
