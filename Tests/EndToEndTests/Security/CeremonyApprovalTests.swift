import Foundation
import TestSupport
import Testing

@Suite("protocol-servers §6.2: two people for what is done to a CA, over the API and the client", .tags(.slow))
struct CeremonyApprovalTests {
    /// Writes what openssl needs to verify the record of that number: nothing of this product is involved.
    private static let extract = """
        from base64 import b64encode, urlsafe_b64decode
        from json import dumps, load
        from sys import argv
        ceremony = load(open(argv[1]))["ceremonies"][int(argv[3])]
        key = next(k for k in load(open(argv[2]))["keys"] if k["kid"] == ceremony["key_id"])
        raw = lambda text: urlsafe_b64decode(text + "=" * (-len(text) % 4))
        record = dumps(ceremony["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        out = argv[4]
        open(out + "/message", "wb").write(b"certctl ca ceremony v1\\n" + record.encode())
        open(out + "/signature", "wb").write(raw(ceremony["signature"]))
        spki = bytes.fromhex("302a300506032b6570032100") + raw(key["x"])
        open(out + "/key.pem", "w").write("-----BEGIN PUBLIC KEY-----\\n" + b64encode(spki).decode()
            + "\\n-----END PUBLIC KEY-----\\n")
        """

    @Test(
        "a root waits for somebody else, is made when the same request comes again, and openssl verifies the record",
        arguments: EngineUnderTest.available)
    func ceremony(engine: EngineUnderTest) async throws {
        let pki = try await PKIStage.start(engine, ["CERTCTL_APPROVAL_CA_CEREMONY": "true"])
        let server = pki.server
        func key(_ name: String, _ role: String, mayApprove: Bool = false) async throws -> CurlClient {
            let made = try await server.client.post(
                "/api/v1/auth/keys", ["name": name, "roles": [role], "may_approve": mayApprove])
            return server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        }
        let asker = try await key("asker", "r-admin")
        let decider = try await key("decider", "r-admin", mayApprove: true)
        let viewer = try await key("viewer", "r-viewer")
        let tree = try await server.cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        try #require(tree.status == 0, "\(tree.errors)")
        let path = "/api/v1/issuers/iss-tree/intermediates"
        let body: [String: Any] = ["name": "Root", "subject": ["common_name": "Root"], "ttl_days": 3000]
        #expect(try await viewer.post(path, body).status == 403)
        let held = try Inventory.expect(202, try await asker.post(path, body))
        #expect(held.text("status") == "pending_approval" && held.body.contains("send the same request again"))
        let approval = try #require(held.text("pending_approval_id"))
        #expect(try await asker.get(path).json["total"] as? Int == 0)
        #expect(try await asker.post("/api/v1/approvals/\(approval)/approve").text("code") == "self_approval_forbidden")
        let shown = try await decider.get("/api/v1/approvals/\(approval)")
        #expect(shown.text("kind") == "ca_ceremony" && shown.body.contains("\"life_days\":3000"), "\(shown.body)")
        try Inventory.expect(200, try await decider.post("/api/v1/approvals/\(approval)/approve", ["note": "seen"]))
        let made = try Inventory.expect(201, try await asker.post(path, body))
        let root = try #require(made.text("id"))
        #expect(try await viewer.get("/api/v1/intermediates/\(root)/ceremonies").status == 200)
        #expect(try await server.anonymous.get("/api/v1/intermediates/\(root)/ceremonies").status == 401)

        try await retire(root, pki, decider)
        try await judge(root, pki)
        let audit = try await server.client.get("/api/v1/audit?action=intermediate_ca_ceremony")
        #expect(audit.json["total"] as? Int == 2 && audit.body.contains(approval), "\(audit.body)")
        await server.stop()
    }

    /// By the command line, as the first administrator, whose request somebody else agrees to.
    private func retire(_ root: String, _ pki: PKIStage, _ decider: CurlClient) async throws {
        // Whoever made the key of the decider was shown it, and counts as one person with it for a day.
        let words = ["intermediates", "retire", root, "--yes", "--note", "rollover"]
        let waits = try await pki.server.cli(words)
        #expect(waits.status == 0 && waits.output.contains("apr-"), "\(waits.output) \(waits.errors)")
        let list = try await pki.server.client.get("/api/v1/approvals?state=pending&kind=ca_ceremony")
        let id = try #require((list.json["data"] as? [[String: Any]])?.first?["id"] as? String)
        #expect(try await decider.post("/api/v1/approvals/\(id)/approve").text("code") == "self_approval_forbidden")
        try Inventory.expect(200, try await pki.server.client.post("/api/v1/approvals/\(id)/withdraw"))
        // Asked for by the other key instead.
        let asker = try await pki.server.client.post(
            "/api/v1/auth/keys", ["name": "second", "roles": ["r-admin"], "may_approve": false])
        let second = pki.server.anonymous.with(key: try Inventory.expect(201, asker).text("key_value"))
        let path = "/api/v1/intermediates/\(root)/retire"
        let held = try Inventory.expect(202, try await second.post(path, ["note": "rollover"]))
        let approval = try #require(held.text("pending_approval_id"))
        try Inventory.expect(200, try await decider.post("/api/v1/approvals/\(approval)/approve"))
        // Whoever may change CAs carries it out.
        let done = try await pki.server.cli(words)
        #expect(done.status == 0 && done.output.contains("retiring"), "\(done.output) \(done.errors)")
    }

    private func judge(_ root: String, _ pki: PKIStage) async throws {
        let (records, keys) = (pki.work.path("ceremonies.json"), pki.work.path("keys.json"))
        let fetched = try await pki.server.cli(["intermediates", "ceremonies", root, "--out", records])
        #expect(fetched.status == 0 && fetched.errors.contains("2 records, every signature is good"), "\(fetched)")
        let known = try await pki.server.cli(["audit", "keys"])
        try known.output.write(toFile: keys, atomically: true, encoding: .utf8)
        for number in 0..<2 {
            _ = try await pki.run(
                "/usr/bin/python3", ["-c", Self.extract, records, keys, "\(number)", pki.work.path("")])
            let verdict = try await pki.openssl([
                "pkeyutl", "-verify", "-pubin", "-inkey", pki.work.path("key.pem"), "-rawin", "-in",
                pki.work.path("message"), "-sigfile", pki.work.path("signature"),
            ])
            #expect(verdict.status == 0 && verdict.output.contains("Verified Successfully"), "\(verdict)")
        }
        let shown = try await pki.server.cli(["intermediates", "ceremonies", root, "--keys", keys])
        #expect(shown.status == 0 && shown.output.contains("create") && shown.output.contains("retire"), "\(shown)")
        // The keys of another log.
        let strange = #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
        try strange.write(toFile: keys, atomically: true, encoding: .utf8)
        let refused = try await pki.server.cli(["intermediates", "ceremonies", root, "--keys", keys])
        #expect(refused.status == 1 && refused.errors.contains("not signed by a key"), "\(refused)")
    }
}
