import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite(
    "server settings: how long answers and events are kept", .tags(.slow),
    .enabled(if: EngineUnderTest.available.contains(.postgres)))
struct LifecycleRetentionTests {
    @Test("an answer is repeated and an event is read for as long as the settings say")
    func retention() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let settings = ["CERTCTL_IDEMPOTENCY_TTL": "10m", "CERTCTL_EVENTS_RETENTION": "20m"]
        let server = try await ControlPlane.start(
            databaseURL: url, environment: EngineUnderTest.postgres.environment.merging(settings) { $1 })
        try await server.becomeAdministrator()
        let inside = PostgresInspection(url: url, logs: server.directory.url)

        let create = {
            try await server.client.post(
                "/api/v1/teams", ["id": "t-web", "name": "web"], headers: ["Idempotency-Key: create-web-once"])
        }
        let first = try Inventory.expect(201, try await create())
        // Time passes; nine minutes after the first request, and again eleven minutes after it.
        try await age("idempotency_keys", ["started_at", "expires_at"], by: 9, inside)
        #expect(try await create().body == first.body)
        try await age("idempotency_keys", ["started_at", "expires_at"], by: 2, inside)
        #expect(try await create().status == 409)

        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["id": "t-late", "name": "late"]))
        // Before one of them is old: the loop that tidies up may have its first turn at any moment.
        #expect(try await inside.rows(Self.subjects).count == 2)
        try await inside.rows("UPDATE events SET time = time - interval '19 minutes' WHERE subject LIKE '%t-late%'")
        try await inside.rows("UPDATE events SET time = time - interval '21 minutes' WHERE subject LIKE '%t-web%'")
        // The loop that tidies up runs once an hour, by a due time that is on record.
        await server.stop()
        try await age("scheduler_state", ["next_due_at"], by: 120, inside)
        try await server.startAgain()
        let isTidy = try await eventually { try await inside.rows(Self.subjects).count < 2 }
        #expect(isTidy)
        #expect(try await inside.rows(Self.subjects).map { $0.contains("t-late") } == [true])
        await server.stop()
    }

    private static let subjects = "SELECT subject FROM events WHERE subject LIKE '%t-late%' OR subject LIKE '%t-web%'"

    private func age(_ table: String, _ columns: [String], by minutes: Int, _ inside: PostgresInspection) async throws {
        let changes = columns.map { "\($0) = \($0) - interval '\(minutes) minutes'" }.joined(separator: ", ")
        try await inside.rows("UPDATE \(table) SET \(changes)")
    }
}
