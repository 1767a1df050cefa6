import Foundation
import TestSupport
import Testing

@Suite("What others say of our certificates, lists and answers", .tags(.slow))
struct RelyingPartyTests {
    /// Two certificates of one kind of key, the second revoked, and the list that tells so.
    private struct Pair {
        let stage: PKIStage
        let good: String
        let bad: String
        let list: String
    }

    private static let keys: [String: [String]] = [
        "P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
        "Ed25519": ["ed25519"],
    ]

    private static func pair(_ stage: PKIStage, _ key: String) async throws -> Pair {
        let name = key.lowercased()
        let pair = Pair(
            stage: stage, good: stage.work.path("\(name)-good.pem"), bad: stage.work.path("\(name)-bad.pem"),
            list: stage.work.path("\(name).crl"))
        try await stage.issue("mc-\(name)-g", "good.\(name).certctl.test", keyType: keys[key], to: pair.good)
        try await stage.issue("mc-\(name)-b", "bad.\(name).certctl.test", keyType: keys[key], to: pair.bad)
        try Inventory.expect(
            200,
            try await stage.server.client.post(
                "/api/v1/certificates/mc-\(name)-b/revoke", ["reason": "keyCompromise"]))
        let serial = try await serial(of: pair.bad, on: stage)
        let isListed = try await eventually(within: .seconds(20)) {
            _ = try await stage.curl(["--output", pair.list, "\(stage.url)/.well-known/pki/crl/iss-local"])
            return try await stage.openssl(["crl", "-inform", "DER", "-in", pair.list, "-noout", "-text"]).output
                .contains(serial)
        }
        try #require(isListed, "not in the list: \(serial)")
        return pair
    }

    private static func serial(of file: String, on stage: PKIStage) async throws -> String {
        let text = try await stage.openssl(["x509", "-in", file, "-noout", "-serial"]).output
        return text.trimmingCharacters(in: .whitespacesAndNewlines).replacing("serial=", with: "")
    }

    @Test(
        "openssl, GnuTLS, NSS, Java and pyca accept the one and find the other revoked, by list and by answer",
        arguments: EngineUnderTest.available)
    func judged(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        for key in Self.keys.keys.sorted() {
            let pair = try await Self.pair(stage, key)
            try await opensslJudges(pair)
            try await gnuTLSJudges(pair)
            // NSS of Debian 12 knows no Ed25519.
            if key != "Ed25519" { try await nssJudges(pair) }
            // RFC 8410 keys of leaves are no business of a CA/B validator.
            try await pycaJudges(pair, findsPaths: key != "Ed25519")
            try await javaJudges(pair)
        }
        await stage.server.stop()
    }

    private func opensslJudges(_ pair: Pair) async throws {
        let stage = pair.stage
        let list = pair.list + ".pem"
        _ = try await stage.openssl(["crl", "-inform", "DER", "-in", pair.list, "-out", list])
        for (file, expected) in [(pair.good, "OK"), (pair.bad, "certificate revoked")] {
            let said = try await stage.run(
                "/usr/bin/openssl",
                [
                    "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", stage.ca, "-CRLfile", list,
                    "-crl_check", file,
                ])
            #expect(said.contains(expected), "\(said)")
            let der = try await stage.run("/usr/bin/openssl", ["asn1parse", "-in", file])
            #expect(der.contains("cons: SEQUENCE") && !der.contains("Error"), "\(der)")
        }
        // Several questions in one request (RFC 6960 §4.1.1), a digest for each.
        let said = try await stage.run(
            "/usr/bin/openssl",
            [
                "ocsp", "-issuer", stage.ca, "-cert", pair.good, "-sha256", "-cert", pair.bad, "-CAfile", stage.ca,
                "-url", stage.responder,
            ])
        #expect(said.contains("Response verify OK") && said.contains("good.pem: good"), "\(said)")
        #expect(said.contains("bad.pem: revoked") && said.contains("keyCompromise"), "\(said)")
    }

    private func gnuTLSJudges(_ pair: Pair) async throws {
        let stage = pair.stage
        let list = pair.list + ".pem"
        for (file, path, status) in [(pair.good, "is trusted", "good"), (pair.bad, "is revoked", "revoked")] {
            let said = try await stage.run(
                "/usr/bin/certtool",
                ["--verify", "--load-ca-certificate", stage.ca, "--load-crl", list, "--infile", file])
            #expect(said.contains(path), "\(said)")
            let answer = try await stage.run(
                "/usr/bin/ocsptool",
                [
                    "--ask=\(stage.responder)", "--load-issuer", stage.ca, "--load-cert", file, "--load-trust",
                    stage.ca,
                ])
            #expect(answer.contains("Verifying OCSP Response: Success."), "\(answer)")
            #expect(answer.contains("Certificate Status: \(status)"), "\(answer)")
        }
    }

