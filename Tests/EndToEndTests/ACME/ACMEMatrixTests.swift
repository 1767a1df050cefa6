import Foundation
import TestSupport
import Testing

/// One client on its way through issuing, renewing and revoking, by one type of challenge.
private struct MatrixRow {
    let type: String
    /// What is run, in this order; each of the first two leaves another certificate.
    let issue: [String]
    let renew: [String]
    let revoke: [String]
    let certificate: String
}

@Suite("Protocol servers §12.1: each client issues, renews and revokes by every challenge that it can", .tags(.slow))
struct ACMEMatrixTests {
    @Test("certbot: http-01 and dns-01", arguments: EngineUnderTest.available)
    func certbot(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let work = stage.acme.work
        let common =
            ["--server", stage.acme.directory, "--non-interactive"]
            + ["config", "work", "logs"].flatMap { ["--\($0)-dir", work.path("certbot-\($0)")] }
        func row(_ type: String, _ name: String, _ way: [String]) -> MatrixRow {
            let path = work.path("certbot-config/live/\(name)/cert.pem")
            let account = ["--agree-tos", "-m", "ops@certctl.test", "--no-eff-email"]
            return MatrixRow(
                type: type, issue: ["/usr/bin/certbot", "certonly", "-d", name] + way + account + common,
                renew: ["/usr/bin/certbot", "renew", "--cert-name", name, "--force-renewal"]
                    + ["--no-random-sleep-on-renew"] + common,
                revoke: ["/usr/bin/certbot", "revoke", "--cert-path", path, "--no-delete-after-revoke"] + common,
                certificate: path)
        }
        let hooks = ["--manual-auth-hook", try stage.names.certbotHook("add")]
        let rows = [
            row(
                "http-01", "page.certctl.test",
                ["--standalone", "--http-01-port", "\(stage.webPort)", "--http-01-address", "127.0.0.1"]),
            row(
                "dns-01", "record.certctl.test",
                ["--manual", "--preferred-challenges", "dns", "--manual-cleanup-hook"]
                    + [try stage.names.certbotHook("delete")] + hooks),
        ]
        try await Self.expect(rows, stage, ["REQUESTS_CA_BUNDLE": stage.server.authority])
        await stage.stop()
    }

    @Test("lego: http-01, dns-01 and tls-alpn-01", arguments: EngineUnderTest.available)
    func lego(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let work = stage.acme.work
        func row(_ type: String, _ name: String, _ way: [String]) -> MatrixRow {
            let common =
                ["/usr/bin/lego", "--server", stage.acme.directory, "--path", work.path("lego"), "--email"]
                + ["ops@certctl.test", "--accept-tos", "--domains", name] + way
            return MatrixRow(
                type: type, issue: common + ["run"], renew: common + ["renew", "--days", "365", "--no-random-sleep"],
                revoke: common + ["revoke", "--keep"], certificate: work.path("lego/certificates/\(name).crt"))
        }
        let rows = [
            row("http-01", "page.certctl.test", ["--http", "--http.port", "127.0.0.1:\(stage.webPort)"]),
            row("dns-01", "record.certctl.test", ["--dns", "exec", "--dns.disable-cp"]),
            row("tls-alpn-01", "handshake.certctl.test", ["--tls", "--tls.port", "127.0.0.1:\(stage.tlsPort)"]),
        ]
        try await Self.expect(
            rows, stage,
            [
                "LEGO_CA_CERTIFICATES": stage.server.authority, "EXEC_PATH": try stage.names.hook(),
                "EXEC_POLLING_INTERVAL": "1", "EXEC_PROPAGATION_TIMEOUT": "20",
            ])
        await stage.stop()
    }

    @Test("dehydrated: http-01, dns-01 and tls-alpn-01", arguments: EngineUnderTest.available)
    func dehydrated(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let work = stage.acme.work
        let web = try await WebRoot.start(in: work, port: stage.webPort)
        let handshakes = try await AlpnResponder.start(in: work, port: stage.tlsPort)
        let base = work.path("dehydrated")
        try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
        let configuration = """
            CA="\(stage.acme.directory)"
            CURL_OPTS="--cacert \(stage.server.authority)"
            BASEDIR="\(base)"
            WELLKNOWN="\(web.proofs)"
            ALPNCERTDIR="\(handshakes.folder)"
            CONTACT_EMAIL="ops@certctl.test"

            """
        try configuration.write(toFile: "\(base)/config", atomically: true, encoding: .utf8)
        let program = ["/usr/bin/dehydrated", "--config", "\(base)/config"]
        func row(_ type: String, _ name: String, _ way: [String] = []) -> MatrixRow {
            let path = "\(base)/certs/\(name)/cert.pem"
            let order = program + ["--cron", "--domain", name, "--challenge", type] + way
            return MatrixRow(
                type: type, issue: order, renew: order + ["--force"], revoke: program + ["--revoke", path],
                certificate: path)
        }
        let registered = try await Self.run(program + ["--register", "--accept-terms"], stage)
        try #require(registered.status == 0, "\(registered.output) \(registered.errors)")
        let rows = [
            row("http-01", "page.certctl.test"),
            row("dns-01", "record.certctl.test", ["--hook", try stage.names.dehydratedHook()]),
            row("tls-alpn-01", "handshake.certctl.test"),
        ]
        try await Self.expect(rows, stage)
        await handshakes.process.stop()
        await web.process.stop()
        await stage.stop()
    }

