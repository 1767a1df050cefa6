import Foundation
import TestSupport
import Testing

/// Programs that trust what the system trusts, and can't be told otherwise, run where another file lies over its list.
enum PrivateTrust {
    private static let systemList = "/etc/ssl/certs/ca-certificates.crt"
    private static var space: [String] { geteuid() == 0 ? ["--mount"] : ["--map-root-user", "--mount"] }

    static let reason: Comment = "uacme trusts the list of the system alone, and nobody here may lay another over it"

    /// Where nothing may be left out, what is not possible fails.
    static func isPossible() async throws -> Bool {
        guard !TestRun.isComplete else { return true }
        let work = try TemporaryDirectory("trust")
        let tried = try await runProgram("/usr/bin/unshare", space + ["/bin/true"], logs: work.url)
        return tried.status == 0 && FileManager.default.fileExists(atPath: systemList)
    }

    /// The arguments of `unshare` that run a program.
    static func arguments(trusting authority: String, _ command: [String]) -> [String] {
        space + ["/bin/sh", "-c", #"mount --bind "$0" \#(systemList) && exec "$@""#, authority] + command
    }
}

/// An account of uacme, whose hook proves names one way.
struct Uacme {
    let stage: ChallengeStage
    let hook: String
    var home: String { stage.acme.work.path("uacme") }

    /// Where the server is, and whom it is believed by, when it is not reached directly.
    var directory: String?
    var authority: String?

    var environment: [String: String] {
        [
            "UACME_CHALLENGE_PATH": stage.acme.work.path("web/.well-known/acme-challenge"),
            "HOME": stage.acme.work.url.path,
        ]
    }

    func command(_ arguments: [String]) -> [String] {
        ["/usr/bin/unshare"]
            + PrivateTrust.arguments(
                trusting: authority ?? stage.server.authority,
                [
                    "/usr/bin/uacme", "--yes", "--verbose", "--acme-url", directory ?? stage.acme.directory,
                    "--confdir", home, "--hook", hook, "--no-ocsp",
                ] + arguments)
    }

    func callAsFunction(_ arguments: String...) async throws -> ProgramOutcome { try await self(arguments) }

    func callAsFunction(_ arguments: [String]) async throws -> ProgramOutcome {
        let command = command(arguments)
        return try await runProgram(
            command[0], Array(command.dropFirst()), environment: environment, logs: stage.acme.work.url,
            timeout: .seconds(120))
    }

    func certificate(_ name: String) -> String { "\(home)/\(name)/cert.pem" }

    func names(_ name: String) async throws -> String {
        try await stage.acme.openssl(["x509", "-in", certificate(name), "-noout", "-ext", "subjectAltName"]).output
    }

