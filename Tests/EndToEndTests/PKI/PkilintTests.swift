import Foundation
import TestSupport
import Testing

/// The linter of another house finds nothing that is a warning or worse, in any kind of product.
@Suite("protocol-servers §9: pkilint on certificates, lists and answers", .tags(.slow))
struct PkilintTests {
    @Test("every kind of key, of list and of answer")
    func products() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let client = stage.server.client
        var questions: [String] = []
        for (issuer, config) in [
            ("iss-local", ["crl_delta": true] as [String: Any]), ("iss-rsa", ["key_algorithm": "RSA-3072"]),
            ("iss-p384", ["key_algorithm": "ECDSA-P384", "crl_partitions": 2]),
        ] {
            if issuer == "iss-local" {
                try Inventory.expect(200, try await client.put("/api/v1/issuers/\(issuer)", ["config": config]))
            } else {
                let body: [String: Any] = ["id": issuer, "name": issuer, "type": "local", "config": config]
                try Inventory.expect(201, try await client.post("/api/v1/issuers", body))
            }
            questions += try await leaves(of: issuer, stage)
        }
        questions += try await lists(stage)
        questions += try await answers(stage)
        let outcome = try await Judges.python("lint.py", questions, logs: stage.work.url)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let said = outcome.output.split(separator: "\n").map(String.init)
        #expect(said == questions.map { "\($0): nothing" }, "\(outcome.output)\(outcome.errors)")
        await stage.server.stop()
    }

    /// The authority, and a certificate for each kind of key, each with its authority beside it; every second is revoked.
    private func leaves(of issuer: String, _ stage: PKIStage) async throws -> [String] {
        let client = stage.server.client
        let ca = stage.work.path("\(issuer).pem")
        var questions = ["cert:\(ca)"]
        let keys = [
            "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ed": ["ed25519"],
        ]
        let reasons = ["ec": "keyCompromise", "rsa": "certificateHold", "ed": "superseded"]
        for (kind, key) in keys.sorted(by: { $0.key < $1.key }) {
            for number in 0..<2 {
                let id = "mc-\(issuer)-\(kind)-\(number)"
                let name = "\(kind)\(number).\(issuer).certctl.test"
                var record = Inventory.certificate(id, name: name)
                record["issuer_id"] = issuer
                try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
                let csr = try await makeCSR(name, in: stage.work, keyType: key)
                let issued = try Inventory.expect(
                    201, try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
                let file = stage.work.path("\(id).pem")
                let exported = try await client.get("/api/v1/certificates/\(id)/export/pem")
                try #require(issued.text("id") != nil && exported.status == 200, "\(exported.body)")
                try #require(exported.text("cert_pem")).write(toFile: file, atomically: true, encoding: .utf8)
                questions += ["cert:\(file)", "chain:\(ca):\(file)"]
                guard number == 1 else { continue }
                try Inventory.expect(
                    200,
                    try await client.post(
                        "/api/v1/certificates/\(id)/revoke", ["reason": reasons[kind] ?? "unspecified"]))
            }
        }
        _ = try await stage.curl(["--output", ca, "\(stage.url)/.well-known/pki/ca/\(issuer).pem"])
        return questions
    }

    private func lists(_ stage: PKIStage) async throws -> [String] {
        var questions: [String] = []
        for (place, count) in [
            ("iss-local", 3), ("iss-local/delta", 1), ("iss-rsa", 3), ("iss-p384", 3), ("iss-p384/0-2", 0),
            ("iss-p384/1-2", 0),
        ] {
            let file = stage.work.path("\(place.replacing("/", with: "-")).crl.pem")
            let der = file + ".der"
            let isThere = try await eventually(within: .seconds(30)) {
                let status = try await stage.curl([
                    "--output", der, "--write-out", "%{http_code}", "\(stage.url)/.well-known/pki/crl/\(place)",
                ])
                guard status == "200" else { return false }
                _ = try await stage.openssl(["crl", "-inform", "DER", "-in", der, "-out", file])
                let text = try await stage.openssl(["crl", "-in", file, "-noout", "-text"]).output
                return text.components(separatedBy: "Serial Number:").count > count
            }
            let said = try await stage.openssl(["crl", "-in", file, "-noout", "-text"])
            try #require(isThere, "\(place): \(said.output)\(said.errors)")
            questions.append("crl:\(file)")
        }
        return questions
    }

    private func answers(_ stage: PKIStage) async throws -> [String] {
        var questions: [String] = []
        for (name, question) in [
            ("good", ["-cert", stage.work.path("mc-iss-local-ec-0.pem")]),
            ("revoked", ["-cert", stage.work.path("mc-iss-local-ec-1.pem"), "-no_nonce"]),
            ("unknown", ["-serial", "0x1234567890"]),
        ] {
            let file = stage.work.path("\(name).ocsp")
            let asked = try await stage.openssl(
                ["ocsp", "-issuer", stage.ca] + question
                    + ["-CAfile", stage.ca, "-url", stage.responder, "-respout", file])
            try #require(FileManager.default.fileExists(atPath: file), "\(asked.output)\(asked.errors)")
            questions.append("ocsp:\(file)")
        }
        return questions
    }
}
