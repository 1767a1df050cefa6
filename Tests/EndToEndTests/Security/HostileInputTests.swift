import Foundation
import TestSupport
import Testing

@Suite(
    "Malformed, oversized and hostile input changes nothing and is answered with the field at fault", .tags(.security))
struct HostileInputTests {
    @Test("hostile JSON and CSRs are refused with a clear error; nothing is stored")
    func hostileBodies() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let client = server.client
        try Inventory.expect(
            201, try await client.post("/api/v1/certificates", Inventory.certificate("mc-h", name: "h.certctl.test")))

        let bodies: [(String, Int, String)] = [
            ("{", 400, "malformed_json"),
            ("{\"name\":\"a\",\"name\":\"b\"}", 400, "malformed_json"),
            ("[1]", 400, "malformed_json"),
            (String(repeating: "[", count: 100_000), 400, "malformed_json"),
            ("{\"name\":\"\\ud800\"}", 400, "malformed_json"),
            ("{\"name\":12}", 400, "validation_failed"),
            ("{}", 400, "validation_failed"),
            ("{\"name\":\"" + String(repeating: "x", count: 300) + "\"}", 400, "validation_failed"),
        ]
        for (body, status, code) in bodies {
            let reply = try await client.send("POST", "/api/v1/teams", body: body)
            #expect(reply.status == status, "\(body.prefix(40)): \(reply.status) \(reply.body)")
            if code == "malformed_json" {
                #expect(
                    ["malformed_json", "validation_failed"].contains(reply.text("code") ?? ""),
                    "\(body.prefix(40)): \(reply.body)")
            } else {
                #expect(reply.text("code") == code, "\(body.prefix(40)): \(reply.body)")
            }
        }
        let tooLarge = try await client.send(
            "POST", "/api/v1/teams", body: String(repeating: " ", count: 1_100_000) + "{}")
        #expect(tooLarge.status == 413, "\(tooLarge.status)")
        let wrongType = try await client.send(
            "POST", "/api/v1/teams", body: "name=x", headers: ["Content-Type: application/x-www-form-urlencoded"])
        #expect(wrongType.status == 415)

        let work = try TemporaryDirectory("hostile")
        let good = try await makeCSR("h.certctl.test", in: work)
        let foreign = try await makeCSR("h.certctl.test", in: work, names: ["h.certctl.test", "evil.certctl.test"])
        let other = try await makeCSR("other.certctl.test", in: work)
        let weak = try await makeCSR("h.certctl.test", in: work, keyType: ["rsa:1024"])
        var flipped = good
        let middle = flipped.index(flipped.startIndex, offsetBy: 200)
        flipped.replaceSubrange(middle...middle, with: flipped[middle] == "A" ? "B" : "A")
        for (label, csr) in [
            ("empty", ""), ("no PEM", "hello"), ("truncated", String(good.prefix(300))), ("bit flipped", flipped),
            ("extra name", foreign), ("other name", other), ("weak key", weak),
            ("certificate", try String(contentsOfFile: server.authority, encoding: .utf8)),
            ("two requests", good + good),
        ] {
            let reply = try await client.post("/api/v1/certificates/mc-h/csr", ["csr_pem": csr])
            #expect([400, 422].contains(reply.status), "\(label): \(reply.status) \(reply.body)")
            #expect(reply.body.contains("csr_pem"), "\(label) does not name the field: \(reply.body)")
        }
        #expect(try await client.get("/api/v1/certificates/mc-h/versions").json["total"] as? Int == 0)
        #expect(try await client.get("/api/v1/certificates/mc-h").text("status") == "Pending")
        try Inventory.expect(201, try await client.post("/api/v1/certificates/mc-h/csr", ["csr_pem": good]))
        await server.stop()
    }

    @Test("unknown references, bad identifiers and bad queries are told apart")
    func references() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let client = server.client
        var body = Inventory.certificate("mc-r", name: "r.certctl.test")
        body["owner_id"] = "o-nobody"
        let unknown = try await client.post("/api/v1/certificates", body)
        #expect(unknown.status == 422 && unknown.text("code") == "unknown_reference", "\(unknown.body)")
        let badID = try await client.post("/api/v1/certificates", Inventory.certificate("../x", name: "r.certctl.test"))
        #expect(badID.status == 400 && badID.body.contains("/id"), "\(badID.body)")
        let badName = try await client.post(
            "/api/v1/certificates", Inventory.certificate("mc-n", name: "-r.certctl.test"))
        #expect(badName.status == 400 && badName.body.contains("/common_name"), "\(badName.body)")
        #expect(try await client.get("/api/v1/certificates/mc-none").status == 404)
        #expect(try await client.get("/api/v1/nothing").status == 404)
        let method = try await client.send("PATCH", "/api/v1/version", body: "{}")
        #expect(method.status == 405 && method.headers.lowercased().contains("allow:"), "\(method.headers)")
        #expect(try await client.get("/api/v1/certificates?cursor=garbage").status == 400)
        let problem = try await client.get(
            "/api/v1/certificates/mc-none", headers: ["Accept: application/problem+json"])
        #expect(
            problem.headers.lowercased().contains("application/problem+json")
                && problem.text("type") == "urn:certctl:error:not_found")
        await server.stop()
    }

    @Test("conditional requests and idempotency keys prevent lost and doubled writes")
    func conditionalAndIdempotent() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let client = server.client
        let first = try await client.post(
            "/api/v1/teams", ["id": "t-1", "name": "one"], headers: ["Idempotency-Key: create-team-one"])
        try Inventory.expect(201, first)
        let replay = try await client.post(
            "/api/v1/teams", ["id": "t-1", "name": "one"], headers: ["Idempotency-Key: create-team-one"])
        #expect(
            replay.status == 201 && replay.headers.lowercased().contains("idempotency-replayed: true"),
            "\(replay.headers)")
        let mismatch = try await client.post(
            "/api/v1/teams", ["id": "t-2", "name": "two"], headers: ["Idempotency-Key: create-team-one"])
        #expect(mismatch.status == 422 && mismatch.text("code") == "idempotency_mismatch", "\(mismatch.body)")

        let read = try await client.get("/api/v1/teams/t-1")
        let tag = try #require(read.headers.split(separator: "\r\n").first { $0.lowercased().hasPrefix("etag:") })
            .dropFirst(5).trimmingCharacters(in: .whitespaces)
        #expect(try await client.get("/api/v1/teams/t-1", headers: ["If-None-Match: \(tag)"]).status == 304)
        try Inventory.expect(
            200, try await client.put("/api/v1/teams/t-1", ["name": "uno"], headers: ["If-Match: \(tag)"]))
        let stale = try await client.put("/api/v1/teams/t-1", ["name": "eins"], headers: ["If-Match: \(tag)"])
        #expect(stale.status == 412 && stale.text("code") == "precondition_failed", "\(stale.body)")
        #expect(stale.headers.lowercased().contains("\netag: \"v2\"\r"), "\(stale.headers)")
        let foreign = try await client.put("/api/v1/teams/t-1", ["name": "eins"], headers: ["If-Match: \"abc\""])
        #expect(foreign.status == 412 && foreign.headers.lowercased().contains("\netag: \"v2\"\r"))
        #expect(try await client.get("/api/v1/teams/t-1").text("name") == "uno")
        await server.stop()
    }
}
