import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite("security §5: browser sessions over TLS", .tags(.security))
struct SessionTests {
    @Test(
        "T26, T28: a key becomes a session with its own cookies each time, and ends with the key",
        arguments: EngineUnderTest.available)
    func exchange(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.startForPeople(engine)
        try await server.becomeAdministrator()
        let key = try await server.client.post("/api/v1/auth/keys", ["name": "olga", "roles": ["r-operator"]])
        let value = try #require(try Inventory.expect(201, key).text("key_value"))
        let browser = Browser(server)
        let begun = try await browser.signIn(key: value)
        #expect(begun.status == 201 && begun.text("auth_method") == "api_key", "\(begun.body)")
        #expect(begun.json["current"] as? Bool == true && begun.field("cache-control") == "no-store")
        let cookies = begun.cookies
        try #require(cookies.count == 2, "\(begun.headers)")
        #expect(cookies[0].hasPrefix("__Host-certctl_session=v1.ses-") && cookies[0].hasSuffix("; HttpOnly"))
        #expect(cookies[1].hasPrefix("__Host-certctl_csrf=") && !cookies[1].contains("HttpOnly"))
        for cookie in cookies {
            #expect(cookie.contains("; Path=/; Max-Age=28800; Secure; SameSite=Lax") && !cookie.contains("Domain"))
        }
        let me = try await browser.get("/api/v1/auth/me")
        #expect(me.text("actor_id") == "olga" && me.json["roles"] as? [String] == ["r-operator"])
        let session = try #require(me.json["session"] as? [String: Any])
        #expect(session["id"] as? String == begun.text("id") && session["auth_method"] as? String == "api_key")
        #expect(!(browser.cookie("session") ?? "").contains(begun.text("id") ?? "-"), "the handle is not the secret")

        // Each sign-in has a session of its own; a cookie that somebody planted is not taken over.
        let planted = Browser(server)
        let first = try #require(browser.cookie("session"))
        try "127.0.0.1\tFALSE\t/\tTRUE\t0\t__Host-certctl_session\tv1.ses-AAAAAAAAAAAAAAAAAAAAAA.x.y\n".write(
            toFile: planted.jar, atomically: true, encoding: .utf8)
        #expect(try await planted.get("/api/v1/auth/me").status == 401)
        #expect(try await planted.signIn(key: value).status == 201)
        #expect(planted.cookie("session") != first && planted.cookie("session")?.contains("AAAAAAAAAA") == false)

        let listed = try await browser.get("/api/v1/auth/sessions")
        #expect((listed.json["sessions"] as? [Any])?.count == 2, "\(listed.body)")
        // The key ends all of it.
        #expect(try await server.client.delete("/api/v1/auth/keys/olga").status == 204)
        let ended = try await browser.get("/api/v1/auth/me")
        #expect(ended.status == 401, "\(ended.body)")
        #expect(
            ended.field("www-authenticate")
                == #"Bearer realm="certctl", error="invalid_token", error_description="invalid_token""#)
        #expect(ended.text("error") == "Authorization header required")

        let robot = try await server.client.post("/api/v1/auth/keys", ["name": "robot", "may_not_login": true])
        let refused = try await Browser(server).signIn(key: try #require(robot.text("key_value")))
        #expect(refused.status == 403, "\(refused.body)")
        #expect(try await server.auditActions().contains("auth.session_created"))
        await server.stop()
        let log = server.process.transcript
        #expect(!log.contains(first), "no cookie in a log")
    }

    @Test("A-35: everybody lists and ends their own sessions without a permission, and nobody else's; logout ends one")
    func own() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        let browsers = (0..<4).map { _ in Browser(server) }
        for (name, own) in [("anna", browsers.prefix(3)), ("bert", browsers.suffix(1))] {
            let made = try await server.client.post("/api/v1/auth/keys", ["name": name])
            let key = try #require(try Inventory.expect(201, made).text("key_value"))
            for browser in own { #expect(try await browser.signIn(key: key).status == 201) }
        }
        func ids(_ browser: Browser) async throws -> [String] {
            let rows = try await browser.get("/api/v1/auth/sessions").json["sessions"] as? [[String: Any]] ?? []
            return rows.compactMap { $0["id"] as? String }
        }
        #expect(try await ids(browsers[0]).count == 3)
        let foreign = try #require(try await ids(browsers[3]).first)
        #expect(try await browsers[0].send("DELETE", "/api/v1/auth/sessions/\(foreign)").status == 404)
        let look = try await browsers[0].get("/api/v1/auth/sessions?actor_id=bert&actor_type=APIKey")
        #expect(look.status == 403, "\(look.body)")
        #expect(try await browsers[0].send("DELETE", "/api/v1/auth/sessions").status == 400)
        let second = try await browsers[2].get("/api/v1/auth/me").json["session"] as? [String: Any]
        let own = try #require(second?["id"] as? String)
        #expect(try await browsers[0].send("DELETE", "/api/v1/auth/sessions/\(own)").status == 204, "one's own")
        #expect(try await browsers[2].get("/api/v1/auth/me").status == 401)
        let others = try await browsers[0].send("DELETE", "/api/v1/auth/sessions?except=current")
        #expect(others.status == 200 && others.json["revoked_count"] as? Int == 1, "\(others.body)")
        #expect(try await browsers[1].get("/api/v1/auth/me").status == 401)
        #expect(try await browsers[0].get("/api/v1/auth/me").status == 200)
        let out = try await browsers[0].send("POST", "/auth/logout")
        #expect(out.status == 204 && out.cookies.allSatisfy { $0.contains("Max-Age=0") } && out.cookies.count == 2)
        #expect(try await browsers[0].get("/api/v1/auth/me").status == 401)
        #expect(try await browsers[0].send("POST", "/auth/logout").status == 204, "twice is once")
        #expect(try await server.client.get("/api/v1/auth/sessions?actor_id=bert&actor_type=APIKey").status == 200)
        #expect(try await server.client.delete("/api/v1/auth/sessions/\(foreign)").status == 204)
        #expect(try await browsers[3].get("/api/v1/auth/me").status == 401)
        let listed = try await server.cli(["auth", "sessions", "list", "--actor", "anna", "--type", "APIKey"])
        #expect(listed.status == 0 && !listed.output.contains("api_key"), "\(listed.output)\(listed.errors)")
        await server.stop()
    }

    @Test("§1.5: a valid cookie beside a key of somebody else is ambiguous; beside nonsense it counts")
    func ambiguous() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        let key = try await server.client.post("/api/v1/auth/keys", ["name": "olga", "roles": ["r-viewer"]])
        let browser = Browser(server)
        #expect(try await browser.signIn(key: try #require(key.text("key_value"))).status == 201)
        func ask(_ authorization: String) async throws -> CurlClient.Reply {
            try await browser.send("GET", "/api/v1/auth/me", headers: ["Authorization: \(authorization)"])
        }
        let both = try await ask("Bearer \(server.administratorKey)")
        #expect(both.status == 400 && both.text("code") == "ambiguous_credentials", "\(both.body)")
        #expect(try await ask("Bearer nonsense").text("actor_id") == "olga")
        #expect(try await ask("Basic abc").text("actor_id") == "olga")
        #expect(try await ask("Bearer \(key.text("key_value") ?? "")").text("actor_id") == "olga")
        // A dead cookie falls through to the key.
        _ = try await server.client.delete("/api/v1/auth/sessions?actor_id=olga&actor_type=APIKey")
        #expect(try await ask("Bearer \(server.administratorKey)").text("actor_id") == "ops-admin")
        await server.stop()
    }

