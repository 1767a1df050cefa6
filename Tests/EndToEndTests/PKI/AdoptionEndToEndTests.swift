import Foundation
import TestSupport
import Testing

@Suite("Issuers §4.1.7: a CA that openssl kept is adopted, and openssl goes on believing it", .tags(.slow))
struct AdoptionEndToEndTests {
    @Test("certctl intermediates adopt, with an encrypted key and a PKCS#12", arguments: EngineUnderTest.available)
    func adopted(engine: EngineUnderTest) async throws {
        let foreign = try await ForeignCA()
        for host in ["good.test", "lost.test"] { try await foreign.issue(host) }
        try await foreign.revoke("lost.test", "keyCompromise")
        _ = try await foreign.list()
        let tool = foreign.tool
        try await tool.succeed(
            "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:correct horse", "-in", tool.path("issuing.key"),
            "-out", tool.path("issuing.enc"))
        let right = try tool.file("right", "correct horse\n")
        let wrong = try tool.file("wrong", "battery staple\n")
        let chain = try tool.file("chain.pem", try foreign.issuingPEM + foreign.rootPEM)

        let pki = try await PKIStage.start(engine)
        func adopt(_ arguments: [String]) async throws -> ProgramOutcome {
            try await pki.server.cli(["intermediates", "adopt", "iss-tree", "--yes"] + arguments)
        }
        let made = try await pki.server.cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        try #require(made.status == 0, "\(made.errors)")
        let base = ["--name", "Foreign", "--cert", chain, "--key", tool.path("issuing.enc")]
        let refused = try await adopt(base + ["--passphrase-file", wrong])
        #expect(refused.status != 0 && refused.errors.contains("password"), "\(refused.errors)")
        let full =
            base + [
                "--passphrase-file", right, "--crl", tool.path("issuing.crl"), "--issued", tool.path("good.test.pem"),
            ]
            + ["--issued", tool.path("lost.test.pem"), "--json"]
        let told = try await adopt(full + ["--dry-run"])
        let counted = told.output.filter { $0 != " " }.contains("\"revocations\":1")
        #expect(told.status == 0 && counted, "\(told.output)\(told.errors)")
        #expect(
            try await pki.server.cli(["intermediates", "list", "iss-tree", "--json"]).output.contains("ica-") == false)
        let done = try await adopt(full)
        try #require(done.status == 0, "\(done.errors)")
        let body = try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any]
        let id = try #require(body?["id"] as? String, "\(done.output)")
        let again = try await adopt(base + ["--passphrase-file", right])
        #expect(again.status != 0 && again.errors.contains("already"), "\(again.errors)")

        var record = Inventory.certificate("mc-new", name: "new.certctl.test")
        record["issuer_id"] = "iss-tree"
        try Inventory.expect(201, try await pki.server.client.post("/api/v1/certificates", record))
        let request = try await makeCSR("new.certctl.test", in: pki.work)
        let issued = try Inventory.expect(
            201, try await pki.server.client.post("/api/v1/certificates/mc-new/csr", ["csr_pem": request]))
        #expect(issued.text("issuing_ca_id") == id)
        let leaf = try tool.file("new.pem", try #require(issued.text("pem_chain")))
        // The list of the server, when it has been made.
        let list = tool.path("served.crl")
        for _ in 0..<60 {
            _ = try await pki.curl(["--output", list, "\(pki.url)/.well-known/pki/crl/\(id)"])
            if try await tool.run("crl", "-inform", "DER", "-in", list, "-noout").status == 0 { break }
            try await Task.sleep(for: .milliseconds(500))
        }
        let text = try await tool.succeed(
            "crl", "-inform", "DER", "-in", list, "-noout", "-text", "-CAfile", tool.path("issuing.pem"))
        #expect(text.contains("Serial Number: 02") && text.contains("Key Compromise"), "\(text)")
        let number = try await tool.succeed("crl", "-inform", "DER", "-in", list, "-noout", "-crlnumber")
        #expect(number.contains("2B"), "\(number)")
        try await tool.succeed("crl", "-inform", "DER", "-in", list, "-out", tool.path("served.pem"))
        let trust = ["-x509_strict", "-CAfile", tool.path("root.pem"), "-untrusted", tool.path("issuing.pem")]
        let checked = trust + ["-crl_check", "-CRLfile", tool.path("served.pem")]
        try await tool.succeed(["verify"] + checked + [leaf])
        try await tool.succeed(["verify"] + checked + [tool.path("good.test.pem")])
        let lost = try await tool.run(["verify"] + checked + [tool.path("lost.test.pem")])
        #expect(lost.status != 0 && (lost.output + lost.errors).contains("revoked"), "\(lost.errors)")

        for (host, status) in [("good.test", "good"), ("lost.test", "revoked")] {
            let asked = try await tool.run(
                "ocsp", "-issuer", tool.path("issuing.pem"), "-cert", tool.path("\(host).pem"), "-CAfile", chain,
                "-url",
                "\(pki.url)/.well-known/pki/ocsp/\(id)")
            let answer = asked.output + asked.errors
            #expect(answer.contains("\(host).pem: \(status)") && answer.contains("Response verify OK"), "\(answer)")
        }
        // What it had revoked comes under management as revoked.
        let imported = try Inventory.expect(
            201,
            try await pki.server.client.post(
                "/api/v1/certificates/import",
                [
                    "id": "mc-lost", "pem": try tool.read("lost.test.pem") + foreign.issuingPEM,
                    "owner_id": Inventory.owner, "team_id": Inventory.team, "issuer_id": "iss-tree",
                    "renewal_policy_id": Inventory.policy,
                ]))
        #expect(imported.text("status") == "Revoked" && imported.text("revocation_reason") == "keyCompromise")
        #expect(imported.text("revoked_at") != nil, "\(imported.body)")
        let stored = try await pki.server.client.get("/api/v1/certificates/mc-lost")
        #expect(stored.text("status") == "Revoked", "\(stored.body)")
        // One of before is revoked here, by its number.
        let revoked = try await pki.server.cli([
            "certs", "revoke", "--issuer-id", "iss-tree", "--issuing-ca-id", id, "--serial", "01", "--reason",
            "superseded", "--yes",
        ])
        #expect(revoked.status == 0, "\(revoked.errors)")

        // The key is nowhere to be read: not in what was printed, not in the logs, not in the audit log.
        let secret = try foreign.key(of: "issuing").split(separator: "\n").dropFirst().first.map(String.init) ?? ""
        let audit = try await pki.server.client.get("/api/v1/audit?action=intermediate_ca_adopted").body
        #expect(audit.contains(id))
        for text in [done.output, done.errors, refused.errors, audit, pki.server.process.transcript] {
            #expect(!text.contains(secret) && !text.contains("correct horse"))
        }

        // Another tree takes it from a key store.
        let other = try await ForeignCA(key: ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        try await other.tool.succeed(
            "pkcs12", "-export", "-inkey", other.tool.path("issuing.key"), "-in", other.tool.path("issuing.pem"),
            "-certfile", other.tool.path("root.pem"), "-passout", "pass:correct horse", "-out",
            other.tool.path("ca.p12"))
        let second = try await pki.server.cli([
            "issuers", "create", "--id", "iss-second", "--name", "Second", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        try #require(second.status == 0, "\(second.errors)")
        let store = try await pki.server.cli([
            "intermediates", "adopt", "iss-second", "--yes", "--name", "Store", "--key", other.tool.path("ca.p12"),
            "--passphrase-file", right,
        ])
        #expect(store.status == 0 && store.output.contains("Foreign Issuing"), "\(store.output)\(store.errors)")

        // A third has its key in a file of the server, where it stays.
        let third = try await ForeignCA()
        let tree = try await pki.server.cli([
            "issuers", "create", "--id", "iss-third", "--name", "Third", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        try #require(tree.status == 0, "\(tree.errors)")
        let named = [
            "intermediates", "adopt", "iss-third", "--yes", "--name", "Root", "--cert", third.tool.path("root.pem"),
        ]
        let strange = try await pki.server.cli(named + ["--key-driver-id", third.tool.path("issuing.key")])
        #expect(strange.status != 0 && strange.errors.contains("is not the key"), "\(strange.errors)")
        let held = try await pki.server.cli(named + ["--key-driver-id", third.tool.path("root.key")])
        #expect(held.status == 0 && held.output.contains("Foreign Root"), "\(held.output)\(held.errors)")
        await pki.server.stop()
    }
}
