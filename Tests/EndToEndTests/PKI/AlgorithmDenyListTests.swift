import Foundation
import TestSupport
import Testing

@Suite("ADR-0030: the deny-list of algorithms, on every way to a certificate", .tags(.slow))
struct AlgorithmDenyListTests {
    private static let p384 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]
    private static let denial = ["CERTCTL_ALGORITHM_DENY_LIST": "ECDSA-P256"]

    private static func submit(
        _ stage: SignerAuthorityStage, _ id: String, issuer: String, keyType: [String]
    ) async throws -> CurlClient.Reply {
        let name = "\(id).certctl.test"
        var record = Inventory.certificate(id, name: name)
        record["issuer_id"] = issuer
        try Inventory.expect(201, try await stage.client.post("/api/v1/certificates", record))
        let csr = try await makeCSR(name, in: stage.pki.work, keyType: keyType)
        return try await stage.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
    }

    @Test(
        "a CA whose key is denied issues no more, is revoked from all the same, and its responder gets another key",
        arguments: EngineUnderTest.available)
    func denied(engine: EngineUnderTest) async throws {
        let stage = try await SignerAuthorityStage.start(engine, ["CERTCTL_OCSP_RESPONDER_KEYS_WITH_CA": "true"])
        try Inventory.expect(201, try await stage.createIssuer())
        try Inventory.expect(201, try await stage.issue("mc-d1"))
        try await stage.chain("mc-d1").write(toFile: stage.pki.leaf, atomically: true, encoding: .utf8)
        try await stage.fetchRoot()
        #expect(try await responder(stage, says: "good").contains("prime256v1"))
        await stage.pki.server.stop()
        try await stage.pki.server.startAgain(extra: Self.denial)

        let p256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        let key = try await Self.submit(stage, "mc-d2", issuer: "iss-signer", keyType: p256)
        #expect(key.status == 422 && key.body.contains("denied_algorithm"), "\(key.status) \(key.body)")
        let signature = try await Self.submit(stage, "mc-d3", issuer: "iss-signer", keyType: Self.p384)
        #expect(signature.status == 422 && signature.body.contains("is denied by ECDSA-P256"), "\(signature.body)")
        let made = try await stage.createIssuer("iss-bad", SignerAuthorityStage.config("ca2"))
        #expect(made.status == 422 && made.body.contains("/config/key_algorithm"), "\(made.status) \(made.body)")
        let used = try await stage.createIssuer("iss-bad", SignerAuthorityStage.config("ca1"))
        #expect(used.status == 422 && used.body.contains("denied_algorithm"), "\(used.status) \(used.body)")
        try Inventory.expect(
            201,
            try await stage.createIssuer(
                "iss-good", SignerAuthorityStage.config("ca3", ["key_algorithm": "ECDSA-P384"])))
        try Inventory.expect(201, try await Self.submit(stage, "mc-d4", issuer: "iss-good", keyType: Self.p384))

        // The key of the responder changes its kind, beside the same CA, and revocations go out.
        let isReplaced = try await eventually(within: .seconds(40), every: .milliseconds(500)) {
            try await responder(stage, says: "good").contains("secp384r1")
        }
        #expect(isReplaced)
        try Inventory.expect(
            200, try await stage.client.post("/api/v1/certificates/mc-d1/revoke", ["reason": "keyCompromise"]))
        #expect(try await responder(stage, says: "revoked").contains("secp384r1"))
        let isListed = try await eventually(within: .seconds(20)) {
            guard try await stage.fetchList() else { return false }
            return try await stage.openssl(["crl", "-inform", "DER", "-in", stage.list, "-noout", "-text"])
                .output.contains("Key Compromise")
        }
        #expect(isListed)
        await stage.stop()
    }

    /// The certificate of the responder, after openssl found its answer right.
    private func responder(_ stage: SignerAuthorityStage, says status: String) async throws -> String {
        let url = "\(stage.pki.url)/.well-known/pki/ocsp/iss-signer"
        let outcome = try await stage.openssl([
            "ocsp", "-issuer", stage.root, "-cert", stage.pki.leaf, "-CAfile", stage.root, "-url", url, "-resp_text",
        ])
        let said = outcome.output + outcome.errors
        #expect(said.contains("Response verify OK") && said.contains("leaf.pem: \(status)"), "\(said)")
        let file = stage.pki.work.path("responder.txt")
        try outcome.output.write(toFile: file, atomically: true, encoding: .utf8)
        return try await stage.openssl(["x509", "-in", file, "-noout", "-text"]).output
    }

    @Test("ACME, profiles, trees of CAs and the inventory say the same", arguments: EngineUnderTest.available)
    func surfaces(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine, Self.denial)
        let api = stage.server.client
        let client = stage.client()
        #expect(try await client.register().status == 201)
        let names = ["a.certctl.test"]
        let (order, created) = try await client.order(names)
        #expect(created.text("status") == "ready", "\(created.body)")
        let refused = try await client.finalize(order, try await client.csr(names))
        #expect(refused.status == 400 && ACMETestClient.problem(refused) == "badPublicKey", "\(refused.body)")
        #expect(refused.body.contains("certifies no ECDSA-P256 keys"), "\(refused.body)")
        let (second, _) = try await client.order(names)
        let csr = try ACMETestClient.der(
            try await makeCSR("a.certctl.test", in: stage.work, keyType: Self.p384))
        try Inventory.expect(200, try await client.finalize(second, csr))
        #expect(try await client.settled(second).text("status") == "valid")

        let only = [["algorithm": "ECDSA", "min_size": 256, "max_size": 256]]
        let saved = try await api.post("/api/v1/profiles", ["name": "p256", "allowed_key_algorithms": only])
        #expect(saved.status == 400 && saved.body.contains("denied_algorithm"), "\(saved.status) \(saved.body)")
        let web = try await api.get("/api/v1/profiles/\(Inventory.profile)")
        #expect(web.body.contains("it denies ECDSA-P256"), "\(web.body)")

        try Inventory.expect(
            201,
            try await api.post(
                "/api/v1/issuers",
                ["id": "iss-tree", "name": "Tree", "type": "local", "config": [:], "hierarchy_mode": "tree"]))
        func create(_ algorithm: String) async throws -> CurlClient.Reply {
            try await api.post(
                "/api/v1/issuers/iss-tree/intermediates",
                ["name": "Root \(algorithm)", "subject": ["common_name": "Root"], "algorithm": algorithm])
        }
        let root = try await create("ECDSA-P256")
        #expect(root.status == 400 && root.body.contains("denied_algorithm"), "\(root.status) \(root.body)")
        try Inventory.expect(201, try await create("ECDSA-P384"))

        let inventory = try Inventory.expect(200, try await api.get("/api/v1/crypto/inventory"))
        let algorithms = try #require(inventory.json["algorithms"] as? [[String: Any]])
        let denied = algorithms.filter { $0["denied"] as? Bool == true }.compactMap { $0["name"] as? String }
        #expect(denied == ["ECDSA-P256"])
        #expect(try await stage.server.cli(["crypto", "inventory"]).output.contains("DENIED"))
        await stage.server.stop()
    }
}
