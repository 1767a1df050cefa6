import Foundation
import TestSupport
import Testing

/// Certificates of every kind that profiles make, under authorities of every kind.
@Suite("protocol-servers §9: pkilint on the products of every kind of profile", .tags(.slow))
struct PkilintProfileTests {
    private struct Kind {
        let id: String
        /// Beside the identifier.
        let rules: [String: Any]
        let names: [String]
        /// As openssl writes them.
        let request: String
        var key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        var subject = ""
    }

    private static let server = ["www.certctl.test"]

    private static var kinds: [Kind] {
        [
            // Wildcards are RFC 9525's: the linter's rules are those of RFC 5280, which says nothing of them.
            Kind(
                id: "many",
                rules: ["allowed_ekus": ["serverAuth", "clientAuth"], "allowed_san_types": ["dns", "ip"]],
                names: ["www.certctl.test", "api.certctl.test", "10.1.2.3", "fd00::1"],
                request: "DNS:www.certctl.test,DNS:api.certctl.test,IP:10.1.2.3,IP:fd00::1"),
            Kind(
                id: "p384", rules: [:], names: server, request: "DNS:www.certctl.test",
                key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
            Kind(
                id: "p521", rules: [:], names: server, request: "DNS:www.certctl.test",
                key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"]),
            Kind(
                id: "rsa4096", rules: [:], names: server, request: "DNS:www.certctl.test",
                key: ["rsa", "-pkeyopt", "rsa_keygen_bits:4096"]),
            Kind(
                id: "mail", rules: ["allowed_ekus": ["emailProtection"], "allowed_san_types": ["email"]],
                names: ["ops@certctl.test"], request: "email:ops@certctl.test"),
            Kind(
                id: "client", rules: ["allowed_ekus": ["clientAuth"], "eku_critical": true], names: server,
                request: "DNS:www.certctl.test"),
            Kind(
                id: "code", rules: ["allowed_ekus": ["codeSigning"]], names: server, request: "DNS:www.certctl.test"),
            Kind(
                id: "stamps", rules: ["allowed_ekus": ["timeStamping"], "eku_critical": true], names: server,
                request: "DNS:www.certctl.test"),
            Kind(
                id: "documents", rules: ["allowed_ekus": ["documentSigning"]], names: server,
                request: "DNS:www.certctl.test"),
            Kind(
                id: "subject",
                rules: [
                    "subject_policy": [
                        "fixed": ["C": "CH", "O": "Example Ltd"], "allowed_rdns": ["OU"], "cn": "copy",
                    ],
                    "policy_oids": ["2.23.140.1.2.2"],
                ],
                names: server, request: "DNS:www.certctl.test", subject: "/OU=Web"),
            Kind(
                id: "staple", rules: ["must_staple": true], names: server, request: "DNS:www.certctl.test"),
        ]
    }

    @Test("profiles of eleven kinds, under an ECDSA, an RSA, a P-521 and an Ed25519 authority")
    func products() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let client = stage.server.client
        var questions: [String] = []
        for kind in Self.kinds {
            var body = kind.rules
            body["id"] = "prof-\(kind.id)"
            body["name"] = kind.id
            body["allowed_key_algorithms"] = [
                ["algorithm": "ECDSA", "min_size": 256], ["algorithm": "RSA", "min_size": 2048],
            ]
            try Inventory.expect(201, try await client.post("/api/v1/profiles", body))
        }
        for algorithm in ["ECDSA-P256", "RSA-3072", "ECDSA-P521", "Ed25519"] {
            let issuer = "iss-\(algorithm.lowercased())"
            try Inventory.expect(
                201,
                try await client.post(
                    "/api/v1/issuers",
                    ["id": issuer, "name": issuer, "type": "local", "config": ["key_algorithm": algorithm]]))
            let authority = stage.work.path("\(issuer).pem")
            for kind in Self.kinds {
                let file = try await issue(kind, from: issuer, stage)
                questions += ["cert:\(file)", "chain:\(authority):\(file)"]
            }
            _ = try await stage.curl(["--output", authority, "\(stage.url)/.well-known/pki/ca/\(issuer).pem"])
            questions.append("cert:\(authority)")
        }
        let outcome = try await Judges.python("lint.py", questions, logs: stage.work.url)
        let said = outcome.output.split(separator: "\n").map(String.init)
        #expect(said == questions.map { "\($0): nothing" }, "\(outcome.output)\(outcome.errors)")
        await stage.server.stop()
    }

    private func issue(_ kind: Kind, from issuer: String, _ stage: PKIStage) async throws -> String {
        let id = "mc-\(issuer)-\(kind.id)"
        var record = Inventory.certificate(id, name: kind.names[0])
        record["issuer_id"] = issuer
        record["certificate_profile_id"] = "prof-\(kind.id)"
        record["sans"] = kind.names
        try Inventory.expect(201, try await stage.server.client.post("/api/v1/certificates", record))
        let csr = stage.work.path("\(id).csr")
        let made = try await stage.openssl(
            ["req", "-new", "-newkey"] + kind.key + [
                "-nodes", "-subj", kind.subject.isEmpty ? "/" : kind.subject, "-addext",
                "subjectAltName=\(kind.request)", "-keyout", stage.work.path("\(id).key"), "-out", csr,
            ])
        try #require(made.status == 0, "\(made.errors)")
        try Inventory.expect(
            201,
            try await stage.server.client.post(
                "/api/v1/certificates/\(id)/csr", ["csr_pem": try String(contentsOfFile: csr, encoding: .utf8)]))
        let exported = try Inventory.expect(
            200, try await stage.server.client.get("/api/v1/certificates/\(id)/export/pem"))
        let file = stage.work.path("\(id).pem")
        try #require(exported.text("cert_pem")).write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}
