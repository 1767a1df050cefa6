import APIContract
import Foundation
import TestSupport
import Testing

/// What another site can make a browser send, against every operation that changes something (security §5.5, T29).
@Suite("security §5.5: cross-site requests", .tags(.security))
struct CrossSiteTests {
    private struct Attack {
        let name: String
        let expected: Int
        let headers: [String]
    }

    @Test("T29: every changing route refuses a cookie without our token, our page or our media type")
    func matrix() async throws {
        // With every part switched on that has routes of its own.
        let server = try await ControlPlane.startForPeople(.sqlite, ["CERTCTL_ACME_SERVER_ENABLED": "true"])
        try await server.becomeAdministrator()
        let browser = Browser(server)
        #expect(try await browser.signIn(key: server.administratorKey).status == 201)
        let stranger = Browser(server)
        #expect(try await stranger.signIn(key: server.administratorKey).status == 201)
        let (own, token) = ("Origin: \(browser.origin)", "X-CSRF-Token: \(try #require(browser.cookie("csrf")))")
        let json = "Content-Type: application/json"
        let attacks = [
            Attack(name: "no token", expected: 403, headers: [own, json]),
            Attack(name: "empty token", expected: 403, headers: [own, json, "X-CSRF-Token;"]),
            Attack(
                name: "stale token", expected: 403,
                headers: [own, json, "X-CSRF-Token: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]),
            Attack(
                name: "token of another session", expected: 403,
                headers: [own, json, "X-CSRF-Token: \(try #require(stranger.cookie("csrf")))"]),
            Attack(name: "other origin", expected: 403, headers: ["Origin: https://evil.example", json, token]),
            Attack(name: "null origin", expected: 403, headers: ["Origin: null", json, token]),
            Attack(name: "no origin", expected: 403, headers: [json, token]),
            Attack(name: "same site, other host", expected: 403, headers: ["Sec-Fetch-Site: same-site", json, token]),
            Attack(name: "form", expected: 415, headers: [own, token, "Content-Type: text/plain"]),
            Attack(
                name: "urlencoded", expected: 415,
                headers: [own, token, "Content-Type: application/x-www-form-urlencoded;charset=utf-8"]),
        ]
        let before = try await server.client.get("/api/v1/audit?per_page=1").json["total"] as? Int
        let changing = RouteTable.all.filter { $0.method != .get }
        #expect(changing.count > 60)
        // Open routes recognise no session: what other sites can send to them, anybody can.
        let withSession = changing.filter { $0.access != .open || $0.routeClass == .login }
        var cells: [(Route, Attack)] = []
        for attack in attacks {
            let attacked = attack.expected == 415 ? changing : withSession
            for route in attacked where route.id != "logout" || attack.expected == 403 {
                cells.append((route, attack))
            }
        }
        let statuses = try await Self.ask(cells, of: server, with: browser)
        for ((route, attack), status) in zip(cells, statuses) {
            #expect(status == attack.expected, "\(attack.name): \(route.method.rawValue) \(route.path.text)")
        }
        let after = try await server.client.get("/api/v1/audit?per_page=1").json["total"] as? Int
        let refused = try await server.client.get("/api/v1/audit?action=auth.request_refused&per_page=1")
        #expect(
            (after ?? 0) - (before ?? 0) <= (refused.json["total"] as? Int ?? 0) + 2,
            "nothing but refusals was audited")
        // The right page may.
        #expect(try await browser.send("POST", "/api/v1/teams", #"{"name":"web"}"#).status == 201)
        let viaFetch = try await browser.send(
            "POST", "/api/v1/teams", #"{"name":"fetch"}"#, headers: ["Sec-Fetch-Site: same-origin"])
        #expect(viaFetch.status == 201, "\(viaFetch.body)")
        await server.stop()
    }

    @Test("T29: sign-in from another site's page is refused before the password is looked at")
    func foreignSignIn() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        _ = try await server.makeAccount("bg-ops")
        let body = #"{"actor_id":"bg-ops","password":"\#(ControlPlane.password)"}"#
        let browser = Browser(server)
        let foreign = try await browser.send(
            "POST", "/auth/breakglass/login", body, origin: "https://evil.example", headers: [])
        #expect(foreign.status == 403 && foreign.text("code") == "csrf_failed" && foreign.cookies.isEmpty)
        let form = try await browser.send(
            "POST", "/auth/breakglass/login", body, headers: ["Content-Type: text/plain"])
        #expect(form.status == 415)
        #expect(try await browser.signIn("bg-ops", ControlPlane.password).status == 204)
        await server.stop()
    }

    @Test("no GET or HEAD changes anything")
    func safeMethods() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates", Inventory.certificate("mc-here", name: "mc-here.certctl.test")))
        let browser = Browser(server)
        #expect(try await browser.signIn(key: server.administratorKey).status == 201)
        func events() async throws -> [String: String] {
            let page = try await server.client.get("/api/v1/audit?per_page=200")
            let rows = page.json["data"] as? [[String: Any]] ?? []
            return Dictionary(
                rows.map { ($0["id"] as? String ?? "", $0["action"] as? String ?? "") }, uniquingKeysWith: { $1 })
        }
        func end() async throws -> Int {
            let page = try await server.client.get("/api/v1/teams")
            return page.json["total"] as? Int ?? 0
        }
        let (before, teams) = (try await events(), try await end())
        let reading = RouteTable.all.filter { $0.method == .get && !$0.isLongLived }
        let cells = reading.map { ($0, Attack(name: "read", expected: 0, headers: [])) }
        let statuses = try await Self.ask(cells, of: server, with: browser)
        #expect(statuses.allSatisfy { $0 < 500 }, "\(zip(reading.map(\.id), statuses).filter { $0.1 >= 500 })")
        #expect(statuses.filter { $0 == 200 }.count > 30)
        let new = try await events().filter { before[$0.key] == nil }
        let reads: Set = ["auth.user_list", "audit.export", "audit.exported", "audit.verified"]
        // What a server does by itself soon after its start, whoever reads meanwhile.
        let own: Set = ["audit.key_created", "ca_key_generated", "ocsp_responder_appointed"]
        let changes = new.values.filter { !reads.contains($0) && !own.contains($0) }
        #expect(changes.isEmpty, "\(changes)")
        #expect(try await end() == teams)
        await server.stop()
    }

