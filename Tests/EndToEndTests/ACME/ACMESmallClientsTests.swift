import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §12.1: acmetool, lacme and acme-client for Ruby prove names by pages", .tags(.slow))
struct ACMESmallClientsTests {
    /// What the inventory and the metrics of a server know in the end.
    private static func expect(_ certificates: Int, proofs: Int, revoked: Int, _ stage: ChallengeStage) async throws {
        let client = stage.server.client
        let listed = try await client.get("/api/v1/certificates?source=ACME")
        #expect((listed.json["data"] as? [Any])?.count == certificates, "\(listed.body)")
        let metrics = try await client.get("/api/v1/metrics/prometheus").body
        let line = "certctl_acme_validation_seconds_count{type=\"http-01\",result=\"valid\"} \(proofs)\n"
        #expect(metrics.contains(line), "\(metrics)")
        let revocations = try await client.get("/api/v1/revocations")
        #expect(revocations.json["total"] as? Int == revoked, "\(revocations.body)")
    }

    private static func serial(_ path: String, _ stage: ChallengeStage) async throws -> String {
        let serial = try await stage.acme.serial(path)
        try #require(serial.hasPrefix("serial="), "\(path): \(serial)")
        return serial
    }

    @Test("acmetool, an old client in Go, issues for two names and renews when it is time, on the proofs that it gave")
    func acmetool() async throws {
        let stage = try await ChallengeStage.make(.sqlite, ["CERTCTL_ACME_SERVER_AUTHZ_REUSE": "1h"])
        let work = stage.acme.work
        // Two thirds of the period are over when the certificate is issued: for acmetool it is time at once.
        try Inventory.expect(
            200,
            try await stage.server.client.put(
                "/api/v1/profiles/\(ACMEStage.profile)",
                ["max_ttl_seconds": 90, "backdate_seconds": 65, "allow_short_lived": true]))
        let state = work.path("acmetool")
        try FileManager.default.createDirectory(atPath: "\(state)/conf", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "\(state)/proofs", withIntermediateDirectories: true)
        // Its own web server shows the proofs; what it writes to the folder nobody looks at.
        try """
        request:
          provider: \(stage.acme.directory)
          key:
            type: ecdsa
          challenge:
            http-ports: ["127.0.0.1:\(stage.webPort)"]
            http-self-test: false
            webroot-paths: ["\(state)/proofs"]

        """.write(toFile: "\(state)/conf/target", atomically: true, encoding: .utf8)
        try "\"acme-enter-email\": \"ops@certctl.test\"\n".write(
            toFile: "\(state)/conf/responses", atomically: true, encoding: .utf8)
        func acmetool(_ arguments: String...) async throws -> ProgramOutcome {
            try await runProgram(
                "/usr/bin/acmetool", ["--batch", "--state=\(state)", "--hooks=\(state)/hooks"] + arguments,
                environment: ["HOME": work.url.path, "SSL_CERT_FILE": stage.server.authority], logs: work.url)
        }
        func serials() async throws -> Set<String> {
            var serials: Set<String> = []
            for folder in try FileManager.default.contentsOfDirectory(atPath: "\(state)/certs") {
                serials.insert(try await Self.serial("\(state)/certs/\(folder)/cert", stage))
            }
            return serials
        }
        let first = try await acmetool("want", "old.certctl.test", "older.certctl.test")
        try #require(first.status == 0, "\(first.output) \(first.errors)")
        let names = try await stage.acme.openssl([
            "x509", "-in", "\(state)/live/old.certctl.test/cert", "-noout", "-ext", "subjectAltName",
        ])
        #expect(names.output.contains("DNS:old.certctl.test, DNS:older.certctl.test"), "\(names.output)")
        let before = try await serials()
        let renewed = try await acmetool()
        #expect(renewed.status == 0, "\(renewed.output) \(renewed.errors)")
        let after = try await serials()
        #expect(before.count == 1 && after.count == 2 && after.isSuperset(of: before), "\(before) \(after)")
        try await Self.expect(1, proofs: 2, revoked: 0, stage)
        await stage.stop()
    }