    func serial(_ name: String) async throws -> String {
        try await stage.acme.openssl(["x509", "-in", certificate(name), "-noout", "-serial"]).output
    }
}

extension Uacme {
    /// `ualpn`, and a hook that tells it what to show.
    static func responder(_ stage: ChallengeStage) async throws -> (process: ChildProgram, hook: String) {
        let work = stage.acme.work
        let (door, hook) = (work.path("ualpn.sock"), work.path("ualpn-hook"))
        let process = try ChildProgram(
            "/usr/bin/ualpn",
            [
                "--verbose", "--bind", "127.0.0.1@\(stage.tlsPort)", "--connect", "127.0.0.1@\(stage.webPort)",
                "--sock", door,
                // By it a second one of the same machine gives up.
                "--pidfile", work.path("ualpn.pid"),
            ], logs: work.url)
        let isUp = await eventually(within: .seconds(20)) { process.transcript.contains("new worker") }
        try #require(isUp, "\(process.transcript)")
        let text = """
            #!/bin/sh
            [ "$2" = tls-alpn-01 ] || exit 1
            case "$1" in begin) line="auth $3 $5" ;; *) line="unauth $3" ;; esac
            [ "$(echo "$line" | /usr/bin/ualpn --sock \(door))" = OK ]

            """
        try text.write(toFile: hook, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook)
        return (process, hook)
    }
}

@Suite(
    "Protocol servers §12.1: uacme, a client in C, proves names and addresses", .tags(.slow),
    .enabled(PrivateTrust.reason) { try await PrivateTrust.isPossible() })
struct ACMEUacmeTests {
    @Test(
        "it opens an account with a key, proves by page, record and handshake, renews, changes its key, revokes",
        arguments: EngineUnderTest.available)
    func uacme(engine: EngineUnderTest) async throws {
        let stage = try await ChallengeStage.make(engine, ["CERTCTL_ACME_SERVER_EAB_REQUIRED": "true"])
        let (acme, work) = (stage.acme, stage.acme.work)
        let byPage = Uacme(stage: stage, hook: "/usr/share/uacme/uacme.sh")
        let unbound = try await byPage("--type", "EC", "new", "ops@certctl.test")
        #expect(unbound.status != 0 && unbound.errors.contains("requires external credentials"), "\(unbound.errors)")
        let binding = "\(acme.keyID):\(acme.hmacKey)"
        let opened = try await byPage("--type", "EC", "--eab", binding, "new", "ops@certctl.test")
        try #require(opened.status == 0, "\(opened.errors)")

        // http-01: two names and an address in one certificate, by the hook that the package brings along.
        let web = try await WebRoot.start(in: work, port: stage.webPort)
        let first = try await byPage("issue", "page.certctl.test", "second.certctl.test", "127.0.0.1")
        try #require(first.status == 0, "\(first.errors)")
        let names = try await byPage.names("page.certctl.test")
        for name in ["DNS:page.certctl.test", "DNS:second.certctl.test", "IP Address:127.0.0.1"] {
            #expect(names.contains(name), "\(names)")
        }
        let before = try await byPage.serial("page.certctl.test")
        let notDue = try await byPage("issue", "page.certctl.test", "second.certctl.test", "127.0.0.1")
        #expect(notDue.status == 1, "\(notDue.errors)")
        let renewed = try await byPage("--force", "issue", "page.certctl.test", "second.certctl.test", "127.0.0.1")
        #expect(renewed.status == 0, "\(renewed.errors)")
        let after = try await byPage.serial("page.certctl.test")
        #expect(after != before && after.hasPrefix("serial="), "\(after)")

        // The key of the account changes, and the account goes on.
        let changed = try await byPage("--type", "EC", "newkey")
        #expect(changed.status == 0, "\(changed.errors)")
        let updated = try await byPage("update", "pki@certctl.test")
        #expect(updated.status == 0, "\(updated.errors)")

        // dns-01, wildcard and name together.
        let byRecord = Uacme(stage: stage, hook: try stage.names.uacmeHook())
        let wild = try await byRecord("issue", "*.uacme.certctl.test", "uacme.certctl.test")
        #expect(wild.status == 0, "\(wild.errors)")
        #expect(try await byRecord.names("uacme.certctl.test").contains("DNS:*.uacme.certctl.test"))

        // tls-alpn-01, by the responder of the package.
        let handshakes = try await Uacme.responder(stage)
        let byHandshake = Uacme(stage: stage, hook: handshakes.hook)
        let shaken = try await byHandshake("issue", "handshake.certctl.test", "127.0.0.1")
        #expect(shaken.status == 0, "\(shaken.errors)")
        await handshakes.process.stop()
        // What nobody answers for is not certified.
        let unproved = try await byHandshake("issue", "nobody.certctl.test")
        #expect(
            unproved.status != 0 && !FileManager.default.fileExists(atPath: byPage.certificate("nobody.certctl.test")))

        let revoked = try await byPage("--reason", "4", "revoke", byPage.certificate("page.certctl.test"))
        #expect(revoked.status == 0, "\(revoked.errors)")
        let byKey = try await byPage(
            "revoke", byPage.certificate("handshake.certctl.test"),
            "\(byPage.home)/private/handshake.certctl.test/key.pem")
        #expect(byKey.status == 0, "\(byKey.errors)")
        let revocations = try await stage.server.client.get("/api/v1/revocations")
        #expect(revocations.json["total"] as? Int == 2, "\(revocations.body)")
        let rolled = try await stage.server.client.get("/api/v1/audit?action=acme_account_key_rolled")
        #expect((rolled.json["data"] as? [Any])?.count == 1, "\(rolled.body)")
        let left = try await byPage("deactivate")
        #expect(left.status == 0, "\(left.errors)")
        #expect(try await byPage("issue", "late.certctl.test").status != 0)
        await web.process.stop()
        await stage.stop()
    }
}
