import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §12.1: unmodified ACME clients", .tags(.slow))
struct ACMEClientsTests {
    @Test(
        "certbot enrols, renews and revokes, by account and by key",
        arguments: EngineUnderTest.available)
    func certbot(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        func certbot(_ arguments: [String]) async throws -> ProgramOutcome {
            let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", stage.work.path("certbot-\($0)")] }
            return try await runProgram(
                "/usr/bin/certbot", arguments + folders + ["--server", stage.directory, "--non-interactive"],
                environment: ["HOME": stage.work.url.path, "REQUESTS_CA_BUNDLE": stage.server.authority],
                logs: stage.work.url, timeout: .seconds(120))
        }
        func certonly(_ names: [String], _ extra: [String] = []) async throws -> ProgramOutcome {
            try await certbot(
                ["certonly", "--standalone", "--agree-tos", "-m", "ops@certctl.test", "--no-eff-email"]
                    + names.flatMap { ["-d", $0] } + extra)
        }
        let unbound = try await certonly(["www.certctl.test"])
        #expect(unbound.status != 0, "an account without binding was opened")

        let binding = ["--eab-kid", stage.keyID, "--eab-hmac-key", stage.hmacKey]
        let first = try await certonly(["www.certctl.test", "alt.certctl.test"], binding)
        try #require(first.status == 0, "\(first.output) \(first.errors)")
        let live = stage.work.path("certbot-config/live/www.certctl.test")
        let shown = try await stage.openssl(["x509", "-in", "\(live)/cert.pem", "-noout", "-ext", "subjectAltName"])
        #expect(shown.output.contains("DNS:alt.certctl.test, DNS:www.certctl.test"), "\(shown.output)")
        let verified = try await stage.openssl([
            "verify", "-CAfile", "\(live)/chain.pem", "\(live)/cert.pem",
        ])
        #expect(verified.output.contains(": OK"), "\(verified.output) \(verified.errors)")

        let before = try String(contentsOfFile: "\(live)/cert.pem", encoding: .utf8)
        let renewed = try await certbot(["renew", "--force-renewal", "--no-random-sleep-on-renew"])
        try #require(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        #expect(try String(contentsOfFile: "\(live)/cert.pem", encoding: .utf8) != before)

        let wild = try await certonly(["*.certctl.test"], ["--cert-name", "wild"])
        #expect(wild.status == 0, "\(wild.output) \(wild.errors)")

        let revoked = try await certbot([
            "revoke", "--cert-path", "\(live)/cert.pem", "--reason", "superseded", "--no-delete-after-revoke",
        ])
        #expect(revoked.status == 0, "\(revoked.output) \(revoked.errors)")
        let folder = stage.work.path("certbot-config/live/wild")
        let byKey = try await certbot([
            "revoke", "--cert-path", "\(folder)/cert.pem", "--key-path", "\(folder)/privkey.pem", "--reason",
            "keycompromise", "--no-delete-after-revoke",
        ])
        #expect(byKey.status == 0, "\(byKey.output) \(byKey.errors)")
        let again = try await certbot([
            "revoke", "--cert-path", "\(folder)/cert.pem", "--key-path", "\(folder)/privkey.pem",
            "--no-delete-after-revoke",
        ])
        #expect(again.status != 0)

        let inventory = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        let rows = try #require(inventory.json["data"] as? [[String: Any]])
        #expect(rows.count == 2, "\(inventory.body)")
        #expect(rows.allSatisfy { $0["owner_id"] as? String == Inventory.owner && $0["source"] as? String == "ACME" })
        let revocations = try await stage.server.client.get("/api/v1/revocations")
        #expect(revocations.json["total"] as? Int == 2, "\(revocations.body)")
        let left = try await certbot(["unregister"])
        #expect(left.status == 0, "\(left.output) \(left.errors)")
        await stage.server.stop()
    }

    @Test("certbot --must-staple: what the request asks for and the profile allows (RFC 7633)")
    func mustStaple() async throws {
        let port = LoopbackPort.unused()
        let stage = try await ACMEStage.make(
            .sqlite,
            [
                "CERTCTL_PKI_HTTP_LISTEN": "127.0.0.1:\(port)",
                "CERTCTL_PKI_PUBLIC_URL": "http://127.0.0.1:\(port)",
            ])
        for (mode, name, expected) in [
            ("allowed", "staple.certctl.test", true), ("never", "never.certctl.test", false),
        ] {
            try Inventory.expect(
                200,
                try await stage.server.client.put(
                    "/api/v1/profiles/\(ACMEStage.profile)", ["must_staple_mode": mode]))
            let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", stage.work.path("certbot-\($0)")] }
            let outcome = try await runProgram(
                "/usr/bin/certbot",
                [
                    "certonly", "--standalone", "--agree-tos", "-m", "ops@certctl.test", "--no-eff-email", "--eab-kid",
                    stage.keyID, "--eab-hmac-key", stage.hmacKey, "-d", name, "--must-staple", "--server",
                    stage.directory, "--non-interactive",
                ] + folders,
                environment: ["HOME": stage.work.url.path, "REQUESTS_CA_BUNDLE": stage.server.authority],
                logs: stage.work.url, timeout: .seconds(120))
            try #require(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
            let file = stage.work.path("certbot-config/live/\(name)/cert.pem")
            let text = try await stage.openssl(["x509", "-in", file, "-noout", "-text"]).output
            #expect(text.contains("TLS Feature") == expected, "\(mode): \(text)")
        }
        await stage.server.stop()
    }

    @Test(
        "lego enrols, renews and revokes",
        arguments: EngineUnderTest.available)
    func lego(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(engine)
        let port = LoopbackPort.unused()
        func lego(_ command: [String]) async throws -> ProgramOutcome {
            try await runProgram(
                "/usr/bin/lego",
                [
                    "--server", stage.directory, "--path", stage.work.path("lego"), "--email", "ops@certctl.test",
                    "--accept-tos", "--eab", "--kid", stage.keyID, "--hmac", stage.hmacKey, "--domains",
                    "lego.certctl.test", "--domains", "second.certctl.test", "--http", "--http.port",
                    "127.0.0.1:\(port)",
                ] + command,
                environment: ["HOME": stage.work.url.path, "LEGO_CA_CERTIFICATES": stage.server.authority],
                logs: stage.work.url, timeout: .seconds(120))
        }
        let run = try await lego(["run"])
        try #require(run.status == 0, "\(run.output) \(run.errors)")
        let file = stage.work.path("lego/certificates/lego.certctl.test.crt")
        let before = try String(contentsOfFile: file, encoding: .utf8)
        let renewed = try await lego(["renew", "--days", "365", "--no-random-sleep"])
        try #require(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) != before)
        let revoked = try await lego(["revoke", "--keep"])
        #expect(revoked.status == 0, "\(revoked.output) \(revoked.errors)")
        let listed = try await stage.server.cli(["acme", "orders", "list", "--json"])
        #expect(listed.status == 0 && listed.output.contains("lego.certctl.test"), "\(listed.errors)")
        await stage.server.stop()
    }
}
