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
        try Inventory.expect(
            200, try await client.post("/api/v1/certificates/mc-pq/revoke", ["reason": "superseded"]))
        let serial = try #require(version["serial_number"] as? String)
        let isListed = try await eventually(within: .seconds(20)) {
            try await fetchList(stage)
            return try await stage.openssl(["crl", "-inform", "DER", "-in", stage.work.path("crl"), "-noout", "-text"])
                .output.lowercased().contains(serial)
        }
        #expect(isListed)
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
