import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite("security §2.5: the first administrator, by an operator's token", .tags(.security))
struct BootstrapTests {
    static let token = "operator-bootstrap-token-0123456789abcdef"

    @Test("A-1, A-38: without any key, once, closed after a restart too", arguments: EngineUnderTest.available)
    func once(engine: EngineUnderTest) async throws {
        let environment = engine.environment.merging(["CERTCTL_BOOTSTRAP_TOKEN": Self.token]) { $1 }
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: environment)
        func consume(_ token: String, _ name: String) async throws -> CurlClient.Reply {
            try await server.anonymous.post("/api/v1/auth/bootstrap", ["token": token, "actor_name": name])
        }
        #expect(!FileManager.default.fileExists(atPath: server.dataDirectory.appending(path: "setup-token").path))
        #expect(try await consume(Self.token + "x", "eve").status == 401)
        async let one = consume(Self.token, "ops-one")
        async let two = consume(Self.token, "ops-two")
        let replies = try await [one, two]
        #expect(replies.map(\.status).sorted() == [201, 410], "\(replies.map(\.body))")
        let key = try #require(replies.first { $0.status == 201 }?.text("key_value"))
        let admin = server.anonymous.with(key: key)
        #expect(try await admin.get("/api/v1/auth/me").json["admin"] as? Bool == true)
        let events = try await admin.get("/api/v1/audit?category=auth&per_page=50")
        let rows = events.json["data"] as? [[String: Any]] ?? []
        let shown = rows.map { "\($0["action"] ?? "") \($0["actor"] ?? "") \($0["actor_type"] ?? "")" }
        #expect(shown.contains("bootstrap.consume bootstrap-token System"), "\(shown)")
        #expect(shown.contains("bootstrap.rejected bootstrap-token System"))
        await server.stop()
        try await server.startAgain()
        #expect(try await server.anonymous.get("/api/v1/auth/bootstrap").json["available"] as? Bool == false)
        #expect(try await consume(Self.token, "late").status == 410)
        let log = server.process.transcript
        #expect(log.contains("CERTCTL_BOOTSTRAP_TOKEN is set although an administrator exists"))
        #expect(!log.contains(Self.token) && !log.contains(key))
        await server.stop()
    }
}
