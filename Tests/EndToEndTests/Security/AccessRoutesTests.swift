import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite("security §3.5: roles, grants and keys over the API and the command line", .tags(.security))
struct AccessRoutesTests {
    @Test(
        "a role of one's own, narrowed to an issuer, from the command line to the effect",
        arguments: EngineUnderTest.available)
    func scopedRole(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let other = try await server.client.post(
            "/api/v1/issuers", ["id": "iss-other", "name": "Other", "type": "local", "config": [String: Any]()])
        try Inventory.expect(201, other)
        for (id, issuer) in [("mc-here", "iss-local"), ("mc-there", "iss-other")] {
            var body = Inventory.certificate(id, name: "\(id).certctl.test")
            body["issuer_id"] = issuer
            try Inventory.expect(201, try await server.client.post("/api/v1/certificates", body))
        }
        func cli(_ arguments: String...) async throws -> String {
            let outcome = try await server.cli(arguments)
            #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
            return outcome.output
        }
        let made = try await cli("auth", "roles", "create", "readers", "--description", "Reads", "--json")
        let role = try #require(Self.object(made)["id"] as? String)
        _ = try await cli("auth", "roles", "allow", role, "cert.read")
        _ = try await cli("auth", "roles", "allow", role, "job.read", "--issuer", "iss-local")
        #expect(try await cli("auth", "roles", "get", role).contains("job.read @ issuer:iss-local"))
        let key = try await cli("keys", "create", "reader", "--role", role, "--issuer", "iss-local", "--json")
        let reader = server.anonymous.with(key: Self.object(key)["key_value"] as? String)

        let list = try await reader.get("/api/v1/certificates")
        let rows = list.json["data"] as? [[String: Any]] ?? []
        #expect(rows.compactMap { $0["id"] as? String } == ["mc-here"] && list.json["total"] as? Int == 1)
        #expect(try await reader.get("/api/v1/certificates/mc-here").status == 200)
        let hidden = try await reader.get("/api/v1/certificates/mc-there")
        let absent = try await reader.get("/api/v1/certificates/mc-none")
        #expect(hidden.status == 404 && hidden.text("error") == absent.text("error"), "no oracle of existence")
        #expect(try await reader.post("/api/v1/certificates/mc-here/renew").status == 403)
        let me = try await reader.get("/api/v1/auth/me").json["effective_permissions"] as? [[String: String]]
        #expect(
            me == [
                ["permission": "cert.read", "scope_type": "issuer", "scope_id": "iss-local"],
                ["permission": "job.read", "scope_type": "issuer", "scope_id": "iss-local"],
            ]
        )
        let explained = try await cli("auth", "explain", "cert.read", "--actor", "reader", "--issuer", "iss-local")
        #expect(explained.contains("allowed") && explained.contains(role))
        let denied = try await server.cli(["auth", "explain", "cert.read", "--actor", "reader"])
        #expect(denied.status == 5 && denied.errors.contains("cert.read @ global"))
        #expect(try await reader.post("/api/v1/auth/explain", ["permission": "cert.read"]).status == 200)
        let about = try await reader.post(
            "/api/v1/auth/explain", ["permission": "cert.read", "actor_id": "ops-admin"])
        #expect(about.status == 403)

        _ = try await cli("auth", "keys", "set-roles", "reader", "--role", "r-viewer@issuer:iss-other", "--yes")
        #expect(try await reader.get("/api/v1/certificates/mc-here").status == 404)
        #expect(try await reader.get("/api/v1/certificates/mc-there").status == 200)
        _ = try await cli(
            "auth", "keys", "assign", "reader", "--role", "r-viewer", "--expires-at", "2999-01-01T00:00:00Z")
        #expect(try await reader.get("/api/v1/certificates").json["total"] as? Int == 2)
        _ = try await cli("auth", "keys", "revoke", "reader", "--role", "r-viewer", "--yes")
        #expect(try await reader.get("/api/v1/certificates").status == 403)
        _ = try await cli("keys", "update", "reader", "--disable")
        #expect(try await reader.get("/api/v1/auth/me").status == 401)
        #expect(try await cli("keys", "list", "--details").contains("reader"))
        _ = try await cli("auth", "roles", "disallow", role, "cert.read")
        _ = try await cli("auth", "roles", "update", role, "--name", "none")
        #expect(try await cli("auth", "roles", "list").contains("none"))
        _ = try await cli("auth", "roles", "delete", role, "--yes")

