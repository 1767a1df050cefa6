import Foundation
import TestSupport
import Testing

@Suite("security §5.3, §6: what the settings of sign-in do", .tags(.security))
struct SignInSettingsTests {
    private static func cause(_ reply: CurlClient.Reply) -> String {
        guard let field = reply.field("www-authenticate"), let range = field.range(of: "error_description=") else {
            return "\(reply.status)"
        }
        return field[range.upperBound...].filter { $0 != "\"" }
    }

    private static func signedIn(_ server: ControlPlane, headers: [String] = []) async throws -> Browser {
        let browser = Browser(server)
        try Inventory.expect(201, try await browser.signIn(key: server.administratorKey))
        return browser
    }

    @Test("A-30: sessions end by idleness and by age, say which, and are collected")
    func timeouts() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_SESSION_IDLE_TIMEOUT": "3s", "CERTCTL_SESSION_ABSOLUTE_TIMEOUT": "6s",
            "CERTCTL_SESSION_GC_INTERVAL": "12s", "CERTCTL_SESSION_SIGNING_KEY_RETENTION": "90s",
            "CERTCTL_SESSION_SAMESITE": "Strict",
        ])
        try await server.becomeAdministrator()
        let (busy, idle) = (try await Self.signedIn(server), try await Self.signedIn(server))
        let (busyField, idleField) = (busy.sessionField, idle.sessionField)
        func cause(_ field: String) async throws -> String {
            Self.cause(try await server.anonymous.get("/api/v1/auth/me", headers: [field]))
        }
        let began = ContinuousClock.now
        while ContinuousClock.now - began < .seconds(5) {
            #expect(try await busy.get("/api/v1/auth/me").status == 200, "used all the time")
            try await Task.sleep(for: .milliseconds(500))
        }
        #expect(try await cause(idleField) == "idle_timeout")
        try await Task.sleep(for: .seconds(1.5))
        #expect(try await cause(busyField) == "absolute_timeout")
        let isCollected = try await eventually(within: .seconds(40)) {
            try await cause(idleField) == "invalid_token"
        }
        #expect(isCollected, "the row is gone")
        let rotated = try await server.client.post("/api/v1/auth/session-keys/rotate")
        let until = try #require(rotated.text("retired_valid_until").flatMap { try? Date($0, strategy: .iso8601) })
        #expect((60.0...91.0).contains(until.timeIntervalSinceNow), "retention")
        let strict = Browser(server)
        let begun = try await strict.signIn(key: server.administratorKey)
        #expect(begun.cookies.allSatisfy { $0.contains("SameSite=Strict") && $0.contains("Max-Age=6;") })
        let config = try await server.client.get("/api/v1/auth/runtime-config")
        let settings = config.json["runtime_config"] as? [String: String]
        #expect(settings?["CERTCTL_SESSION_SAMESITE"] == "Strict" && settings?["CERTCTL_BREAKGLASS_ENABLED"] == "false")
        await server.stop()
    }

    @Test("sessions are bound to address and browser, and are not many")
    func bindings() async throws {
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_SESSION_BIND_IP": "true", "CERTCTL_SESSION_BIND_USER_AGENT": "true",
            "CERTCTL_SESSION_MAX_PER_USER": "2", "CERTCTL_TRUSTED_PROXIES": "127.0.0.1",
        ])
        try await server.becomeAdministrator()
        let browser = try await Self.signedIn(server)
        func ask(_ headers: [String]) async throws -> Int {
            try await browser.send("GET", "/api/v1/auth/me", headers: headers).status
        }
        #expect(try await ask([]) == 200)
        #expect(try await ask(["X-Forwarded-For: 192.0.2.1"]) == 401)
        #expect(try await ask(["User-Agent: thief"]) == 401)
        #expect(try await ask([]) == 200, "the session itself is kept")
        let actions = try await server.auditActions()
        #expect(actions.contains("auth.session_ip_mismatch"), "\(actions)")
        let second = try await Self.signedIn(server)
        #expect(try await second.get("/api/v1/auth/me").status == 200)
        let third = try await Self.signedIn(server)
        #expect(try await browser.get("/api/v1/auth/me").status == 401, "the oldest made room")
        #expect(try await second.get("/api/v1/auth/me").status == 200)
        #expect(try await third.get("/api/v1/auth/me").status == 200)
        await server.stop()
    }

    @Test("locks last and failures count as long as the settings say, from the networks that they name")
    func lockout() async throws {
        let server = try await ControlPlane.startForPeople(
            .sqlite,
            [
                "CERTCTL_BREAKGLASS_LOCKOUT_THRESHOLD": "2", "CERTCTL_BREAKGLASS_LOCKOUT_DURATION": "3s",
                "CERTCTL_BREAKGLASS_LOCKOUT_RESET_INTERVAL": "2s", "CERTCTL_TRUSTED_PROXIES": "127.0.0.1",
                "CERTCTL_BREAKGLASS_ALLOWED_CIDRS": "10.0.0.0/8",
            ])
        try await server.becomeAdministrator()
        _ = try await server.makeAccount("bg-ops")
        var number = 0
        func attempt(_ password: String, from network: String = "10.0.0") async throws -> Int {
            number += 1
            return try await server.anonymous.send(
                "POST", "/auth/breakglass/login", body: #"{"actor_id":"bg-ops","password":"\#(password)"}"#,
                headers: ["X-Forwarded-For: \(network).\(number)"]
            ).status
        }
        let (right, wrong) = (ControlPlane.password, "wrong and long enough")
        #expect(try await attempt(right, from: "192.0.2") == 401, "not from there")
        #expect(try await attempt(right) == 204)
        // A failure of a while ago is forgotten: two with a pause do not lock.
        #expect(try await attempt(wrong) == 401)
        try await Task.sleep(for: .seconds(2.5))
        #expect(try await attempt(wrong) == 401)
        #expect(try await attempt(right) == 204)
        // Two at once do, for three seconds; the next lock is twice as long.
        for _ in 0..<2 { #expect(try await attempt(wrong) == 401) }
        #expect(try await attempt(right) == 401)
        try await Task.sleep(for: .seconds(3.5))
        for _ in 0..<2 { #expect(try await attempt(wrong) == 401) }
        try await Task.sleep(for: .seconds(3.5))
        #expect(try await attempt(right) == 401, "six seconds by now")
        try await Task.sleep(for: .seconds(3))
        #expect(try await attempt(right) == 204)
        await server.stop()
    }

    @Test(
        "settings that would sign people out or protect nothing are refused at start",
        arguments: [
            ("CERTCTL_SESSION_SIGNING_KEY_RETENTION", "1h", "every rotation would sign people out"),
            ("CERTCTL_SESSION_IDLE_TIMEOUT", "9h", "it would never count"), ("CERTCTL_SESSION_SAMESITE", "None", "Lax"),
        ])
    func refusals(name: String, value: String, reason: String) async throws {
        let directory = try TemporaryDirectory("refused")
        let outcome = try await runProgram(
            ControlPlane.binary, ["config", "check"],
            environment: ["HOME": directory.url.path, "CERTCTL_DATA_DIR": directory.path("data"), name: value],
            logs: directory.url)
        #expect(outcome.status == 78, "\(outcome.output)\(outcome.errors)")
        #expect((outcome.output + outcome.errors).contains(reason), "\(outcome.output)\(outcome.errors)")
    }
}
