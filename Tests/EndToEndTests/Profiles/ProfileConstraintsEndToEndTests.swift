import Foundation
import TestSupport
import Testing

@Suite(
    "profiles over CLI, REST and ACME, read by OpenSSL: key usages, name constraints, short lives, must-staple",
    .tags(.slow))
struct ProfileConstraintsEndToEndTests {
    private static func create(_ stage: PKIStage, _ id: String, _ options: [String]) async throws -> ProgramOutcome {
        try await stage.server.cli(["profiles", "create", "--id", id, "--name", id] + options + ["--format", "json"])
    }

    private static func csr(
        _ name: String, _ stage: PKIStage, key: [String] = ["rsa:2048"], extensions: [String] = []
    ) async throws -> String {
        let file = stage.work.path(UUID().uuidString)
        let made = try await stage.openssl(
            ["req", "-new", "-newkey"] + key + [
                "-nodes", "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:\(name)",
            ]
                + extensions.flatMap { ["-addext", $0] } + ["-keyout", file + ".key", "-out", file])
        try #require(made.status == 0, "\(made.errors)")
        return try String(contentsOfFile: file, encoding: .utf8)
    }

    /// The certificate as OpenSSL describes it, or what it was refused with.
    private static func issue(
        _ stage: PKIStage, _ id: String, under profile: String, name: String, _ csr: String
    ) async throws -> String {
        if try await stage.server.client.get("/api/v1/certificates/\(id)").status == 404 {
            var record = Inventory.certificate(id, name: name)
            record["certificate_profile_id"] = profile
            try Inventory.expect(201, try await stage.server.client.post("/api/v1/certificates", record))
        }
        let reply = try await stage.server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        guard reply.status == 201 else { return "\(reply.status) \(reply.body)" }
        let exported = try await stage.server.client.get("/api/v1/certificates/\(id)/export/pem")
        let file = stage.work.path("\(id).pem")
        try #require(exported.text("cert_pem")).write(toFile: file, atomically: true, encoding: .utf8)
        let verified = try await stage.openssl(["verify", "-CAfile", stage.ca, file])
        #expect(verified.output.contains(": OK"), "\(verified.output)\(verified.errors)")
        return try await stage.openssl(["x509", "-in", file, "-noout", "-text"]).output
    }

    @Test(
        "what the CLI saved is in the certificates, and refused where it can't be", arguments: EngineUnderTest.available
    )
    func template(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let strict = try await Self.create(
            stage, "prof-usage",
            [
                "--key-usages", "digitalSignature,dataEncipherment", "--name-constraints",
                #"{"permitted":{"dns":["certctl.test"]},"excluded":{"dns":["secret.certctl.test"]}}"#,
            ])
        try #require(strict.status == 0, "\(strict.errors)")
        #expect(strict.output.contains("ECDSA keys get no dataEncipherment"), "\(strict.output)")
        let name = "www.certctl.test"
        let rsa = try await Self.issue(stage, "mc-rsa", under: "prof-usage", name: name, Self.csr(name, stage))
        #expect(rsa.contains("Digital Signature, Data Encipherment\n"), "\(rsa)")
        let curve = try await Self.csr("ec.certctl.test", stage, key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        let ecdsa = try await Self.issue(stage, "mc-ec", under: "prof-usage", name: "ec.certctl.test", curve)
        #expect(ecdsa.contains("Digital Signature\n") && !ecdsa.contains("Data Encipherment"), "\(ecdsa)")
        for outside in ["a.secret.certctl.test", "www.example.com"] {
            let refused = try await Self.issue(
                stage, "mc-\(outside)", under: "prof-usage", name: outside, Self.csr(outside, stage))
            #expect(refused.hasPrefix("422") && refused.contains("name_constraint"), "\(refused)")
        }
        for bad in [["--key-usages", "keyCertSign"], ["--name-constraints", #"{"permitted":{"ip":["10.0.0.1/8"]}}"#]] {
            let refused = try await Self.create(stage, "prof-bad", bad)
            #expect(refused.status != 0, "\(bad): \(refused.output)")
        }
        await stage.server.stop()
    }

    @Test("short-lived certificates name no list and no responder (RFC 9608)", arguments: EngineUnderTest.available)
    func shortLived(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let name = "short.certctl.test"
        let made = try await Self.create(
            stage, "prof-short", ["--allow-short-lived", "true", "--max-ttl-seconds", "3000"])
        try #require(made.status == 0, "\(made.errors)")
        let short = try await Self.issue(stage, "mc-short", under: "prof-short", name: name, Self.csr(name, stage))
        #expect(short.contains("2.5.29.56") || short.contains("No Revocation Available"), "\(short)")
        #expect(!short.contains("CRL Distribution") && !short.contains("OCSP - URI"), "\(short)")
        #expect(short.contains("CA Issuers - URI"), "\(short)")
        let both = try await Self.create(
            stage, "prof-both",
            ["--allow-short-lived", "true", "--max-ttl-seconds", "3000", "--must-staple-mode", "allowed"])
        #expect(both.status != 0 && both.errors.contains("RFC 9608"), "\(both.output)\(both.errors)")
        await stage.server.stop()
    }

    @Test("must-staple: for who asks, for all, for nobody; refused without a responder")
    func mustStaple() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let name = "staple.certctl.test"
        let asking = try await Self.csr(name, stage, extensions: ["tlsfeature=status_request"])
        let plain = try await Self.csr(name, stage)
        for (mode, forAsking, forPlain) in [
            ("never", false, false), ("allowed", true, false), ("required", true, true),
        ] {
            let made = try await Self.create(stage, "prof-\(mode)", ["--must-staple-mode", mode])
            try #require(made.status == 0, "\(made.errors)")
            #expect(!made.output.contains("CERTCTL_PKI_PUBLIC_URL"), "\(made.output)")
            for (id, csr, expected) in [("asks", asking, forAsking), ("plain", plain, forPlain)] {
                let text = try await Self.issue(stage, "mc-\(mode)-\(id)", under: "prof-\(mode)", name: name, csr)
                #expect(text.contains("Certificate:"), "\(text)")
                #expect(text.contains("TLS Feature") == expected, "\(mode) \(id): \(text)")
            }
        }
        let shown = try await stage.server.client.get("/api/v1/profiles/prof-required")
        #expect(shown.json["must_staple"] as? Bool == true && shown.text("must_staple_mode") == "required")
        await stage.server.stop()

        let silent = try await ControlPlane.start(databaseURL: nil, environment: [:])
        try await silent.becomeAdministrator()
        try await Inventory.create(on: silent)
        let warned = try await silent.cli([
            "profiles", "create", "--id", "prof-staple", "--name", "staple", "--must-staple", "true", "--format",
            "json",
        ])
        #expect(
            warned.status == 0 && warned.output.contains("CERTCTL_PKI_PUBLIC_URL"), "\(warned.output)\(warned.errors)")
        var record = Inventory.certificate("mc-staple", name: name)
        record["certificate_profile_id"] = "prof-staple"
        try Inventory.expect(201, try await silent.client.post("/api/v1/certificates", record))
        let refused = try await silent.client.post("/api/v1/certificates/mc-staple/csr", ["csr_pem": plain])
        #expect(refused.status == 422 && refused.body.contains("must_staple"), "\(refused.status) \(refused.body)")
        await silent.stop()
    }
}
