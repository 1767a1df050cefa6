import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite("server settings: where data lies, how durable it is, and under which key it is sealed", .tags(.slow))
struct StorageEngineTests {
    private static let key = "CERTCTL_CONFIG_ENCRYPTION_KEY"

    @Test("SQLite lies where the URL says, and opens under the key that sealed it alone")
    func sqlite() async throws {
        let place = try TemporaryDirectory("elsewhere")
        let file = place.path("own.db")
        let right = "one-encryption-key-of-forty-characters-0"
        let server = try await ControlPlane.start(databaseURL: "sqlite:\(file)", environment: [Self.key: right])
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        #expect(FileManager.default.fileExists(atPath: file))
        for unused in ["data/certctl.db", "data/keys/config.key"] {
            #expect(!FileManager.default.fileExists(atPath: server.directory.path(unused)), "\(unused)")
        }
        #expect(server.process.output.contains(#""synchronous":"full""#), "\(server.process.output)")
        let authority = try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body
        await server.stop()

        for wrong in ["another-encryption-key-of-forty-characte", ""] {
            let environment = server.environment.merging([Self.key: wrong]) { $1 }
            let refused = try await ControlPlane.refusal(environment, logs: server.directory.url).outcome
            #expect(refused.status == 78, "\(refused)")
            #expect(refused.errors.contains("wrong encryption key") && refused.errors.contains(Self.key))
            #expect(!refused.errors.contains(right) && (wrong.isEmpty || !refused.errors.contains(wrong)))
        }

        // The right key opens what it sealed: the CA's key signs again.
        try await server.startAgain(extra: ["CERTCTL_DATABASE_SQLITE_SYNCHRONOUS": "normal"])
        #expect(server.process.output.contains(#""synchronous":"normal""#), "\(server.process.output)")
        #expect(try await server.client.get("/api/v1/teams/t-web").status == 200)
        #expect(try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body == authority)
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates", Inventory.certificate("mc-sealed", name: "sealed.certctl.test")))
        let csr = try await makeCSR("sealed.certctl.test", in: server.directory)
        try Inventory.expect(
            201, try await server.client.post("/api/v1/certificates/mc-sealed/csr", ["csr_pem": csr]))
        await server.stop()
    }

    @Test(
        "with a PostgreSQL URL everything is in that database and nothing in a file",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func postgres() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let server = try await ControlPlane.start(databaseURL: url, environment: EngineUnderTest.postgres.environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let inside = PostgresInspection(url: url, logs: server.directory.url)
        #expect(try await inside.rows("SELECT name FROM teams WHERE id = 't-web'") == ["web"])
        #expect(!FileManager.default.fileExists(atPath: server.directory.path("data/certctl.db")))
        await server.stop()
        let other = [Self.key: "another-encryption-key-of-forty-characte"]
        let refused = try await ControlPlane.refusal(
            server.environment.merging(other) { $1 }, logs: server.directory.url
        ).outcome
        #expect(refused.status == 78 && refused.errors.contains("wrong encryption key"), "\(refused)")
    }
}