    @Test("A-31: a change of roles gives the browser other cookies with its next safe request, and strands nobody")
    func rotation() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        _ = try await server.makeAccount("bg-ops", roles: ["r-admin"])
        let browser = Browser(server)
        #expect(try await browser.signIn("bg-ops", ControlPlane.password).status == 204)
        let (session, token) = (browser.cookie("session"), browser.cookie("csrf"))
        try Inventory.expect(
            204, try await server.client.post("/api/v1/auth/actors/User/bg-ops/roles", ["role_id": "r-operator"]))
        // Before any safe request: what the page knows still works.
        #expect(try await browser.send("POST", "/api/v1/teams", #"{"name":"one"}"#).status == 201)
        let read = try await browser.get("/api/v1/auth/me")
        #expect(read.status == 200 && read.cookies.count == 2, "\(read.headers)")
        #expect(browser.cookie("session") != session && browser.cookie("csrf") != token)
        #expect(try await browser.send("POST", "/api/v1/teams", #"{"name":"two"}"#).status == 201)
        // A request under way with the old pair still counts for a minute.
        let old = try await server.anonymous.send(
            "POST", "/api/v1/teams", body: #"{"name":"three"}"#,
            headers: [
                "Cookie: __Host-certctl_session=\(session ?? "")", "X-CSRF-Token: \(token ?? "")",
                "Origin: \(browser.origin)",
            ])
        #expect(old.status == 201, "\(old.body)")
        #expect(try await browser.get("/api/v1/auth/me").cookies.isEmpty, "once")
        #expect(try await server.auditActions().contains("auth.session_csrf_rotated"))
        // Nobody without a role stays signed in.
        for role in ["r-operator", "r-admin"] {
            let gone = try await server.client.delete("/api/v1/auth/actors/User/bg-ops/roles/\(role)")
            #expect(gone.status == 204, "\(gone.body)")
        }
        #expect(try await browser.get("/api/v1/auth/me").status == 401)
        await server.stop()
    }

    /// Asks every cell over one connection; the statuses in the same order.
    private static func ask(
        _ cells: [(Route, Attack)], of server: ControlPlane, with browser: Browser
    ) async throws -> [Int] {
        let cookie = try #require(browser.cookie("session"))
        let sections = cells.map { route, attack -> String in
            let path = route.path.segments.map { segment in
                switch segment {
                case .literal(let text): text
                case .parameter(let name), .rest(let name):
                    name == "type" ? "User" : name.hasSuffix("id") ? "mc-here" : name
                }
            }
            var lines = [
                "url = \"\(server.baseURL)/\(path.joined(separator: "/"))\"", "request = \"\(route.method.rawValue)\"",
                "cacert = \"\(server.authority)\"", "output = \"/dev/null\"", "silent", "http1.1", "max-time = 20",
                "header = \"Cookie: __Host-certctl_session=\(cookie)\"", "write-out = \"%{http_code}\\n\"",
            ]
            lines += attack.headers.map { "header = \"\($0)\"" }
            if route.method != .get { lines.append("data-binary = \"{}\"") }
            return lines.joined(separator: "\n")
        }
        let file = server.directory.path("cross-site-\(UUID().uuidString).curl")
        try sections.joined(separator: "\nnext\n").write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await runProgram(
            "/usr/bin/curl", ["--config", file], logs: server.directory.url, timeout: .seconds(300))
        let statuses = outcome.output.split(separator: "\n").compactMap { Int($0) }
        try #require(statuses.count == cells.count, "\(statuses.count) answers; \(outcome.errors)")
        return statuses
    }
}
