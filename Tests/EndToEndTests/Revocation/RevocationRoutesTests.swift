import Foundation
import TestSupport
import Testing

@Suite("Revocation over the API and the command line (rest-api §7.1)", .tags(.security))
struct RevocationRoutesTests {
    @Test("revoked, listed, held and released; refused ones change nothing", arguments: EngineUnderTest.available)
    func routes(engine: EngineUnderTest) async throws {
        let url = try await engine.makeDatabaseURL()
        let server = try await ControlPlane.start(databaseURL: url, environment: engine.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let client = server.client
        func issue(_ id: String) async throws -> String {
            let body = Inventory.certificate(id, name: "\(id).certctl.test")
            try Inventory.expect(201, try await client.post("/api/v1/certificates", body))
            let csr = try await makeCSR("\(id).certctl.test", in: server.directory)
            let version = try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
            return try #require(try Inventory.expect(201, version).text("serial_number"))
        }
        let serials = [try await issue("mc-one"), try await issue("mc-two"), try await issue("mc-three")]

        // What is refused leaves no trace.
        let bad: [([String: Any], Int)] = [
            (["reason": "because"], 400), (["reason": "KEYCOMPROMISE"], 400), (["serial_number": "zz"], 400),
            (["serial_number": "77"], 404), (["serial_number": serials[0], "all_versions": true], 400),
            (["invalidity_date": "2999-01-01T00:00:00Z"], 400), (["invalidity_date": "yesterday"], 400),
            (["reason": "removeFromCRL"], 409), (["reason": 4], 400),
        ]
        for (body, status) in bad {
            let reply = try await client.post("/api/v1/certificates/mc-one/revoke", body)
            #expect(reply.status == status, "\(body): \(reply.status) \(reply.body)")
        }
        let pairless: [[String: Any]] = [
            [:], ["serial_number": "77"], ["issuer_id": Inventory.issuer],
            ["spki_sha256": String(repeating: "g", count: 64)],
        ]
        for body in pairless {
            #expect(try await client.post("/api/v1/revocations", body).status == 400, "\(body)")
        }
        #expect(try await client.post("/api/v1/certificates/mc-none/revoke").status == 404)
        #expect(try await client.get("/api/v1/revocations").json["total"] as? Int == 0)

        // A key that is confined to another issuer.
        let other: [String: Any] = ["id": "iss-other", "name": "Other CA", "type": "local", "config": [String: Any]()]
        try Inventory.expect(201, try await client.post("/api/v1/issuers", other))
        let grants: [[String: Any]] = [["role_id": "r-operator", "scope_type": "issuer", "scope_id": "iss-other"]]
        let made = try await client.post("/api/v1/auth/keys", ["name": "elsewhere", "grants": grants])
        let elsewhere = server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        #expect(try await elsewhere.post("/api/v1/certificates/mc-one/revoke").status == 404)
        let bySerial: [String: Any] = ["issuer_id": Inventory.issuer, "serial_number": serials[0]]
        #expect(try await elsewhere.post("/api/v1/revocations", bySerial).status == 404)

        let revoked = try await client.post(
            "/api/v1/certificates/mc-one/revoke", ["reason": "key_compromise"])
        #expect(try Inventory.expect(200, revoked).text("status") == "revoked")
        #expect(revoked.json["serials"] as? [String] == [serials[0]])
        #expect(revoked.json["issuer_notified"] as? Bool == true && revoked.text("revoked_at") != nil)
        let shown = try await client.get("/api/v1/certificates/mc-one")
        #expect(shown.text("status") == "Revoked" && shown.text("revocation_reason") == "keyCompromise")
        #expect(try await client.post("/api/v1/certificates/mc-one/revoke").status == 409)
        #expect(try await client.post("/api/v1/certificates/mc-one/renew", ["force": true]).status == 409)
        #expect(try await client.post("/api/v1/certificates/mc-one/deploy").status == 409)

        // The command line.
        let mute = try await server.cli(["certs", "revoke", "mc-two", "--yes"])
        #expect(mute.status != 0 && mute.errors.contains("--reason"), "\(mute.errors)")
        let unasked = try await server.cli(["certs", "revoke", "mc-two", "--reason", "superseded"])
        #expect(unasked.status == 2 && unasked.errors.contains("--yes"), "\(unasked.errors)")
        let held = try await server.cli(["certs", "revoke", "mc-two", "--reason", "certificateHold", "--yes"])
        #expect(held.status == 0 && held.output.contains("revoked \(serials[1])"), "\(held.errors)")
        let released = try await server.cli(["certs", "release", "mc-two"])
        #expect(released.status == 0 && released.output.contains("released \(serials[1])"), "\(released.errors)")
        #expect(try await client.get("/api/v1/certificates/mc-two").text("status") == "Active")
        let single = try await server.cli([
            "certs", "revoke", "--issuer-id", Inventory.issuer, "--serial", serials[2], "--reason", "superseded",
            "--yes",
        ])
        #expect(single.status == 0, "\(single.errors)")
        #expect(try await client.get("/api/v1/certificates/mc-three").text("status") == "Revoked")
        let listed = try await server.cli(["certs", "revocations", "--reason", "superseded"])
        #expect(listed.status == 0 && listed.output.contains(serials[2]) && !listed.output.contains(serials[0]))

        let all = try await client.get("/api/v1/revocations")
        #expect(all.json["total"] as? Int == 3, "\(all.body)")
        let open = try await client.get("/api/v1/revocations?include_released=false")
        #expect(open.json["total"] as? Int == 2)
        #expect(try await elsewhere.get("/api/v1/revocations").json["total"] as? Int == 0)
        let audit = try await client.get("/api/v1/audit?action=certificate_revoked")
        #expect(audit.body.contains("mc-one") && audit.body.contains("mc-three"))

        _ = try await issue("mc-four")
        try await Self.upstream(server, url)
        await server.stop()
    }

    /// An issuer that has to be told of revocations and can't be: the build has no such connector, so it is refused.
    private static func upstream(_ server: ControlPlane, _ url: String?) async throws {
        let client = server.client
        let ours = try await client.get("/api/v1/revocations?certificate_id=mc-one")
        let first = (ours.json["data"] as? [[String: Any]])?.first
        #expect(first?["notification"] as? String == "none" && first?["notify_attempts"] as? Int == 0)
        let known = try #require(first?["id"] as? String)
        #expect(try await client.post("/api/v1/revocations/\(known)/retry").status == 409)
        #expect(try await client.post("/api/v1/revocations/rev-none/retry").status == 404)
        #expect(try await client.get("/api/v1/certificates/mc-one").text("upstream_revocation") == nil)

        try await change("UPDATE issuers SET type = 'StepCA' WHERE id = '\(Inventory.issuer)'", server, url)
        let answer = try await client.post("/api/v1/certificates/mc-four/revoke", ["reason": "superseded"])
        #expect(try Inventory.expect(200, answer).json["issuer_notified"] as? Bool == false)
        let isRefused = try await eventually(within: .seconds(30), every: .milliseconds(200)) {
            try await client.get("/api/v1/certificates/mc-four").text("upstream_revocation") == "refused"
        }
        #expect(isRefused)
        let shown = try await client.get("/api/v1/certificates/mc-four")
        #expect(shown.text("status") == "Revoked")
        #expect(shown.text("upstream_revocation_error")?.contains("take no revocations") == true, "\(shown.body)")
        let refused = try await client.get("/api/v1/revocations?notification=refused")
        let row = try #require((refused.json["data"] as? [[String: Any]])?.first)
        #expect(
            refused.json["total"] as? Int == 1 && row["notify_ended_at"] != nil
                && row["certificate_id"] as? String == "mc-four")
        let metrics = try await client.get("/api/v1/metrics/prometheus")
        #expect(
            metrics.body.contains(#"certctl_upstream_revocations{issuer_id="\#(Inventory.issuer)",state="refused"} 1"#))
        #expect(
            metrics.body.contains(
                #"certctl_upstream_revocation_attempts_total{issuer_type="StepCA",outcome="refused"} 1"#))
        let id = try #require(row["id"] as? String)
        let retried = try await server.cli(["certs", "retry-revocation", id])
        #expect(retried.status == 0 && retried.output.contains("will be told"), "\(retried.output)\(retried.errors)")
        let listed = try await server.cli(["certs", "revocations", "--certificate-id", "mc-four", "-o", "wide"])
        #expect(listed.output.contains(id) && listed.output.contains("UPSTREAM"), "\(listed.output)")
        let audit = try await client.get("/api/v1/audit?action=upstream_revocation_retried")
        #expect(audit.body.contains("mc-four"), "\(audit.body)")
    }

    /// Changes the database past the control plane.
    private static func change(_ statement: String, _ server: ControlPlane, _ url: String?) async throws {
        if let url {
            try await PostgresInspection(url: url, logs: server.directory.url).rows(statement)
            return
        }
        let data = server.directory.path("data")
        let file = try #require(
            try FileManager.default.contentsOfDirectory(atPath: data).first { $0.hasSuffix(".db") })
        let script = """
            c = __import__("sqlite3").connect(__import__("sys").argv[1], timeout=30)
            c.execute(__import__("sys").argv[2])
            c.commit()
            """
        let outcome = try await runProgram(
            "/usr/bin/python3", ["-c", script, "\(data)/\(file)", statement], logs: server.directory.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
    }
}
