import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §5: OCSP of a running server, beside openssl", .tags(.slow))
struct OCSPServiceTests {
    @Test(
        "openssl is answered in the clear by POST and GET, with a nonce and without, and after a restart",
        arguments: EngineUnderTest.available)
    func answers(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        try await stage.issue("mc-o", "o.certctl.test", to: stage.leaf)
        let text = try await stage.openssl(["x509", "-in", stage.leaf, "-noout", "-text"]).output
        for path in ["crl/iss-local", "ocsp/iss-local", "ca/iss-local.cer"] {
            #expect(text.contains("URI:\(stage.url)/.well-known/pki/\(path)"), "\(text)")
        }
        for extra in [[], ["-no_nonce"], ["-sha256"]] {
            let said = try await stage.ask(extra)
            #expect(said.contains("Response verify OK") && said.contains("leaf.pem: good"), "\(extra): \(said)")
            #expect(!said.contains("WARNING") && !said.contains("Nonce Verify error"), "\(said)")
        }
        try await expectGet(stage)
        try await expectEncrypted(stage)
        try await expectFailures(stage)
        await stage.server.stop()
        try await stage.server.startAgain()
        #expect(try await stage.ask().contains("leaf.pem: good"))
        try Inventory.expect(
            200,
            try await stage.server.client.post("/api/v1/certificates/mc-o/revoke", ["reason": "keyCompromise"]))
        for extra in [[], ["-no_nonce"]] {
            let said = try await stage.ask(extra)
            #expect(said.contains("leaf.pem: revoked") && said.contains("keyCompromise"), "\(said)")
        }
        await stage.server.stop()
    }

    /// RFC 6960 A.1 and RFC 9919 §5, octet by octet.
    private func expectGet(_ stage: PKIStage) async throws {
        let request = stage.work.path("q.der")
        _ = try await stage.openssl(
            ["ocsp", "-issuer", stage.ca, "-cert", stage.leaf, "-no_nonce", "-reqout", request])
        let text = try Data(contentsOf: URL(filePath: request)).base64EncodedString()
        let escaped = text.replacing("/", with: "%2F").replacing("+", with: "%2B").replacing("=", with: "%3D")
        for path in [text, escaped] {
            let answer = stage.work.path("r.der")
            let head = try await stage.curl([
                "--dump-header", "-", "--output", answer, "\(stage.responder)/\(path)",
            ])
            #expect(head.contains("200 OK") && head.contains("Content-Type: application/ocsp-response\r"), "\(head)")
            #expect(head.contains("Content-Length: ") && !head.lowercased().contains("transfer-encoding"))
            #expect(head.utf8.count < 800 && head.contains("max-age=") && head.contains("ETag: \""), "\(head)")
            #expect(!head.contains("Strict-Transport-Security"), "in the clear")
            let outcome = try await stage.openssl([
                "ocsp", "-issuer", stage.ca, "-cert", stage.leaf, "-no_nonce", "-respin", answer, "-CAfile", stage.ca,
            ])
            #expect((outcome.output + outcome.errors).contains("leaf.pem: good"), "\(outcome.errors)")
            let tag = try #require(head.split(separator: "\r\n").first { $0.hasPrefix("ETag: ") }).dropFirst(6)
            let again = try await stage.curl([
                "--dump-header", "-", "--header", "If-None-Match: \(tag)", "\(stage.responder)/\(path)",
            ])
            #expect(again.contains("304 Not Modified") && again.contains("Expires: "), "\(again)")
        }
    }

    /// The listener of the API answers too, over TLS, to whoever has no credential.
    private func expectEncrypted(_ stage: PKIStage) async throws {
        let request = stage.work.path("q.der")
        let address = stage.server.baseURL + PKIStage.ocsp
        let text = try Data(contentsOf: URL(filePath: request)).base64EncodedString()
        let ways = [
            ["--header", "Content-Type: application/ocsp-request", "--data-binary", "@\(request)", address],
            ["\(address)/\(text.replacing("/", with: "%2F").replacing("+", with: "%2B"))"],
        ]
        for version in ["--http1.1", "--http2"] {
            for way in ways {
                let answer = stage.work.path("tls.der")
                let head = try await stage.curl(
                    [version, "--cacert", stage.server.authority, "--dump-header", "-", "--output", answer] + way
                ).lowercased()
                #expect(head.contains(" 200") && head.contains("content-type: application/ocsp-response\r"), "\(head)")
                let outcome = try await stage.openssl([
                    "ocsp", "-issuer", stage.ca, "-cert", stage.leaf, "-no_nonce", "-respin", answer, "-CAfile",
                    stage.ca,
                ])
                let said = outcome.output + outcome.errors
                #expect(said.contains("Response verify OK") && said.contains("leaf.pem: good"), "\(said)")
            }
        }
    }