    @Test(
        "lacme, four processes in Perl, issues for two names, verifies the chain, renews, revokes and ends its account")
    func lacme() async throws {
        let stage = try await ChallengeStage.make(.sqlite)
        let work = stage.acme.work
        let issuer = try await stage.server.anonymous.get("/.well-known/pki/ca/\(Inventory.issuer).pem")
        try #require(issuer.status == 200, "\(issuer.body)")
        try issuer.body.write(toFile: work.path("issuer.pem"), atomically: true, encoding: .utf8)
        for (name, algorithm) in [("account", ["RSA"]), ("leaf", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])] {
            let made = try await stage.acme.openssl(
                ["genpkey", "-out", work.path("\(name).key"), "-algorithm"] + algorithm)
            try #require(made.status == 0, "\(made.errors)")
        }
        let files = [
            "accountd.conf": "privkey = file:\(work.path("account.key"))\n",
            "lacme.conf": """
            config-certs = \(work.path("certs.conf"))
            [client]
            server = \(stage.acme.directory)
            user =
            group =
            command = /usr/bin/env PERL_LWP_SSL_CA_FILE=\(stage.server.authority) /usr/libexec/lacme/client
            [webserver]
            listen = 127.0.0.1:\(stage.webPort)
            user =
            group =
            [accountd]
            config = \(work.path("accountd.conf"))

            """,
            "certs.conf": """
            [www]
            certificate-key = \(work.path("leaf.key"))
            certificate-chain = \(work.path("www.crt"))
            subject = /CN=perl.certctl.test
            subjectAltName = DNS:perl.certctl.test,DNS:pearl.certctl.test
            CAfile = \(work.path("issuer.pem"))

            """,
        ]
        for (name, text) in files { try text.write(toFile: work.path(name), atomically: true, encoding: .utf8) }
        // Its web server ends when it is asked to, which a program with the signals of a test's child never hears.
        let unblocked = "sigprocmask(SIG_SETMASK, POSIX::SigSet->new); exec @ARGV"
        func lacme(_ arguments: String...) async throws {
            let outcome = try await runProgram(
                "/usr/bin/perl",
                ["-MPOSIX", "-e", unblocked, "/usr/sbin/lacme", "--config=\(work.path("lacme.conf"))"] + arguments,
                environment: ["HOME": work.url.path, "TMPDIR": work.url.path, "PATH": ChildProgram.searchPath],
                logs: work.url)
            try #require(outcome.status == 0, "\(arguments): \(outcome.output) \(outcome.errors)")
        }
        try await lacme("account", "--register", "--tos-agreed", "mailto:ops@certctl.test")
        try await lacme("newOrder")
        let path = work.path("www.crt")
        let before = try await Self.serial(path, stage)
        try await lacme("newOrder", "--force", "www")
        #expect(try await Self.serial(path, stage) != before)
        try await lacme("revokeCert", path)
        try await lacme("account", "--deactivate")
        try await Self.expect(1, proofs: 4, revoked: 1, stage)
        let accounts = try await stage.server.client.get("/api/v1/admin/acme/accounts")
        let status = (accounts.json["data"] as? [[String: Any]])?.first?["status"] as? String
        #expect(status == "deactivated", "\(accounts.body)")
        await stage.stop()
    }

    @Test("acme-client for Ruby issues, renews and revokes by the program that the guide gives")
    func ruby() async throws {
        let stage = try await ChallengeStage.make(.sqlite)
        let work = stage.acme.work
        let web = try await WebRoot.start(in: work, port: stage.webPort)
        let program = try #require(try ClientGuide().section("acme-client for Ruby").blocks.first)
        try program.write(toFile: work.path("enrol.rb"), atomically: true, encoding: .utf8)
        func enrol(_ more: String...) async throws -> String {
            let path = work.path("ruby.crt")
            let outcome = try await runProgram(
                "/usr/bin/ruby",
                [work.path("enrol.rb"), stage.acme.directory, work.path("account.key"), work.path("web")]
                    + ["ruby.certctl.test", path] + more,
                environment: ["HOME": work.url.path, "SSL_CERT_FILE": stage.server.authority], logs: work.url)
            try #require(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
            return try await Self.serial(path, stage)
        }
        let first = try await enrol()
        let second = try await enrol()
        #expect(first != second)
        #expect(try await enrol("revoke") == second)
        try await Self.expect(1, proofs: 2, revoked: 1, stage)
        await web.process.stop()
        await stage.stop()
    }
}
