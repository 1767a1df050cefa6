import Foundation
import TestSupport
import Testing

@Suite("ML-DSA authorities and leaves of a running server, beside pyca (RFC 9881)", .tags(.slow))
struct PostQuantumTests {
    @Test(
        "an authority of each kind issues, revokes and tells so; profiles decide who may", arguments: ["65", "87"],
        EngineUnderTest.available)
    func authority(set: String, engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let client = stage.server.client
        let algorithm = "ML-DSA-\(set)"
        let made = try await client.post(
            "/api/v1/issuers",
            ["id": "iss-pq", "name": "Post-quantum CA", "type": "local", "config": ["key_algorithm": algorithm]])
        try Inventory.expect(201, made)
        var record = Inventory.certificate("mc-pq", name: "pq.certctl.test")
        record["issuer_id"] = "iss-pq"
        try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
        let outcome = try await Judges.python(
            "mldsa.py", ["request", algorithm, "pq.certctl.test", stage.work.path("key"), stage.work.path("csr")],
            logs: stage.work.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let csr = try String(contentsOfFile: stage.work.path("csr"), encoding: .utf8)
        let refused = try await client.post("/api/v1/certificates/mc-pq/csr", ["csr_pem": csr])
        #expect((400..<500).contains(refused.status) && refused.body.contains(algorithm), "\(refused.body)")

        let rules = [["algorithm": algorithm], ["algorithm": "ECDSA", "min_size": 256]] as [[String: Any]]
        let profile = try await client.send(
            "PATCH", "/api/v1/profiles/\(Inventory.profile)", body: Self.json(["allowed_key_algorithms": rules]),
            headers: ["Content-Type: application/merge-patch+json"])
        try Inventory.expect(200, profile)
        try Inventory.expect(201, try await client.post("/api/v1/certificates/mc-pq/csr", ["csr_pem": csr]))
        let versions = try await client.get("/api/v1/certificates/mc-pq/versions")
        let version = try #require((versions.json["data"] as? [[String: Any]])?.first)
        #expect(version["key_algorithm"] as? String == algorithm, "\(version)")
        let chain = try #require(version["pem_chain"] as? String)
        try chain.write(toFile: stage.leaf, atomically: true, encoding: .utf8)
        try await judged(stage, set)
        try await answered(stage, set, "GOOD")
        try Inventory.expect(
            200, try await client.post("/api/v1/certificates/mc-pq/revoke", ["reason": "superseded"]))
        let serial = try #require(version["serial_number"] as? String)
        let isListed = try await eventually(within: .seconds(20)) {
            try await fetchList(stage)
            return try await stage.openssl(["crl", "-inform", "DER", "-in", stage.work.path("crl"), "-noout", "-text"])
                .output.lowercased().contains(serial)
        }
        #expect(isListed)
        try await answered(stage, set, "REVOKED")
        await stage.server.stop()
    }

    /// The responder is of the kind of its authority: what tells of revocations is no easier to forge than certificates.
    private func answered(_ stage: PKIStage, _ set: String, _ status: String) async throws {
        let outcome = try await Judges.python(
            "mldsa.py",
            ["answer", stage.work.path("pq.pem"), stage.leaf, "\(stage.url)/.well-known/pki/ocsp/iss-pq"],
            logs: stage.work.url)
        #expect(outcome.output == "\(status) MLDSA\(set)PublicKey\n", "\(outcome.output)\(outcome.errors)")
    }

    /// Two tiers of the kinds given, and a certificate of a third.
    @Test(
        "a post-quantum root over a CA of another set, over a classical one, and a post-quantum leaf below classical CAs",
        arguments: [
            ("ML-DSA-87", "ML-DSA-65", "ec"), ("ML-DSA-87", "ECDSA-P384", "ec"),
            ("ECDSA-P384", "RSA-3072", "ML-DSA-65"),
        ])
    func tree(root: String, below: String, leaf: String) async throws {
        let stage = try await PKIStage.start(.sqlite)
        let client = stage.server.client
        func cli(_ arguments: [String]) async throws -> ProgramOutcome {
            let outcome = try await stage.server.cli(arguments)
            try #require(outcome.status == 0, "\(outcome.errors)")
            return outcome
        }
        func create(_ name: String, _ algorithm: String, _ more: [String] = []) async throws -> String {
            let made = try await cli(
                [
                    "intermediates", "create", "iss-tree", "--name", name, "--common-name", name, "--algorithm",
                    algorithm,
                    "--json",
                ] + more)
            let body = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
            return try #require(body?["id"] as? String)
        }
        _ = try await cli([
            "issuers", "create", "--id", "iss-tree", "--name", "Tree", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        let top = try await create("Root", root)
        let issuing = try await create("Issuing", below, ["--parent", top])
        let rules = [["algorithm": "ML-DSA-65"], ["algorithm": "ECDSA", "min_size": 256]] as [[String: Any]]
        try Inventory.expect(
            200,
            try await client.send(
                "PATCH", "/api/v1/profiles/\(Inventory.profile)", body: Self.json(["allowed_key_algorithms": rules]),
                headers: ["Content-Type: application/merge-patch+json"]))
        let name = "tree.certctl.test"
        var record = Inventory.certificate("mc-tree", name: name)
        record["issuer_id"] = "iss-tree"
        try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
        var csr = stage.work.path("csr")
        if leaf == "ec" {
            let made = try await makeCSR(name, in: stage.work)
            try made.write(toFile: csr, atomically: true, encoding: .utf8)
        } else {
            let made = try await Judges.python(
                "mldsa.py", ["request", leaf, name, stage.work.path("key"), csr], logs: stage.work.url)
            try #require(made.status == 0, "\(made.errors)")
        }
        let issued = try Inventory.expect(
            201,
            try await client.post(
                "/api/v1/certificates/mc-tree/csr", ["csr_pem": try String(contentsOfFile: csr, encoding: .utf8)]))
        try #require(issued.text("pem_chain")).write(toFile: stage.leaf, atomically: true, encoding: .utf8)
        var files: [String] = []
        for id in [top, issuing] {
            files.append(stage.work.path("\(id).pem"))
            _ = try await stage.curl(["--output", files[files.count - 1], "\(stage.url)/.well-known/pki/ca/\(id).pem"])
        }
        let outcome = try await Judges.python("mldsa.py", ["tree"] + files + [stage.leaf], logs: stage.work.url)
        let types = [
            "ML-DSA-87": "MLDSA87PublicKey", "ML-DSA-65": "MLDSA65PublicKey", "ECDSA-P384": "ECPublicKey",
            "ec": "ECPublicKey",
            "RSA-3072": "RSAPublicKey",
        ]
        #expect(
            outcome.output == [root, below, leaf].compactMap { types[$0] }.joined(separator: " ") + "\n",
            "\(outcome.output)\(outcome.errors)")
        // A request for the certificate of a CA whose root is elsewhere.
        let made = try await stage.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            stage.work.path("off.key"), "-out", stage.work.path("off.pem"), "-days", "900", "-subj", "/CN=Elsewhere",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        ])
        try #require(made.status == 0, "\(made.errors)")
        // A tree has one root at a time.
        _ = try await cli([
            "issuers", "create", "--id", "iss-off", "--name", "Offline", "--type", "GenericCA", "--hierarchy-mode",
            "tree",
        ])
        let registered = try await cli([
            "intermediates", "create", "iss-off", "--name", "Elsewhere", "--root-cert", stage.work.path("off.pem"),
            "--json",
        ])
        let body = try JSONSerialization.jsonObject(with: Data(registered.output.utf8)) as? [String: Any]
        csr = stage.work.path("offline.csr")
        _ = try await cli([
            "intermediates", "csr", "iss-off", "--name", "Below", "--parent", try #require(body?["id"] as? String),
            "--common-name", "Below", "--algorithm", "ML-DSA-65", "--out", csr,
        ])
        let read = try await Judges.python("mldsa.py", ["csr", csr], logs: stage.work.url)
        #expect(read.output == "MLDSA65PublicKey\n", "\(read.output)\(read.errors)")
        await stage.server.stop()
    }

    private static func json(_ body: [String: Any]) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
    }

    private func fetchList(_ stage: PKIStage) async throws {
        _ = try await stage.curl([
            "--fail", "--output", stage.work.path("crl"), "\(stage.url)/.well-known/pki/crl/iss-pq",
        ])
    }

    private func judged(_ stage: PKIStage, _ set: String) async throws {
        let authority = stage.work.path("pq.pem")
        _ = try await stage.curl(["--output", authority, "\(stage.url)/.well-known/pki/ca/iss-pq.pem"])
        let isThere = try await eventually(within: .seconds(20)) {
            try await fetchList(stage)
            return FileManager.default.fileExists(atPath: stage.work.path("crl"))
        }
        #expect(isThere)
        let outcome = try await Judges.python(
            "mldsa.py", ["chain", authority, stage.leaf, stage.work.path("crl")], logs: stage.work.url)
        let oid = set == "65" ? "2.16.840.1.101.3.4.3.18" : "2.16.840.1.101.3.4.3.19"
        #expect(outcome.output == "\(oid) MLDSA\(set)PublicKey\n", "\(outcome.output)\(outcome.errors)")
    }
}
