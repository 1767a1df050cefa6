import Foundation
import TestSupport
import Testing

@Suite("security §20.11: the inventory of cryptography", .tags(.slow))
struct CryptoInventoryTests {
    @Test("keys in use are counted, authorities named; the CBOM says the same", arguments: EngineUnderTest.available)
    func inventory(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(
            engine,
            [
                "CERTCTL_ACME_SERVER_ENABLED": "true",
                "CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID": Inventory.profile,
            ])
        let bound = try Inventory.expect(
            201,
            try await stage.server.client.post(
                "/api/v1/admin/acme/eab-keys",
                ["label": "inventory", "profile_id": Inventory.profile, "owner_id": Inventory.owner]))
        let acme = ACMEStage(
            server: stage.server, work: stage.work, keyID: try #require(bound.text("id")),
            hmacKey: try #require(bound.text("hmac_key")))
        #expect(try await acme.client().register().status == 201)
        try await stage.issue("mc-a", "a.certctl.test", to: stage.work.path("a.pem"))
        try await stage.issue("mc-b", "b.certctl.test", to: stage.work.path("b.pem"))
        try await stage.issue(
            "mc-c", "c.certctl.test", keyType: ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"], to: stage.work.path("c.pem")
        )
        let reply = try Inventory.expect(200, try await stage.server.client.get("/api/v1/crypto/inventory"))
        let keys = try #require(reply.json["keys"] as? [[String: Any]])
        func count(_ holder: String, _ key: String) -> Int {
            keys.first { $0["holder"] as? String == holder && $0["key"] as? String == key }?["count"] as? Int ?? 0
        }
        #expect(count("certificate", "ECDSA-P256") == 2 && count("certificate", "RSA-2048") == 1, "\(reply.body)")
        #expect(count("authority", "ECDSA-P256") == 1 && count("control_plane", "ECDSA-P256") == 1, "\(reply.body)")
        #expect(
            count("audit_log", "Ed25519") == 1 && count("superseded_certificate", "ECDSA-P256") == 0, "\(reply.body)")
        #expect(count("acme_account", "ECDSA-P256") == 1, "\(reply.body)")
        let signatures = try #require(reply.json["signatures"] as? [[String: Any]])
        #expect(signatures.count == 1 && signatures[0]["signature"] as? String == "ECDSA with SHA-256", "\(signatures)")
        #expect(signatures[0]["count"] as? Int == 3, "\(signatures)")
        // A new key: the old one goes on being good until its certificate ends.
        let renewed = try await makeCSR("a.certctl.test", in: stage.work)
        try Inventory.expect(
            201, try await stage.server.client.post("/api/v1/certificates/mc-a/csr", ["csr_pem": renewed]))
        let later = try Inventory.expect(200, try await stage.server.client.get("/api/v1/crypto/inventory"))
        let after = try #require(later.json["keys"] as? [[String: Any]])
        #expect(
            after.contains { $0["holder"] as? String == "superseded_certificate" && $0["count"] as? Int == 1 },
            "\(later.body)")
        let algorithms = try #require(reply.json["algorithms"] as? [[String: Any]])
        let rsa = try #require(algorithms.first { $0["name"] as? String == "RSA" })
        #expect(rsa["keys"] as? Int == 1 && rsa["quantum_vulnerable"] as? Bool == true)
        let file = stage.work.path("cbom.json")
        let saved = try await stage.server.cli(["crypto", "inventory", "--cbom", "--save", file])
        try #require(saved.status == 0, "\(saved.errors)")
        let judged = try await Judges.python("cbom.py", [file], logs: stage.work.url)
        #expect(judged.status == 0, "\(judged.output)\(judged.errors)")
        let text = try Data(contentsOf: URL(filePath: file))
        let bom = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
        #expect(bom["bomFormat"] as? String == "CycloneDX" && bom["specVersion"] as? String == "1.6")
        let components = try #require(bom["components"] as? [[String: Any]])
        let references = components.compactMap { $0["bom-ref"] as? String }
        #expect(Set(references).count == components.count)
        let kinds = components.compactMap { ($0["cryptoProperties"] as? [String: Any])?["assetType"] as? String }
        #expect(kinds.filter { $0 == "algorithm" }.count == algorithms.count)
        #expect(
            kinds.contains("certificate") && components.allSatisfy { $0["type"] as? String == "cryptographic-asset" })
        let dependencies = try #require((bom["dependencies"] as? [[String: Any]])?.first)
        #expect(Set(dependencies["dependsOn"] as? [String] ?? []).isSubset(of: Set(references)))
        let preferred = try await stage.server.client.get(
            "/api/v1/crypto/inventory", headers: ["Accept: application/vnd.cyclonedx+json"])
        #expect(preferred.text("bomFormat") == "CycloneDX", "\(preferred.headers)")
        let table = try await stage.server.cli(["crypto", "inventory"])
        #expect(table.status == 0 && table.output.contains("ML-DSA-65"), "\(table.errors)")
        await stage.server.stop()
    }

    @Test("what the inventory says of TLS is what the listener takes, and nothing else is")
    func transport() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        let reply = try Inventory.expect(200, try await server.client.get("/api/v1/crypto/inventory"))
        let listed = Set((reply.json["algorithms"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String })
        let address = server.baseURL.replacing("https://", with: "")
        func accepts(_ options: [String]) async throws -> Bool {
            let outcome = try await runProgram(
                "/usr/bin/openssl", ["s_client", "-connect", address, "-CAfile", server.authority] + options,
                logs: server.directory.url, timeout: .seconds(20))
            return outcome.output.contains("Verify return code: 0 (ok)")
                && outcome.output.contains("TLSv1.3, Cipher is")
        }
        for (group, name) in [
            ("X25519", "X25519"), ("P-256", "ECDH-P256"), ("P-384", "ECDH-P384"), ("P-521", "ECDH-P521"),
            ("X448", "X448"), ("ffdhe2048", "DH"),
        ] {
            #expect(try await accepts(["-tls1_3", "-groups", group]) == listed.contains(name), "\(group)")
        }
        for (suite, name) in [
            ("TLS_AES_128_GCM_SHA256", "AES-128-GCM"), ("TLS_AES_256_GCM_SHA384", "AES-256-GCM"),
            ("TLS_CHACHA20_POLY1305_SHA256", "ChaCha20-Poly1305"), ("TLS_AES_128_CCM_SHA256", "AES-128-CCM"),
        ] {
            #expect(try await accepts(["-tls1_3", "-ciphersuites", suite]) == listed.contains(name), "\(suite)")
        }
        #expect(try await !accepts(["-tls1_2"]))
        await server.stop()
    }
}
