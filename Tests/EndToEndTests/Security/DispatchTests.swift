import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite("security §1.4, §11.5: what a stranger finds, and what errors give away", .tags(.security))
struct DispatchTests {
    @Test("A-1: paths of other classes are 404, none is served by another class, and set-up needs no key")
    func classes() async throws {
        let server = try await ControlPlane.start()
        let client = server.anonymous
        for path in [
            "/", "/index.html", "/assets/app.js", "/auth/oidc/login", "/auth/oidc/callback?code=x", "/auth/unknown",
            "/acme/directory", "/acme/new-order", "/scep", "/scepfoo", "/scep-mtls", "/.well-known/est/cacerts",
            "/.well-known/nothing", "/mcp", "/scim/v2/Users", "/api", "/api/v2/teams", "/API/V1/TEAMS",
            "//api/v1/teams",
            "/api//v1/teams", "/%61pi/v1/teams", "/api/v1/teams/", "/api/v1%2fteams", "/health/../api/v1/teams",
            "/health/..%2fapi/v1/teams", "/api/v1/../v1/teams", "/api/v1/auth/info/../../teams", "/api/v1/teams;x=1",
        ] {
            let reply = try await client.send("GET", path, body: nil, headers: [], timeout: 10)
            // curl resolves dot segments by itself; what it then asks for needs a key.
            let expected = path.contains("..") ? [400, 401, 404] : [400, 404]
            #expect(expected.contains(reply.status), "\(path): \(reply.status)")
            #expect(reply.headers.lowercased().contains("content-type: application/json"), "\(path)")
            #expect(!reply.body.lowercased().contains("<html"), "\(path)")
        }
        #expect(try await client.get("/api/v1/auth/bootstrap").json["available"] as? Bool == true)
        let wrong = try await client.post("/api/v1/auth/bootstrap", ["token": "wrong", "actor_name": "ops-admin"])
        #expect(wrong.status == 401, "\(wrong.body)")
        try await server.becomeAdministrator()
        #expect(try await server.client.get("/api/v1/auth/check").status == 200)
        await server.stop()
    }

    @Test(
        "A-25: a database that is away is 503 in fixed words: no driver text, address, path or statement",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func errorHygiene() async throws {
        let cluster = try PostgresCluster()
        try await cluster.administer("CREATE DATABASE hygiene")
        let server = try await ControlPlane.start(
            databaseURL: cluster.url(database: "hygiene").withText { $0 },
            environment: EngineUnderTest.postgres.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        cluster.stop()
        let away = try await eventually(within: .seconds(20), every: .milliseconds(300)) {
            try await server.anonymous.get("/ready").status == 503
        }
        #expect(away)
        let replies = [
            try await server.anonymous.get("/ready"), try await server.client.get("/api/v1/teams"),
            try await server.anonymous.with(key: "ctk_unknown-0123456789abcdef0123456789").get("/api/v1/teams"),
        ]
        for reply in replies {
            #expect(reply.status == 503, "\(reply.status) \(reply.body)")
            for leak in ["postgres", "socket", "/tmp", "SELECT", "libpq", "127.0.0.1", "refused", "FATAL", "hygiene"] {
                #expect(!reply.body.contains(leak), "\(leak): \(reply.body)")
            }
        }
        #expect(replies[0].text("status") == "db_unavailable", "\(replies[0].body)")
        await server.stop()
    }
}
