import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite("security §10.3: the encryption key is replaced under load", .tags(.slow, .security))
struct RotationTests {
    private static let key = "CERTCTL_CONFIG_ENCRYPTION_KEY"
    private static let previous = "CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS"
    private static let old = "the-old-encryption-key-of-forty-letters-"
    private static let new = "the-new-encryption-key-of-forty-letters-"

    /// Requests that go on until they are told to stop; every answer that was not right.
    private actor Load {
        private(set) var count = 0
        private(set) var wrong: [String] = []
        private(set) var isOver = false

        func note(_ reply: CurlClient.Reply?) {
            count += 1
            let status = reply?.status ?? 0
            if ![200, 201].contains(status) { wrong.append("\(status) \(reply?.body ?? "no answer")") }
        }
        func end() { isOver = true }
        var result: (wrong: [String], count: Int) { (wrong, count) }
    }

    /// Writes sealed answers and reads with an API key, one after the other.
    private static func run(_ load: Load, _ clients: [CurlClient], tag: String) async {
        var number = 0
        while await !load.isOver {
            let client = clients[number % clients.count]
            let body = ["id": "t-\(tag)-\(number)", "name": "\(tag) \(number)"]
            let post = try? await client.post(
                "/api/v1/teams", body, headers: ["Idempotency-Key: load-\(tag)-key-\(number)"])
            await load.note(post)
            await load.note(try? await client.get("/api/v1/teams?per_page=1"))
            number += 1
        }
    }

    private static func status(_ client: CurlClient) async throws -> [String: Any] {
        try await client.get("/api/v1/auth/crypto/status").json
    }

    private static func isFinished(_ client: CurlClient) async throws -> Bool {
        let status = try await status(client)
        return (status["previous_kek_ids"] as? [Any])?.isEmpty == true && status["remaining"] as? Int == 0
    }

    @Test("SQLite: a generated key is replaced by a generated one; kill -9 in between, and it goes on")
    func generated() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let file = server.dataDirectory.appending(path: "keys/config.key")
        let before = try String(contentsOf: file, encoding: .utf8)
        let authority = try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body
        let first = try #require(try await Self.status(server.client)["active_kek_id"] as? String)
        let load = Load()
        let client = server.client
        try await withThrowingTaskGroup(of: Void.self) { group in
            for tag in ["a", "b"] { group.addTask { await Self.run(load, [client], tag: tag) } }
            try await Task.sleep(for: .milliseconds(700))
            let rehearsal = try await server.cli(["admin", "rotate-key", "--dry-run"])
            #expect(rehearsal.status == 0, "\(rehearsal)")
            #expect(try await Self.status(client)["active_kek_id"] as? String == first)
            let rotation = try await server.cli(["admin", "rotate-key", "--yes", "--no-wait"])
            #expect(rotation.status == 0, "\(rotation)")
            try await Task.sleep(for: .milliseconds(800))
            await load.end()
            try await group.waitForAll()
        }
        let (wrong, count) = await load.result
        #expect(wrong.isEmpty && count > 10, "\(count) \(wrong)")
        await server.process.killAtOnce()
        try await server.startAgain()
        #expect(try await eventually(within: .seconds(60)) { try await Self.isFinished(server.client) })
        let second = try #require(try await Self.status(server.client)["active_kek_id"] as? String)
        let after = try String(contentsOf: file, encoding: .utf8)
        #expect(second != first && after != before)
        let kept = file.deletingLastPathComponent().appending(path: "config.key.\(first)")
        #expect(try String(contentsOf: kept, encoding: .utf8) == before, "old backups need the old key")
        #expect(try await server.client.get("/api/v1/issuers/iss-local/ca-certificates").body == authority)
        // The answer that was sealed with the old key is replayed.
        let again = try await server.client.post(
            "/api/v1/teams", ["id": "t-a-0", "name": "a 0"], headers: ["Idempotency-Key: load-a-key-0"])
        #expect(again.status == 201, "\(again.body)")
        await server.stop()
        try FileManager.default.removeItem(at: kept)
        try await server.startAgain()
        #expect(try await server.client.get("/api/v1/auth/check").status == 200, "API keys outlive the old key")
        await server.stop()
    }

    @Test(
        "PostgreSQL: two replicas, one after the other gets the new key; no request fails",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func replicas() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let one = try await ControlPlane.start(databaseURL: url, environment: [Self.key: Self.old])
        try await one.becomeAdministrator()
        try await Inventory.create(on: one)
        let two = try await ControlPlane.start(databaseURL: url, environment: [Self.key: Self.old])
        let twoClient = two.anonymous.with(key: one.administratorKey)

        let both = [Self.key: Self.new, Self.previous: Self.old]
        await one.stop()
        try await one.startAgain(extra: both)
        let early = try await one.client.post("/api/v1/auth/crypto/rekey")
        #expect(early.status == 409 && early.body.contains("do not have the new key"), "\(early.body)")
        await two.stop()
        try await two.startAgain(extra: both)

        let load = Load()
        let clients = [one.client, twoClient]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for tag in ["a", "b"] { group.addTask { await Self.run(load, clients, tag: tag) } }
            try await Task.sleep(for: .milliseconds(500))
            let started = try await one.client.post("/api/v1/auth/crypto/rekey")
            #expect(started.status == 202, "\(started.body)")
            #expect(try await eventually(within: .seconds(60)) { try await Self.isFinished(twoClient) })
            await load.end()
            try await group.waitForAll()
        }
        let (wrong, count) = await load.result
        #expect(wrong.isEmpty && count > 20, "\(count) \(wrong)")
        let metrics = try await one.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("certctl_crypto_rekey_remaining 0"), "\(metrics.prefix(200))")

        // The old key is given up: each starts without it, and everything still opens.
        await one.stop()
        await two.stop()
        try await one.startAgain(extra: [Self.key: Self.new])
        #expect(try await one.client.get("/api/v1/auth/check").status == 200)
        try Inventory.expect(
            201,
            try await one.client.post(
                "/api/v1/certificates", Inventory.certificate("mc-after", name: "after.certctl.test")))
        let csr = try await makeCSR("after.certctl.test", in: one.directory)
        try Inventory.expect(
            201, try await one.client.post("/api/v1/certificates/mc-after/csr", ["csr_pem": csr]))
        let refused = try await ControlPlane.refusal(
            two.environment.merging([Self.key: Self.old]) { $1 }, logs: two.directory.url
        ).outcome
        #expect(refused.status == 78 && refused.errors.contains("wrong encryption key"), "\(refused)")
        await one.stop()
    }
}
