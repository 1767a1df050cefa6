import Foundation
import TestSupport
import Testing

@Suite("security §2.6, §15.1: start-up guards and demonstrations of the real program", .tags(.security))
struct StartUpGuardTests {
    private static func acknowledgement(age: Int = 0) -> [String: String] {
        let time = Int(Date().timeIntervalSince1970) - age
        return ["CERTCTL_AUTH_TYPE": "none", "CERTCTL_DEMO_MODE_ACK": "true", "CERTCTL_DEMO_MODE_ACK_TS": "\(time)"]
    }

    private static let none = ["CERTCTL_AUTH_TYPE": "", "CERTCTL_DEMO_MODE_ACK": "", "CERTCTL_DEMO_MODE_ACK_TS": ""]

    private static func refusal(_ environment: [String: String], in place: TemporaryDirectory) async throws
        -> ProgramOutcome
    {
        try await ControlPlane.refusal(environment, logs: place.url).outcome
    }

    @Test("T8: an acknowledged demonstration lets everybody administer and says so; without one it is exit 78")
    func demonstration() async throws {
        let place = try TemporaryDirectory("demo")
        let unacknowledged = ControlPlane.environment(in: place, ["CERTCTL_AUTH_TYPE": "none"])
        let refused = try await Self.refusal(unacknowledged, in: place)
        #expect(
            refused.status == 78 && refused.errors.contains("CERTCTL_AUTH_TYPE: none lets every caller"), "\(refused)")

        let server = try await ControlPlane.start(environment: Self.acknowledgement())
        let info = try await server.anonymous.get("/api/v1/auth/info")
        #expect(info.json["demo"] as? Bool == true && info.text("auth_type") == "none", "\(info.body)")
        let me = try await server.anonymous.get("/api/v1/auth/me")
        #expect(me.status == 200 && me.body.contains("actor-demo-anon"), "\(me.body)")
        try Inventory.expect(201, try await server.anonymous.post("/api/v1/teams", ["id": "t-demo", "name": "demo"]))
        #expect(try await server.anonymous.with(key: "no such key").get("/api/v1/teams").status == 200)
        #expect(!FileManager.default.fileExists(atPath: server.directory.path("data/setup-token")))
        let metrics = try await server.anonymous.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains(#"certctl_risk_flags{flag="demo_mode"} 1"#), "\(metrics)")
        #expect(metrics.contains(#"certctl_risk_flags{flag="legacy_keys"} 0"#))
        let trail = try await server.anonymous.get("/api/v1/audit?action=server.risk_flags").body
        #expect(trail.contains("demo_mode") && trail.contains("demo_ack"), "\(trail)")
        #expect(server.process.output.contains(#""flag":"demo_mode""#))
        await server.stop()
        // The same demonstration goes on after a restart.
        try await server.startAgain()
        #expect(try await server.anonymous.get("/api/v1/teams/t-demo").status == 200)
        await server.stop()
    }

    @Test("A-33: what a demonstration left is removed at the next start without one, or ends it when strict")
    func residue() async throws {
        let server = try await ControlPlane.start(environment: Self.acknowledgement())
        await server.stop()
        var strict = server.environment.merging(Self.none) { $1 }
        strict["CERTCTL_DEMO_MODE_RESIDUAL_STRICT"] = "true"
        let refused = try await Self.refusal(strict, in: server.directory)
        #expect(refused.status == 78 && refused.errors.contains("CERTCTL_DEMO_MODE_RESIDUAL_STRICT"), "\(refused)")

        try await server.startAgain(extra: Self.none)
        #expect(try await server.anonymous.get("/api/v1/teams").status == 401)
        #expect(server.process.output.contains("grants of an earlier demonstration were removed"))
        try await server.becomeAdministrator()
        let trail = try await server.client.get("/api/v1/audit?resource_id=actor-demo-anon").body
        #expect(trail.contains("auth.demo_residual_grants_detected"), "\(trail)")
        #expect(trail.contains("auth.demo_residual_grants_cleaned"))
        await server.stop()

        // What is in use for good is no place for a demonstration, even with the strict setting gone.
        let back = try await Self.refusal(
            server.environment.merging(Self.acknowledgement()) { $1 }, in: server.directory)
        #expect(back.status == 78 && back.errors.contains("this database is no demonstration's"), "\(back)")
        strict["CERTCTL_DEMO_MODE_RESIDUAL_STRICT"] = "true"
        try await server.startAgain(extra: strict)
        await server.stop()
    }