    private func nssJudges(_ pair: Pair) async throws {
        let stage = pair.stage
        let folder = stage.work.path("nss-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let store = "sql:" + folder
        _ = try await stage.run("/usr/bin/certutil", ["-N", "-d", store, "--empty-password"])
        _ = try await stage.run("/usr/bin/certutil", ["-A", "-n", "ca", "-t", "CT,C,C", "-i", stage.ca, "-d", store])
        for method in ["ocsp", "crl"] {
            for (file, expected) in [(pair.good, "Chain is good!"), (pair.bad, "has been revoked")] {
                let said = try await stage.run(
                    "/usr/bin/vfychain",
                    [
                        "-d", store, "-pp", "-u", "1", "-g", "leaf", "-h", "requireFreshInfo", "-m", method, "-s",
                        "requireInfo,failIfNoInfo", "-a", file,
                    ])
                #expect(said.contains(expected), "\(method): \(said)")
            }
        }
    }

    private func javaJudges(_ pair: Pair) async throws {
        let said = try await pair.stage.run(
            "/usr/bin/java",
            [
                "-Dcom.sun.security.enableCRLDP=true", Judges.file("Tests/Judges/PathCheck.java"), pair.stage.ca,
                pair.good, pair.bad,
            ])
        #expect(
            said == """
                ocsp valid
                crl valid
                ocsp REVOKED KEY_COMPROMISE
                crl REVOKED KEY_COMPROMISE

                """, "\(said)")
    }

    private func pycaJudges(_ pair: Pair, findsPaths: Bool) async throws {
        let outcome = try await Judges.python(
            "relying_party.py",
            [
                "\(pair.stage.url)/.well-known/pki", findsPaths ? "paths" : "no-paths", pair.stage.ca, pair.good,
                pair.bad,
            ], logs: pair.stage.work.url)
        let said = outcome.output + outcome.errors
        #expect(said == "good good good\nkeyCompromise revoked revoked\n", "\(said)")
    }

    @Test("HEAD answers like GET, without a body")
    func head() async throws {
        let stage = try await PKIStage.start(.sqlite)
        try await stage.issue("mc-h", "h.certctl.test", to: stage.leaf)
        let request = stage.work.path("q.der")
        _ = try await stage.openssl(
            ["ocsp", "-issuer", stage.ca, "-cert", stage.leaf, "-no_nonce", "-reqout", request])
        let text = try Data(contentsOf: URL(filePath: request)).base64EncodedString()
            .replacing("/", with: "%2F").replacing("+", with: "%2B").replacing("=", with: "%3D")
        for path in ["ocsp/iss-local/\(text)", "crl/iss-local", "ca/iss-local.cer"] {
            let url = "\(stage.url)/.well-known/pki/\(path)"
            func fields(_ arguments: [String]) async throws -> [String] {
                try await stage.curl(arguments + ["--dump-header", "-", "--output", stage.work.path("x"), url])
                    .split(whereSeparator: \.isNewline).map(String.init)
                    .filter { !$0.hasPrefix("Date:") && !$0.hasPrefix("X-Request-ID:") && !$0.contains("max-age=") }
            }
            let isThere = try await eventually(within: .seconds(20)) {
                try await fields([]).first?.contains("200") == true
            }
            #expect(isThere, "\(path)")
            #expect(try await fields(["--head"]) == fields([]), "\(path)")
        }
        await stage.server.stop()
    }

    @Test("a responder is replaced before it ends, and those who ask notice nothing")
    func rotation() async throws {
        let clock = try await SteppedClock()
        let stage = try await PKIStage.start(.sqlite, clock.environment)
        try await stage.issue("mc-r", "r.certctl.test", to: stage.leaf)
        func responder(at time: Date) async throws -> String {
            let said = try await stage.ask([
                "-resp_text", "-validity_period", "9000000", "-attime", "\(Int(time.timeIntervalSince1970))",
            ])
            try #require(
                said.contains("Response verify OK") && said.contains("\ngood") || said.contains("leaf.pem: good"),
                "\(said)")
            let lines = said.components(separatedBy: .newlines)
            let label = try #require(lines.lastIndex { $0.contains("Serial Number:") }, "\(said)")
            return lines[label...].prefix(2).joined().replacing(" ", with: "")
        }
        let first = try await responder(at: .now)
        #expect(try await responder(at: .now) == first)
        // A responder lives for 30 days and is replaced seven days before.
        let later: TimeInterval = 24 * 86_400
        try clock.set(ahead: Int(later))
        let isReplaced = try await eventually(within: .seconds(90)) {
            try await responder(at: Date.now.addingTimeInterval(later)) != first
        }
        #expect(isReplaced)
        await stage.server.stop()
    }
}