    @Test(
        "uacme: http-01, dns-01 and tls-alpn-01", .enabled(PrivateTrust.reason) { try await PrivateTrust.isPossible() },
        arguments: EngineUnderTest.available)
    func uacme(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine)
        let web = try await WebRoot.start(in: stage.acme.work, port: stage.webPort)
        let handshakes = try await Uacme.responder(stage)
        func row(_ type: String, _ name: String, _ hook: String) -> MatrixRow {
            let client = Uacme(stage: stage, hook: hook)
            let path = client.certificate(name)
            return MatrixRow(
                type: type, issue: client.command(["issue", name]), renew: client.command(["--force", "issue", name]),
                revoke: client.command(["revoke", path]), certificate: path)
        }
        let rows = [
            row("http-01", "page.certctl.test", "/usr/share/uacme/uacme.sh"),
            row("dns-01", "record.certctl.test", try stage.names.uacmeHook()),
            row("tls-alpn-01", "handshake.certctl.test", handshakes.hook),
        ]
        let opened = try await Uacme(stage: stage, hook: "/bin/true")("--type", "EC", "new", "ops@certctl.test")
        try #require(opened.status == 0, "\(opened.errors)")
        try await Self.expect(rows, stage, Uacme(stage: stage, hook: "/bin/true").environment)
        await handshakes.process.stop()
        await web.process.stop()
        await stage.stop()
    }

    // MARK: What every client has to show

    private static func run(
        _ command: [String], _ stage: ChallengeStage, _ environment: [String: String] = [:]
    ) async throws -> ProgramOutcome {
        let work = stage.acme.work.url
        return try await runProgram(
            command[0], Array(command.dropFirst()),
            environment: ["HOME": work.path, "PATH": ChildProgram.searchPath].merging(environment) { $1 }, logs: work,
            timeout: .seconds(120))
    }

    /// Another certificate is there after each of the first two commands, each was proved in the way of its row and in no
    /// other, and the second is on record as revoked.
    private static func expect(
        _ rows: [MatrixRow], _ stage: ChallengeStage, _ environment: [String: String] = [:]
    ) async throws {
        for (index, row) in rows.enumerated() {
            var serials: [String] = []
            for command in [row.issue, row.renew] {
                let ran = try await run(command, stage, environment)
                try #require(ran.status == 0, "\(row.type): \(ran.output) \(ran.errors)")
                serials.append(try await stage.acme.serial(row.certificate))
            }
            #expect(Set(serials).count == 2 && serials.allSatisfy { $0.hasPrefix("serial=") }, "\(row.type) \(serials)")
            let revoked = try await run(row.revoke, stage, environment)
            #expect(revoked.status == 0, "\(row.type): \(revoked.output) \(revoked.errors)")
            let metrics = try await stage.server.client.get("/api/v1/metrics/prometheus").body
            for (place, other) in rows.enumerated() {
                let line = "certctl_acme_validation_seconds_count{type=\"\(other.type)\",result=\"valid\"} "
                let expected = place <= index ? "2\n" : "0\n"
                #expect(
                    metrics.contains(line + expected) || (place > index && !metrics.contains(line)),
                    "\(row.type): \(metrics)")
            }
            let revocations = try await stage.server.client.get("/api/v1/revocations")
            #expect(revocations.json["total"] as? Int == index + 1, "\(row.type): \(revocations.body)")
            let serial = serials[1].dropFirst("serial=".count).trimmingCharacters(in: .whitespacesAndNewlines)
            let listed = revocations.body.lowercased()
            #expect(listed.contains(serial.lowercased().trimmingPrefix("0")), "\(row.type) \(serial): \(listed)")
        }
        let listed = try await stage.server.client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == rows.count, "\(listed.body)")
    }
}

/// Shows what dehydrated leaves in a folder to whoever asks for tls-alpn-01 (`Tests/Judges/alpn_responder.py`).
private struct AlpnResponder {
    let process: ChildProgram
    let folder: String

    static func start(in work: TemporaryDirectory, port: Int) async throws -> AlpnResponder {
        let other = try await OpenSSLAuthority().issue("DNS:nobody.certctl.test")
        try (other.fullChain + other.key).write(toFile: work.path("other.pem"), atomically: true, encoding: .utf8)
        let folder = work.path("alpn")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let process = try ChildProgram(
            "/usr/bin/python3",
            [Judges.file("Tests/Judges/alpn_responder.py"), "\(port)", folder, work.path("other.pem")],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"], logs: work.url)
        let isUp = try await eventually(within: .seconds(20)) {
            try await runProgram(
                "/usr/bin/openssl",
                ["s_client", "-connect", "127.0.0.1:\(port)", "-alpn", "acme-tls/1", "-servername", "x"],
                logs: work.url
            ).output.contains("ALPN protocol: acme-tls/1")
        }
        try #require(isUp, "\(process.transcript)")
        return AlpnResponder(process: process, folder: folder)
    }
}
