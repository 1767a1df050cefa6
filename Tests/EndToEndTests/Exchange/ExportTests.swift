import Foundation
import TestSupport
import Testing

@Suite("rest-api §7.4: certificates leave as files that others read", .tags(.slow))
struct ExportTests {
    @Test("every format, over the command line, judged by openssl and keytool", arguments: EngineUnderTest.available)
    func formats(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        try await stage.issue("mc-a", "a.certctl.test", to: stage.leaf)
        let work = stage.work
        let password = work.path("password")
        try "secret-1\n".write(toFile: password, atomically: true, encoding: .utf8)
        func export(_ form: String, _ extra: String...) async throws -> String {
            let file = work.path("out.\(form)-\(UUID().uuidString)")
            let outcome = try await stage.server.cli(["certs", "export", "mc-a", "--as", form, "--save", file] + extra)
            try #require(outcome.status == 0, "\(outcome.errors)")
            return file
        }
        let full = try String(contentsOfFile: stage.leaf, encoding: .utf8)
        #expect(try String(contentsOfFile: await export("pem"), encoding: .utf8) == full)
        let shown = try await stage.server.cli(["certs", "export", "mc-a"])
        #expect(shown.output == full)
        let der = try await export("der")
        let read = try await stage.openssl(["x509", "-inform", "DER", "-in", der, "-noout", "-subject"])
        #expect(read.output.contains("a.certctl.test"), "\(read.errors)")
        let message = try await stage.openssl(
            ["pkcs7", "-inform", "DER", "-in", try await export("pkcs7", "--root"), "-print_certs", "-noout"])
        #expect(message.output.split(separator: "\n").filter { $0.hasPrefix("subject") }.count == 2)
        for (form, extra) in [("pkcs12", [String]()), ("jks", []), ("pkcs12", ["--legacy"])] {
            var arguments = ["certs", "export", "mc-a", "--as", form, "--password-file", password] + extra
            let file = work.path("store-\(UUID().uuidString)")
            arguments += ["--save", file]
            let made = try await stage.server.cli(arguments)
            try #require(made.status == 0, "\(made.errors)")
            let listed = try await stage.run(
                "/usr/bin/keytool", ["-list", "-keystore", file, "-storetype", form, "-storepass", "secret-1"])
            #expect(listed.contains("contains 2 entries") && listed.contains("trustedCertEntry"), "\(listed)")
        }
        try await withKey(stage, password)
        let audit = try await stage.server.client.get("/api/v1/audit?action=certificate_exported&resource_id=mc-a")
        let events = try #require(audit.json["data"] as? [[String: Any]])
        #expect(
            Set(events.compactMap { ($0["details"] as? [String: Any])?["format"] as? String })
                == ["pem", "der", "pkcs7", "pkcs12", "jks"])
        #expect(events.allSatisfy { $0["actor"] as? String == "ops-admin" }, "\(audit.body)")
        await stage.server.stop()
    }

    /// The key of this host, put together with what the server knows; the server never sees it.
    private func withKey(_ stage: PKIStage, _ password: String) async throws {
        let keys = try FileManager.default.contentsOfDirectory(atPath: stage.work.url.path)
            .filter { $0.hasSuffix(".key") }
        let key = stage.work.path(try #require(keys.first))
        for form in ["pkcs12", "jks"] {
            let file = stage.work.path("own.\(form)")
            let made = try await stage.server.cli([
                "certs", "export", "mc-a", "--as", form, "--key", key, "--password-file", password, "--save", file,
                "--root",
            ])
            try #require(made.status == 0, "\(made.errors)")
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let listed = try await stage.run(
                "/usr/bin/keytool", ["-list", "-v", "-keystore", file, "-storetype", form, "-storepass", "secret-1"])
            #expect(listed.contains("PrivateKeyEntry") && listed.contains("chain length: 2"), "\(listed)")
        }
        let opened = try await stage.openssl(
            ["pkcs12", "-in", stage.work.path("own.pkcs12"), "-passin", "file:\(password)", "-nodes", "-nocerts"])
        #expect(opened.output.contains("BEGIN PRIVATE KEY"), "\(opened.errors)")
        let other = try await stage.openssl(
            ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", stage.work.path("other")])
        try #require(other.status == 0)
        let refused = try await stage.server.cli([
            "certs", "export", "mc-a", "--as", "pkcs12", "--key", stage.work.path("other"), "--password-file",
            password, "--save", stage.work.path("never"),
        ])
        #expect(refused.status == 2 && refused.errors.contains("is not the key of mc-a"), "\(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: stage.work.path("never")))
    }

    @Test("versions, names of files, refusals, the limit of an hour")
    func rules() async throws {
        let stage = try await PKIStage.start(
            .sqlite, ["CERTCTL_CERT_EXPORT_RATE_LIMIT_PER_ACTOR_HR": "6"])
        let client = stage.server.client
        try Inventory.expect(
            201,
            try await client.post("/api/v1/certificates", Inventory.certificate("mc-empty", name: "e.certctl.test")))
        let empty = try await client.get("/api/v1/certificates/mc-empty/export/pem")
        #expect(empty.status == 409 && empty.text("code") == "invalid_state", "\(empty.body)")
        try await stage.issue("mc-a", "a.certctl.test", to: stage.leaf)
        let page = try await client.get("/api/v1/certificates/mc-a/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first?["id"] as? String)
        let csr = try await makeCSR("a.certctl.test", in: stage.work)
        try Inventory.expect(201, try await client.post("/api/v1/certificates/mc-a/csr", ["csr_pem": csr]))
        let first = try await client.get("/api/v1/certificates/mc-a/export/pem?version_id=\(version)")
        let full = try String(contentsOfFile: stage.leaf, encoding: .utf8)
        #expect(first.text("full_pem") == full)
        #expect((first.text("cert_pem") ?? "") + (first.text("chain_pem") ?? "") == full)
        let file = try await client.get("/api/v1/certificates/mc-a/export/pem?download=true")
        #expect(file.body.hasPrefix("-----BEGIN CERTIFICATE-----") && file.body != full)
        #expect(
            file.headers.contains("attachment; filename=\"a.certctl.test.pem\"; filename*=UTF-8''a.certctl.test.pem"),
            "\(file.headers)")
        #expect(try await client.get("/api/v1/certificates/mc-none/export/der").status == 404)
        #expect(try await client.get("/api/v1/certificates/mc-a/export/pem?version_id=cv-none").status == 404)
        // Wrong bodies are refused before anything is made.
        let short = try await client.post("/api/v1/certificates/mc-a/export/jks", ["password": "short"])
        #expect(short.status == 400 && short.body.contains("/password"), "\(short.body)")
        let limited = try await client.get("/api/v1/certificates/mc-a/export/pem")
        #expect(limited.status == 429 && limited.headers.lowercased().contains("retry-after"), "\(limited.body)")
        #expect(try await client.get("/api/v1/certificates/mc-a").status == 200)
        await stage.server.stop()
    }
}