    @Test("T27: whoever reads the database, even its signing key, has no session")
    func forgery() async throws {
        let server = try await ControlPlane.startForPeople()
        try await server.becomeAdministrator()
        let browser = Browser(server)
        #expect(try await browser.signIn(key: server.administratorKey).status == 201)
        let cookie = try #require(browser.cookie("session"))
        let parts = cookie.split(separator: ".").map(String.init)
        await server.stop()
        let file = server.dataDirectory.appending(path: "certctl.db")
        let octets = try Data(contentsOf: file)
        #expect(octets.range(of: Data(parts[1].utf8)) == nil, "the id of the cookie is not in the database")
        #expect(octets.range(of: Data(parts[3].utf8)) == nil && octets.range(of: Data(cookie.utf8)) == nil)
        #expect(octets.range(of: Data((browser.cookie("csrf") ?? "").utf8)) == nil)
        try await server.startAgain()
        #expect(try await browser.get("/api/v1/auth/me").status == 200, "a restart ends no session")
        let handle = try await browser.get("/api/v1/auth/me").json["session"] as? [String: Any]
        let id = try #require(handle?["id"] as? String)
        for forged in [
            "v1.\(id).\(parts[2]).\(parts[3])", "v1.\(parts[1]).\(parts[2]).\(String(parts[3].reversed()))",
            "v1.\(parts[1]).sk-AAAAAAAAAAAAAAAAAAAAAA.\(parts[3])", cookie + "A", "v2" + cookie.dropFirst(2),
        ] {
            let reply = try await server.anonymous.get(
                "/api/v1/auth/me", headers: ["Cookie: __Host-certctl_session=\(forged)"])
            #expect(reply.status == 401, "\(forged)")
        }
        let twice = "Cookie: __Host-certctl_session=\(cookie); __Host-certctl_session=\(cookie)"
        #expect(try await server.anonymous.get("/api/v1/auth/me", headers: [twice]).status == 401)
        await server.stop()
    }

