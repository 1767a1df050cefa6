import DatabaseTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite("security §6: local accounts", .tags(.security))
struct BreakglassTests {
    /// A period that ends after today.
    private static var period: String {
        let (start, end) = (Date.now.addingTimeInterval(-3600), Date.now.addingTimeInterval(3600))
        return "from=\(start.ISO8601Format())&to=\(end.ISO8601Format())"
    }

    @Test(
        "T32: switched off, every route is one that never was", arguments: ["GET", "POST", "OPTIONS", "DELETE", "HEAD"])
    func invisible(method: String) async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        func answer(_ path: String, _ client: CurlClient, _ fields: [String]) async throws -> String {
            let arguments = method == "HEAD" ? ["--head"] : []
            let reply = try await client.send(
                method, path, body: method == "POST" ? #"{"actor_id":"bg-ops","password":"x"}"# : nil,
                headers: fields, options: arguments)
            let id = reply.text("request_id") ?? "-"
            let body = method == "HEAD" ? "" : reply.body
            let lines = reply.headers.split(whereSeparator: \.isNewline).filter {
                !$0.lowercased().hasPrefix("x-request-id") && !$0.lowercased().hasPrefix("date")
            }
            return lines.joined(separator: "\n") + "\n\n" + body.replacingOccurrences(of: id, with: "ID")
        }
        let pairs = [
            ("/auth/breakglass/login", "/auth/nothing/login"),
            ("/api/v1/auth/breakglass/credentials", "/api/v1/auth/nothingxyz/credentials"),
            ("/api/v1/auth/breakglass/credentials/bg-ops", "/api/v1/auth/nothingxyz/credentials/bg-ops"),
            ("/api/v1/auth/breakglass/credentials/%zz/unlock", "/api/v1/auth/nothingxyz/credentials/%zz/unlock"),
        ]
        for (hidden, unknown) in pairs {
            for client in [server.anonymous, server.client] {
                let fields = ["Origin: https://evil.example", "Accept: application/json"]
                let (one, other) = (try await answer(hidden, client, fields), try await answer(unknown, client, fields))
                #expect(one == other, "\(method) \(hidden)")
                #expect(one.contains("404"))
            }
        }
        #expect(try await !server.anonymous.get("/api/v1/auth/info").body.contains("breakglass"))
        await server.stop()
    }

    @Test(
        "A-27: a local account signs in while it is active and may, and its session is short",
        arguments: EngineUnderTest.available)
    func signIn(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.startForPeople(engine)
        try await server.becomeAdministrator()
        let made = try await server.makeAccount("bg-ops")
        #expect(made.text("actor_id") == "bg-ops" && made.text("totp_secret") == nil, "\(made.body)")
        let browser = Browser(server)
        let begun = try await browser.signIn("bg-ops", ControlPlane.password)
        #expect(begun.status == 204 && begun.body.isEmpty && begun.cookies.count == 2, "\(begun.body)")
        #expect(begun.cookies.allSatisfy { $0.contains("Max-Age=3600") })
        let me = try await browser.get("/api/v1/auth/me")
        #expect(me.text("actor_id") == "bg-ops" && me.text("actor_type") == "User", "\(me.body)")
        #expect(me.text("display_name") == "Person bg-ops" && me.json["admin"] as? Bool == true)
        #expect((me.json["session"] as? [String: Any])?["auth_method"] as? String == "breakglass")
        let events = try await browser.send(
            "GET", "/api/v1/events?since=1970-01-01T00:00:00Z&wait=0", headers: ["Accept: application/json"])
        #expect(events.body.contains("user.breakglass_login"), "the alarm: \(events.body)")
        let metrics = try await server.client.get("/api/v1/metrics/prometheus")
        #expect(metrics.body.contains(#"certctl_breakglass_logins_total{outcome="success"} 1"#))

        // Deactivated: the session ends, owned keys go off, the right password is wrong.
        let owned = try await server.client.post(
            "/api/v1/auth/keys", ["name": "robot", "roles": ["r-viewer"], "owner_user_id": "bg-ops"])
        let robot = server.anonymous.with(key: try Inventory.expect(201, owned).text("key_value"))
        #expect(try await robot.get("/api/v1/auth/me").status == 200)
        let own = try await browser.send("DELETE", "/api/v1/auth/users/bg-ops")
        #expect(own.status == 409, "nobody deactivates themselves: \(own.body)")
        #expect(try await server.client.delete("/api/v1/auth/users/bg-ops").status == 204)
        #expect(try await browser.get("/api/v1/auth/me").status == 401)
        #expect(try await robot.get("/api/v1/auth/me").status == 401)
        let off = try await Browser(server).signIn("bg-ops", ControlPlane.password)
        #expect(off.status == 401 && off.text("message") == "invalid credentials", "\(off.body)")
        #expect(try await server.client.delete("/api/v1/auth/users/bg-ops").status == 204, "twice is once")
        #expect(try await server.client.post("/api/v1/auth/users/bg-ops/reactivate").status == 204)
        #expect(try await Browser(server).signIn("bg-ops", ControlPlane.password).status == 204)
        #expect(try await robot.get("/api/v1/auth/me").status == 401, "keys stay off")

        // Without auth.breakglass.login the right password is wrong too.
        _ = try await server.makeAccount("bg-eve", roles: ["r-viewer"])
        let eve = try await Browser(server).signIn("bg-eve", ControlPlane.password)
        #expect(eve.status == 401 && eve.text("message") == "invalid credentials")
        // A role that a person is given counts at once (A-39).
        let granted = try await server.client.post("/api/v1/auth/actors/User/bg-eve/roles", ["role_id": "r-admin"])
        #expect(granted.status == 204, "\(granted.body)")
        #expect(try await Browser(server).signIn("bg-eve", ControlPlane.password).status == 204)
        let actions = try await server.auditActions()
        for action in [
            "auth.breakglass_password_set", "auth.breakglass_login_succeeded", "auth.breakglass_login_failed",
            "auth.user_deactivated", "auth.user_reactivated", "auth.user_deactivate_self_rejected",
        ] { #expect(actions.contains(action), "\(action)") }
        await server.stop()
        let log = server.process.transcript
        #expect(!log.contains(ControlPlane.password) && !log.contains(browser.cookie("session") ?? "-"))
    }

    @Test("T31: unknown, wrong, locked and malformed are one answer, and five a minute are enough for an address")
    func parity() async throws {
        let server = try await ControlPlane.startForPeople(.sqlite, ["CERTCTL_TRUSTED_PROXIES": "127.0.0.1"])
        try await server.becomeAdministrator()
        _ = try await server.makeAccount("bg-ops")
        var address = 0
        func attempt(_ body: String, from: Int? = nil) async throws -> CurlClient.Reply {
            address += 1
            return try await server.anonymous.send(
                "POST", "/auth/breakglass/login", body: body,
                headers: ["X-Forwarded-For: 10.1.0.\(from ?? address)"])
        }
        func text(_ account: String, _ password: String) -> String {
            #"{"actor_id":"\#(account)","password":"\#(password)"}"#
        }
        func shape(_ reply: CurlClient.Reply) -> String {
            var body = reply.json
            body["request_id"] = nil
            return "\(reply.status) \(body.keys.sorted()) \(body["message"] ?? "") \(reply.cookies)"
        }
        let unknown = try await attempt(text("bg-nobody", "a wrong password of some length"))
        let expected = shape(unknown)
        #expect(unknown.status == 401 && unknown.text("message") == "invalid credentials")
        for body in [
            text("bg-ops", "a wrong password of some length"), text("u-other", "x"), text("ops-admin", "x"), "{", "{}",
            #"{"actor_id":"bg-ops","password":7}"#, text("bg-ops", String(repeating: "x", count: 2000)),
        ] { #expect(shape(try await attempt(body)) == expected, "\(body.prefix(60))") }
        for _ in 0..<3 { _ = try await attempt(text("bg-ops", "another wrong password")) }
        // The fifth failure has locked it: the right password is now like any other.
        _ = try await attempt(text("bg-ops", "another wrong password"))
        #expect(shape(try await attempt(text("bg-ops", ControlPlane.password))) == expected)
        let listed = try await server.client.get("/api/v1/auth/breakglass/credentials")
        let row = (listed.json["credentials"] as? [[String: Any]])?.first
        #expect(row?["failure_count"] as? Int == 5 && row?["locked_until"] is String, "\(listed.body)")
        #expect(try await server.cli(["auth", "breakglass", "unlock", "bg-ops"]).status == 0)
        #expect(try await attempt(text("bg-ops", ControlPlane.password)).status == 204)
        // One address.
        var statuses: [Int] = []
        for _ in 0..<7 { statuses.append(try await attempt(text("bg-nobody", "x"), from: 250).status) }
        #expect(statuses == [401, 401, 401, 401, 401, 429, 429])
        await server.stop()
    }

    @Test(
        "T31: many wrong passwords at once get no more guesses than one after the other",
        arguments: EngineUnderTest.available)
    func lockoutUnderConcurrency(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.startForPeople(
            engine, ["CERTCTL_TRUSTED_PROXIES": "127.0.0.1", "CERTCTL_BREAKGLASS_LOCKOUT_THRESHOLD": "3"])
        try await server.becomeAdministrator()
        _ = try await server.makeAccount("bg-ops")
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<16 {
                let body = #"{"actor_id":"bg-ops","password":"wrong number \#(number) of sixteen"}"#
                let client = server.anonymous
                group.addTask {
                    try await client.send(
                        "POST", "/auth/breakglass/login", body: body,
                        headers: ["X-Forwarded-For: 10.2.0.\(number)"], timeout: 60
                    ).status
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        #expect(statuses.allSatisfy { $0 == 401 || $0 == 503 }, "\(statuses)")
        let audit = try await server.client.get("/api/v1/audit?action=auth.breakglass_login_failed&per_page=50")
        let categories = (audit.json["data"] as? [[String: Any]] ?? []).compactMap {
            ($0["details"] as? [String: Any])?["failure_category"] as? String
        }
        #expect(categories.filter { $0 == "wrong_password" }.count <= 3, "\(categories)")
        #expect(categories.contains("locked"))
        await server.stop()
    }

    // How fast the probes are is for `make bench` to say; here they are only not to wait for the passwords.
    @Test("T30: beside a hundred sign-ins at once, every probe is answered and none waits for them to end")
    func hundred() async throws {
        let server = try await ControlPlane.startForPeople(.sqlite, ["CERTCTL_TRUSTED_PROXIES": "127.0.0.1"])
        let client = server.anonymous
        let isOver = Atomic(false)
        async let probes = {
            var answered: [Int] = []
            while !isOver.load(ordering: .relaxed), answered.count < 1000 {
                answered.append(try await client.get("/health").status)
            }
            return answered
        }()
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<100 {
                let body = #"{"actor_id":"bg-\#(number)","password":"a wrong password, long enough"}"#
                group.addTask {
                    try await client.send(
                        "POST", "/auth/breakglass/login", body: body,
                        headers: ["X-Forwarded-For: 10.3.0.\(number)"], timeout: 60
                    ).status
                }
            }
            return try await group.reduce(into: [Int]()) { $0.append($1) }
        }
        isOver.store(true, ordering: .relaxed)
        let answered = try await probes
        #expect(statuses.count == 100 && statuses.allSatisfy { $0 == 401 || $0 == 503 }, "\(statuses)")
        #expect(statuses.contains(401), "some had their turn")
        #expect(answered.count >= 5 && answered.allSatisfy { $0 == 200 }, "\(answered)")
        await server.stop()
    }

    @Test("a second factor is asked for, works once, and is shown once")
    func secondFactor() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        let made = try await server.makeAccount("bg-ops", second: true)
        let secret = try #require(made.text("totp_secret"))
        #expect(made.text("totp_uri")?.contains(secret) == true)
        #expect(try await Browser(server).signIn("bg-ops", ControlPlane.password).status == 401)
        let python = """
            from base64 import b32decode; from hmac import digest; from time import time
            mac = digest(b32decode("\(secret)"), (int(time()) // 30).to_bytes(8, "big"), "sha1")
            offset = mac[19] & 15
            print("%06d" % ((int.from_bytes(mac[offset:offset + 4], "big") & 0x7fffffff) % 1000000))
            """
        let code = try await runProgram("/usr/bin/python3", ["-c", python], logs: server.directory.url).output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try await Browser(server).signIn("bg-ops", ControlPlane.password, code: code).status == 204)
        #expect(
            try await Browser(server).signIn("bg-ops", ControlPlane.password, code: code).status == 401, "no replay")
        let listed = try await server.client.get("/api/v1/auth/breakglass/credentials")
        #expect(!listed.body.contains(secret) && listed.body.contains(#""second_factor":true"#))
        await server.stop()
        let database = try Data(contentsOf: server.dataDirectory.appending(path: "certctl.db"))
        #expect(database.range(of: Data(secret.utf8)) == nil && database.range(of: Data("seven grey".utf8)) == nil)
    }

    @Test(
        "A-26: what is personal goes, once, a while after deactivation, with all that the person holds",
        arguments: EngineUnderTest.available)
    func retention(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.startForPeople(
            engine,
            [
                "CERTCTL_USER_RETENTION_INTERVAL": "1s", "CERTCTL_USER_RETENTION_WINDOW": "2s",
                "CERTCTL_USER_RETENTION_BATCH_CAP": "1",
            ])
        try await server.becomeAdministrator()
        let names = ["bg-one", "bg-two", "bg-stays"]
        for name in names { _ = try await server.makeAccount(name, roles: ["r-viewer"]) }
        let owned = try await server.client.post(
            "/api/v1/auth/keys", ["name": "robot", "roles": ["r-viewer"], "owner_user_id": "bg-one"])
        try Inventory.expect(201, owned)
        let began = ContinuousClock.now
        for name in names.prefix(2) {
            #expect(try await server.client.delete("/api/v1/auth/users/\(name)").status == 204)
        }
        func users() async throws -> String { try await server.client.get("/api/v1/auth/users").body }
        let isPurged = try await eventually(within: .seconds(40)) {
            let body = try await users()
            return !body.contains("Person bg-one") && !body.contains("Person bg-two")
        }
        #expect(isPurged && ContinuousClock.now - began >= .seconds(2))
        #expect(try await users().contains("Person bg-stays"))
        let roles = try await server.client.get("/api/v1/auth/keys").body
        #expect(!roles.contains("bg-one") && !roles.contains("robot") && roles.contains("bg-stays"), "\(roles)")
        try await Task.sleep(for: .seconds(3))
        let page = try await server.client.get("/api/v1/audit?action=user.purge_pii&per_page=50")
        let rows = page.json["data"] as? [[String: Any]] ?? []
        #expect(rows.compactMap { $0["resource_id"] as? String }.sorted() == ["bg-one", "bg-two"], "once each")
        let export = try await server.client.get("/api/v1/audit/export?\(Self.period)").body
        #expect(export.contains("user.purge_pii") && !export.contains("Person bg-"))
        await server.stop()
    }

    @Test("nobody sets the password of somebody who may do more; weak passwords and other names are refused")
    func rules() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        let role = try await server.client.post("/api/v1/auth/roles", ["name": "helpdesk"]).text("id") ?? ""
        for permission in ["auth.breakglass.admin", "auth.user.deactivate"] {
            let added = try await server.client.post(
                "/api/v1/auth/roles/\(role)/permissions", ["permission": permission])
            #expect(added.status == 204)
        }
        let key = try await server.client.post("/api/v1/auth/keys", ["name": "eve", "roles": [role]])
        let eve = server.anonymous.with(key: try Inventory.expect(201, key).text("key_value"))
        _ = try await server.makeAccount("bg-ops")
        let path = "/api/v1/auth/breakglass/credentials"
        let takeover = try await eve.post(path, ["actor_id": "bg-ops", "password": "eves own long password"])
        #expect(takeover.status == 403 && takeover.text("code") == "privilege_escalation", "\(takeover.body)")
        #expect(try await eve.delete("\(path)/bg-ops").status == 403)
        #expect(try await eve.delete("/api/v1/auth/users/bg-ops").status == 403)
        let own = try await eve.post(
            path, ["actor_id": "bg-new", "password": "eves own long password", "roles": ["r-admin"]])
        #expect(own.status == 403, "\(own.body)")
        #expect(try await Browser(server).signIn("bg-ops", ControlPlane.password).status == 204, "nothing changed")
        for (name, password) in [
            ("ops", ControlPlane.password), ("bg-x", "short"), ("bg-x", "password123456789"), ("bg-X", "x"),
            ("bg-someone", "the one of bg-someone"),
        ] {
            let reply = try await server.client.post(path, ["actor_id": name, "password": password])
            #expect(reply.status == 400, "\(name) \(password): \(reply.body)")
        }
        let browser = Browser(server)
        #expect(try await browser.signIn("bg-ops", ControlPlane.password).status == 204)
        let changed = try await server.client.post(
            path, ["actor_id": "bg-ops", "password": "nine brown bears roam uphill"])
        #expect(changed.status == 201, "\(changed.body)")
        #expect(try await browser.get("/api/v1/auth/me").status == 401, "another password ends the sessions")
        #expect(try await server.client.delete("\(path)/bg-ops").status == 204)
        #expect(try await server.client.delete("\(path)/bg-ops").status == 404)
        await server.stop()
    }

    @Test("the first local administrator is made at the server's host, and a locked one is let in there")
    func atTheHost() async throws {
        let server = try await ControlPlane.startForPeople()
        await server.stop()
        func local(_ arguments: [String], input: String = "") async throws -> ProgramOutcome {
            let file = server.directory.path("input")
            try input.write(toFile: file, atomically: true, encoding: .utf8)
            return try await runProgram(
                "/bin/sh", ["-c", #"exec "$0" "$@" < "$INPUT""#, ControlPlane.binary] + arguments,
                environment: server.environment.merging(["INPUT": file]) { $1 }, logs: server.directory.url)
        }
        let weak = try await local(["local-user", "set", "bg-root", "--role", "r-admin"], input: "short\n")
        #expect(weak.status == 1 && weak.errors.contains("15 to 256"), "\(weak.errors)")
        let made = try await local(
            ["local-user", "set", "bg-root", "--role", "r-admin"], input: ControlPlane.password + "\n")
        #expect(made.status == 0, "\(made.output)\(made.errors)")
        try await server.startAgain()
        let browser = Browser(server)
        #expect(try await browser.signIn("bg-root", ControlPlane.password).status == 204)
        #expect(try await browser.get("/api/v1/auth/me").json["admin"] as? Bool == true)
        #expect(try await server.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == false)
        let made2 = try await browser.send("POST", "/api/v1/auth/keys", #"{"name":"ci-deploy"}"#)
        #expect(made2.status == 201, "\(made2.body)")
        await server.stop()
        let unlocked = try await local(["local-user", "unlock", "bg-root"])
        #expect(unlocked.status == 0, "\(unlocked.errors)")
        #expect(try await local(["local-user", "unlock", "bg-none"]).status == 1)
    }
}
