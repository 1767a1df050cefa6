import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §12.1: unmodified ACME clients prove their names", .tags(.slow))
struct ACMEChallengeClientsTests {
    @Test("certbot: http-01 for two names, dns-01 for a wildcard, renewal", arguments: EngineUnderTest.available)
    func certbot(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let work = stage.acme.work
        func certbot(_ arguments: [String]) async throws -> ProgramOutcome {
            let folders = ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
            return try await runProgram(
                "/usr/bin/certbot", arguments + folders + ["--server", stage.acme.directory, "--non-interactive"],
                environment: ["HOME": work.url.path, "REQUESTS_CA_BUNDLE": stage.server.authority],
                logs: work.url, timeout: .seconds(120))
        }
        let account = ["--agree-tos", "-m", "ops@certctl.test", "--no-eff-email"]
        let first = try await certbot(
            ["certonly", "--standalone", "--http-01-port", "\(stage.webPort)", "--http-01-address", "127.0.0.1"]
                + ["-d", "www.certctl.test", "-d", "alt.certctl.test"] + account)
        try #require(first.status == 0, "\(first.output) \(first.errors)")
        let live = work.path("certbot-config/live/www.certctl.test")
        let shown = try await stage.acme.openssl([
            "x509", "-in", "\(live)/cert.pem", "-noout", "-ext", "subjectAltName",
        ])
        #expect(shown.output.contains("DNS:alt.certctl.test, DNS:www.certctl.test"), "\(shown.output)")
        let before = try String(contentsOfFile: "\(live)/cert.pem", encoding: .utf8)
        let renewed = try await certbot(["renew", "--force-renewal", "--no-random-sleep-on-renew"])
        try #require(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        #expect(try String(contentsOfFile: "\(live)/cert.pem", encoding: .utf8) != before)

        let wild = try await certbot(
            [
                "certonly", "--manual", "--preferred-challenges", "dns", "--manual-auth-hook",
                try stage.names.certbotHook("add"), "--manual-cleanup-hook", try stage.names.certbotHook("delete"),
                "-d", "*.wild.certctl.test", "-d", "wild.certctl.test", "--cert-name", "wild",
            ] + account)
        #expect(wild.status == 0, "\(wild.output) \(wild.errors)")
        // Nobody answers at the port: no proof, no certificate.
        let unproved = try await certbot(
            [
                "certonly", "--webroot", "-w", work.url.path, "-d", "nobody.certctl.test",
            ] + account)
        #expect(unproved.status != 0)
        let revoked = try await certbot([
            "revoke", "--cert-path", "\(live)/cert.pem", "--no-delete-after-revoke",
        ])
        #expect(revoked.status == 0, "\(revoked.output) \(revoked.errors)")
        await stage.stop()
    }

    @Test("lego: http-01, tls-alpn-01 and dns-01", arguments: EngineUnderTest.available)
    func lego(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let work = stage.acme.work
        let hook = try stage.names.hook()
        func lego(_ name: String, _ way: [String], _ command: [String] = ["run"]) async throws -> ProgramOutcome {
            try await runProgram(
                "/usr/bin/lego",
                [
                    "--server", stage.acme.directory, "--path", work.path("lego"), "--email", "ops@certctl.test",
                    "--accept-tos", "--domains", name,
                ] + way + command,
                environment: [
                    "HOME": work.url.path, "LEGO_CA_CERTIFICATES": stage.server.authority, "EXEC_PATH": hook,
                    "EXEC_POLLING_INTERVAL": "1", "EXEC_PROPAGATION_TIMEOUT": "20",
                ],
                logs: work.url, timeout: .seconds(120))
        }
        let web = try await lego("web.certctl.test", ["--http", "--http.port", "127.0.0.1:\(stage.webPort)"])
        #expect(web.status == 0, "\(web.output) \(web.errors)")
        let tls = try await lego("tls.certctl.test", ["--tls", "--tls.port", "127.0.0.1:\(stage.tlsPort)"])
        #expect(tls.status == 0, "\(tls.output) \(tls.errors)")
        let resolvers = ["--dns", "exec", "--dns.disable-cp"]
        for name in ["zone.certctl.test", "*.deep.certctl.test"] {
            let dns = try await lego(name, resolvers)
            #expect(dns.status == 0, "\(dns.output) \(dns.errors)")
        }
        let renewed = try await lego(
            "tls.certctl.test", ["--tls", "--tls.port", "127.0.0.1:\(stage.tlsPort)"],
            ["renew", "--days", "365", "--no-random-sleep"])
        #expect(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        let listed = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == 4, "\(listed.body)")
        let metrics = try await stage.server.client.get("/api/v1/metrics/prometheus").body
        #expect(
            metrics.contains(#"certctl_acme_validation_seconds_count{type="tls-alpn-01",result="valid"} 2"#),
            "\(metrics)")
        #expect(metrics.contains("certctl_acme_challenge_validate_valid_total 5"), "\(metrics)")
        await stage.stop()
    }
}