    @Test(
        "A-6: the key that signs is replaced by hand and by age, on every replica, and no session ends",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func rotationAndRevocationAcrossReplicas() async throws {
        let url = try await TestDatabase.makePostgresURL().withText { $0 }
        let token = "replica-bootstrap-token-0123456789abcdef"
        let settings = ["CERTCTL_BOOTSTRAP_TOKEN": token, "CERTCTL_SESSION_SIGNING_KEY_ROTATION": "4s"]
        let first = try await ControlPlane.startForPeople(.postgres, databaseURL: url, settings)
        let second = try await ControlPlane.startForPeople(.postgres, databaseURL: url, settings)
        let made = try await first.anonymous.post(
            "/api/v1/auth/bootstrap", ["token": token, "actor_name": "ops-admin"])
        let key = try #require(try Inventory.expect(201, made).text("key_value"))
        let admin = first.anonymous.with(key: key)
        let browser = Browser(first)
        #expect(try await browser.signIn(key: key).status == 201)
        let rotated = try await second.anonymous.with(key: key).post("/api/v1/auth/session-keys/rotate")
        #expect(rotated.status == 200 && rotated.text("id") != rotated.text("retired_id"), "\(rotated.body)")
        let later = Browser(second)
        #expect(try await later.signIn(key: key).status == 201)
        #expect(later.cookie("session")?.contains(rotated.text("id") ?? "-") == true)
        let elsewhere = try later.moved(to: first)
        #expect(try await elsewhere.get("/api/v1/auth/me").status == 200, "the other replica learns the new key")
        let isRotated = try await eventually(within: .seconds(30)) {
            let page = try await admin.get("/api/v1/audit?action=auth.session_signing_key_rotated&per_page=50")
            return (page.json["data"] as? [[String: Any]] ?? []).contains { $0["actor"] as? String == "system" }
        }
        #expect(isRotated, "by age, without anybody asking")
        #expect(try await browser.moved(to: second).get("/api/v1/auth/me").status == 200, "no session ended")

        // The row decides: what one replica ends is over on the other with the next request.
        let moved = try later.moved(to: first)
        #expect(try await later.send("POST", "/auth/logout").status == 204)
        #expect(try await moved.get("/api/v1/auth/me").status == 401)
        await first.stop()
        await second.stop()
    }
}