    private func expectFailures(_ stage: PKIStage) async throws {
        let stranger = stage.work.path("stranger.pem")
        _ = try await stage.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Stranger",
            "-keyout", stage.work.path("stranger.key"), "-out", stranger,
        ])
        #expect(try await stage.ask(issuer: stranger).contains("unauthorized (6)"))
        let unknown = try await stage.openssl([
            "ocsp", "-issuer", stage.ca, "-serial", "0x1234567890", "-CAfile", stage.ca, "-url",
            stage.responder,
        ])
        #expect((unknown.output + unknown.errors).contains(": unknown"), "\(unknown.errors)")
        for (path, status) in [
            ("/.well-known/pki/ocsp/iss-nobody/01", "404"), ("\(PKIStage.ocsp)/zz", "200"), ("/health", "404"),
            ("/api/v1/version", "404"), ("/", "404"), ("/.well-known/pki", "404"),
        ] {
            let code = try await stage.curl(["--output", "/dev/null", "--write-out", "%{http_code}", stage.url + path])
            #expect(code == status, "\(path)")
        }
        let big = try await stage.curl([
            "--header", "Content-Type: application/ocsp-request", "--data-binary",
            String(repeating: "x", count: 20_000),
            "--write-out", "%{http_code}", "--output", stage.work.path("big"), stage.responder,
        ])
        #expect(big == "200")
        #expect(
            try Data(contentsOf: URL(filePath: stage.work.path("big"))) == Data([0x30, 0x03, 0x0A, 0x01, 0x01]))
    }

    @Test("the settings of OCSP: key files, life times, the rate of an address")
    func settings() async throws {
        let keys = try TemporaryDirectory("ocsp-keys")
        let stage = try await PKIStage.start(
            .sqlite,
            [
                "CERTCTL_OCSP_RESPONDER_KEY_DIR": keys.path("keys"), "CERTCTL_OCSP_RESPONDER_VALIDITY": "48h",
                "CERTCTL_OCSP_RESPONDER_ROTATION_GRACE": "24h", "CERTCTL_OCSP_RESPONSE_VALIDITY": "2h",
                "CERTCTL_OCSP_RATE_LIMIT_PER_IP_MIN": "4",
            ])
        try await stage.issue("mc-o", "o.certctl.test", to: stage.leaf)
        let said = try await stage.openssl([
            "ocsp", "-issuer", stage.ca, "-cert", stage.leaf, "-CAfile", stage.ca, "-url", stage.responder,
            "-resp_text",
        ]).output
        #expect(said.contains("OCSP Responder for CertCtl Local CA"), "\(said)")
        let mode = try FileManager.default.attributesOfItem(atPath: keys.path("keys/ocsp-responder-iss-local.key"))
        #expect(mode[.posixPermissions] as? Int == 0o600)
        func time(_ label: String) throws -> Date {
            let line = try #require(said.split(separator: "\n").first { $0.contains(label) }, "\(label)")
            let format = DateFormatter()
            format.locale = Locale(identifier: "en_US_POSIX")
            format.timeZone = TimeZone(identifier: "UTC")
            format.dateFormat = "MMM d HH:mm:ss yyyy zzz"
            let text = line.components(separatedBy: label)[1].trimmingCharacters(in: .whitespaces)
            return try #require(format.date(from: text.replacing("  ", with: " ")), "\(text)")
        }
        #expect(try time("Next Update: ").timeIntervalSince(time("This Update: ")) == 7200)
        // It begins five minutes ago, but not before the CA, which is younger.
        let life = try time("Not After : ").timeIntervalSince(time("Not Before: ")) - 48 * 3600
        #expect((0...302).contains(life), "\(life)")
        for _ in 0..<4 { _ = try await stage.ask() }
        #expect(try await stage.ask().contains("trylater (3)"))
        await stage.server.stop()
    }

    @Test("RFC 6960 §2.2: numbers that were never given are revoked where the issuer says so; others are not")
    func extendedRevoke() async throws {
        let stage = try await PKIStage.start(.sqlite)
        try await stage.issue("mc-a", "a.certctl.test", to: stage.leaf)
        try Inventory.expect(
            200,
            try await stage.server.client.put(
                "/api/v1/issuers/iss-local", ["config": ["ocsp_unknown_as_revoked": true]]))
        var said = ""
        let isRevoked = try await eventually(within: .seconds(20)) {
            said = try await stage.run(
                "/usr/bin/openssl",
                [
                    "ocsp", "-issuer", stage.ca, "-serial", "0x1234567890", "-CAfile", stage.ca, "-url",
                    stage.responder, "-resp_text",
                ])
            return said.contains("0x1234567890: revoked")
        }
        #expect(isRevoked && said.contains("Response verify OK"), "\(said)")
        #expect(said.contains("Reason: certificateHold") && said.contains("Jan  1 00:00:00 1970 GMT"), "\(said)")
        // openssl has an older name, "valid", for 1.3.6.1.5.5.7.48.1.9.
        #expect(said.contains("  valid: "), "\(said)")
        #expect(try await stage.ask().contains("leaf.pem: good"))
        await stage.server.stop()
    }
}