    @Test("T8: a demonstration ends by itself when its acknowledgement is a day old")
    func deadline() async throws {
        let stale = try TemporaryDirectory("stale")
        let old = ControlPlane.environment(in: stale, Self.acknowledgement(age: 90_000))
        let refused = try await Self.refusal(old, in: stale)
        #expect(refused.status == 78 && refused.errors.contains("older than 24 hours"), "\(refused)")

        let server = try await ControlPlane.start(environment: Self.acknowledgement(age: 86_400 - 8))
        #expect(try await server.anonymous.get("/api/v1/teams").status == 200)
        let status = await server.process.waitForExit(timeout: .seconds(40))
        #expect(status == 78, "\(server.process.transcript)")
        #expect(server.process.transcript.contains("the demonstration has ended"))
    }

    @Test("config check runs the static guards: settings, TLS files, receivers; all violations, 78 or 77")
    func configCheck() async throws {
        let place = try TemporaryDirectory("check")
        let authority = try await OpenSSLAuthority()
        let issued = try await authority.issue("DNS:localhost")
        let (chain, key) = (place.path("chain.pem"), place.path("key.pem"))
        try issued.fullChain.write(toFile: chain, atomically: true, encoding: .utf8)
        try issued.key.write(toFile: key, atomically: true, encoding: .utf8)
        func check(_ settings: [String: String], mode: Int = 0o600) async throws -> ProgramOutcome {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: key)
            return try await runProgram(
                ControlPlane.binary, ["config", "check"], environment: ControlPlane.environment(in: place, settings),
                logs: place.url)
        }
        let files = ["CERTCTL_SERVER_TLS_CERT_PATH": chain, "CERTCTL_SERVER_TLS_KEY_PATH": key]
        #expect(try await check(files).status == 0)
        let open = try await check(files, mode: 0o644)
        #expect(open.status == 77 && open.errors.contains("chmod 600"), "\(open)")
        let missing = try await check([
            "CERTCTL_SERVER_TLS_CERT_PATH": place.path("none"), "CERTCTL_SERVER_TLS_KEY_PATH": key,
            "CERTCTL_AUDIT_SYSLOG_URL": "tls://syslog.certctl.test",
            "CERTCTL_AUDIT_SYSLOG_CA_PATH": place.path("absent"),
        ])
        #expect(missing.status == 78 && missing.errors.contains("none does not exist"), "\(missing)")
        #expect(missing.errors.contains("absent does not exist"), "both are said: \(missing)")
        let risky = try await check(["CERTCTL_RATE_LIMIT_ENABLED": "off", "CERTCTL_RATE_LIMT_BURST": "5"])
        #expect(risky.status == 0 && risky.errors.contains("risk: rate_limits_off"), "\(risky)")
        #expect(risky.errors.contains("did you mean CERTCTL_RATE_LIMIT_BURST?"), "\(risky)")
        let strict = try await check(["CERTCTL_STRICT_ENV": "true", "CERTCTL_RATE_LIMT_BURST": "5"])
        #expect(strict.status == 78, "\(strict)")
        #expect(!FileManager.default.fileExists(atPath: place.path("data")), "a check changes nothing")
    }

    @Test("A-42: a listener that cannot take its port ends the process with 1, before anything is scheduled")
    func takenPort() async throws {
        let first = try await ControlPlane.start()
        let place = try TemporaryDirectory("second")
        var environment = ControlPlane.environment(in: place, [:])
        environment["CERTCTL_SERVER_PORT"] = "\(first.port)"
        let second = try await Self.refusal(environment, in: place)
        #expect(second.status == 1 && second.errors.contains("127.0.0.1:\(first.port)"), "\(second)")
        #expect(!second.errors.contains("scheduler") && !second.output.contains("scheduler"))
        #expect(
            !FileManager.default.fileExists(atPath: place.path("data/certctl.db-wal"))
                || !second.output.contains("ready"))
        await first.stop()
    }
}