        let audit = try await server.client.get("/api/v1/audit?category=auth&per_page=100")
        let actions = Set((audit.json["data"] as? [[String: Any]] ?? []).compactMap { $0["action"] as? String })
        #expect(
            actions.isSuperset(of: [
                "role.create", "role.permission.add", "role.permission.remove", "role.update", "role.delete",
                "actor_role.grant", "actor_role.revoke", "auth.key_created", "auth.key_updated",
            ])
        )
        await server.stop()
    }

    @Test("events reach only those who may read their resource, and a stream ends with the right to read")
    func events() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let other = try await server.client.post(
            "/api/v1/issuers", ["id": "iss-other", "name": "Other", "type": "local", "config": [String: Any]()])
        try Inventory.expect(201, other)
        let grant = ["role_id": "r-viewer", "scope_type": "issuer", "scope_id": "iss-local"]
        let key = try await server.client.post("/api/v1/auth/keys", ["name": "reader", "grants": [grant]])
        let reader = server.anonymous.with(key: try Inventory.expect(201, key).text("key_value"))
        let since = Date.now.addingTimeInterval(-60).formatted(.iso8601)
        for (id, issuer) in [("mc-here", "iss-local"), ("mc-there", "iss-other")] {
            var body = Inventory.certificate(id, name: "\(id).certctl.test")
            body["issuer_id"] = issuer
            try Inventory.expect(201, try await server.client.post("/api/v1/certificates", body))
        }
        func subjects(_ client: CurlClient) async throws -> Set<String> {
            let page = try await client.get(
                "/api/v1/events?wait=2&since=\(since)", headers: ["Accept: application/json"])
            return Set((page.json["data"] as? [[String: Any]] ?? []).compactMap { $0["subject"] as? String })
        }
        let seen = try await subjects(reader)
        #expect(seen.contains("mc-here"))
        #expect(seen.isDisjoint(with: ["mc-there", "iss-other", "t-web", "o-web"]), "\(seen)")
        #expect(try await subjects(server.client).isSuperset(of: ["mc-here", "mc-there", "iss-other", "t-web"]))

        let began = ContinuousClock.now
        async let stream = reader.send(
            "GET", "/api/v1/events", body: nil, headers: ["Accept: text/event-stream"], timeout: 30)
        try await Task.sleep(for: .milliseconds(500))
        #expect(try await server.client.delete("/api/v1/auth/keys/reader").status == 204)
        let ended = try await stream
        #expect(ended.status == 200 && ContinuousClock.now - began < .seconds(20), "it ended by itself")
        await server.stop()
    }

    @Test("A-9: escalation is refused with what is missing, and audited")
    func escalation() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let made = try await server.client.post("/api/v1/auth/roles", ["name": "assigners"])
        let role = try #require(made.text("id"))
        for permission in ["auth.role.assign", "auth.role.edit", "auth.key.create"] {
            let added = try await server.client.post(
                "/api/v1/auth/roles/\(role)/permissions", ["permission": permission])
            #expect(added.status == 204, "\(added.body)")
        }
        let key = try await server.client.post("/api/v1/auth/keys", ["name": "eve", "roles": [role]])
        let eve = server.anonymous.with(key: try Inventory.expect(201, key).text("key_value"))
        let grant = try await eve.post("/api/v1/auth/keys", ["name": "mallory", "roles": ["r-auditor"]])
        #expect(grant.status == 403 && grant.text("code") == "privilege_escalation", "\(grant.body)")
        #expect((grant.json["missing"] as? [String])?.contains("audit.export") == true)
        let widen = try await eve.post("/api/v1/auth/roles/\(role)/permissions", ["permission": "cert.read"])
        #expect(widen.status == 403 && widen.text("code") == "privilege_escalation", "\(widen.body)")
        let last = try await server.client.delete("/api/v1/auth/keys/ops-admin/roles/r-admin")
        #expect(last.status == 409 && last.text("code") == "last_admin", "\(last.body)")
        let builtIn = try await server.client.delete("/api/v1/auth/roles/r-viewer")
        #expect(builtIn.status == 409 && builtIn.text("code") == "system_role", "\(builtIn.body)")
        let audit = try await server.client.get("/api/v1/audit?action=auth.escalation_blocked")
        #expect((audit.json["data"] as? [Any])?.count == 4, "\(audit.body)")
        await server.stop()
    }

    @Test("A-39: each route asks for one permission, and every kind of actor can be named")
    func consistentPermissions() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let key = try await server.client.post("/api/v1/auth/keys", ["name": "ci-bot", "roles": ["r-cli"]])
        let ci = server.anonymous.with(key: try Inventory.expect(201, key).text("key_value"))
        #expect(try await ci.get("/api/v1/auth/keys").status == 200, "auth.key.list alone lists keys")
        #expect(try await ci.get("/api/v1/auth/roles").status == 403)
        let plain = try await server.client.post("/api/v1/auth/keys", ["name": "plain"])
        let own = server.anonymous.with(key: try Inventory.expect(201, plain).text("key_value"))
        #expect(try await own.post("/api/v1/auth/keys/ci-bot/rotate").status == 403)
        #expect(try await own.post("/api/v1/auth/keys/plain/rotate").status == 200, "everybody rotates their own key")
        let rows: [(String, Int)] = [
            ("APIKey/ci-bot", 204), ("APIKey/nobody", 422), ("User/u-none", 422), ("Agent/web-01", 422),
            ("Anonymous/actor-demo-anon", 409), ("Robot/x", 404),
        ]
        for (actor, status) in rows {
            let reply = try await server.client.post("/api/v1/auth/actors/\(actor)/roles", ["role_id": "r-viewer"])
            #expect(reply.status == status, "\(actor): \(reply.body)")
        }
        await server.stop()
    }

    @Test("of a key that is being rotated one value is ended from the command line, and the other one works on")
    func oneOfTwoValues() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let made = try await server.client.post("/api/v1/auth/keys", ["name": "robot", "roles": ["r-viewer"]])
        let old = server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        let rotated = try await server.client.post("/api/v1/auth/keys/robot/rotate", ["overlap_seconds": 3600])
        let new = server.anonymous.with(key: try Inventory.expect(200, rotated).text("key_value"))
        let list = try await server.client.get("/api/v1/auth/keys?include=credentials")
        let rows = list.json["keys"] as? [[String: Any]] ?? []
        let secrets = rows.first { $0["actor_id"] as? String == "robot" }?["secrets"] as? [[String: Any]] ?? []
        #expect(secrets.compactMap { $0["state"] as? String } == ["active", "replaced"], "\(list.body)")
        let replaced = try #require(secrets.last?["id"] as? String)
        #expect(try await old.get("/api/v1/certificates").status == 200)
        let shown = try await server.cli(["keys", "list", "--details"])
        #expect(shown.output.contains("\(replaced) (replaced)"), "\(shown.output)")
        let ended = try await server.cli(["keys", "revoke-secret", "robot", replaced, "--yes"])
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(try await old.get("/api/v1/certificates").status == 401)
        #expect(try await new.get("/api/v1/certificates").status == 200)
        let again = try await server.cli(["keys", "revoke-secret", "robot", replaced, "--yes"])
        #expect(again.status != 0)
        let only = try #require(secrets.first?["id"] as? String)
        let last = try await server.client.delete("/api/v1/auth/keys/robot/secrets/\(only)")
        #expect(last.status == 409 && last.text("code") == "invalid_state", "\(last.body)")
        await server.stop()
    }

    @Test(
        "A-7: a revoked key and a new grant take effect on the other replica by signal, well within a second or two",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func acrossReplicas() async throws {
        let url = try await TestDatabase.makePostgresURL().withText { $0 }
        let environment = EngineUnderTest.postgres.environment.merging([
            "CERTCTL_BOOTSTRAP_TOKEN": "replica-bootstrap-token-0123456789abcdef"
        ]) { $1 }
        let first = try await ControlPlane.start(databaseURL: url, environment: environment)
        let second = try await ControlPlane.start(databaseURL: url, environment: environment)
        let made = try await first.anonymous.post(
            "/api/v1/auth/bootstrap",
            ["token": "replica-bootstrap-token-0123456789abcdef", "actor_name": "ops-admin"])
        let admin = first.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        #expect(try await second.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == false)
        let key = try await admin.post("/api/v1/auth/keys", ["name": "robot"])
        let robot = second.anonymous.with(key: try Inventory.expect(201, key).text("key_value"))
        #expect(try await robot.get("/api/v1/certificates").status == 403)
        #expect(try await admin.post("/api/v1/auth/keys/robot/roles", ["role_id": "r-viewer"]).status == 204)
        // The replica remembers a principal for five seconds; only the signal makes it quicker.
        let began = ContinuousClock.now
        let isGranted = try await eventually(within: .seconds(2)) {
            try await robot.get("/api/v1/certificates").status == 200
        }
        #expect(isGranted, "after \(ContinuousClock.now - began)")
        #expect(try await robot.get("/api/v1/auth/me").status == 200)
        #expect(try await admin.delete("/api/v1/auth/keys/robot").status == 204)
        let isRevoked = try await eventually(within: .seconds(2)) {
            try await robot.get("/api/v1/auth/me").status == 401
        }
        #expect(isRevoked)
        await first.stop()
        await second.stop()
    }

    private static func object(_ text: String) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]) ?? [:]
    }
}
