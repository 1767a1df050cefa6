import Foundation
import TestSupport
import Testing

@Suite("Protocol servers §12.2.5: a thousand orders are open at once, and share one pool of nonces", .tags(.slow))
struct ACMEParallelTests {
    private static let orders = 1000
    private static let connections = 24

    @Test("all are issued, once each, and no nonce is refused or given twice", arguments: EngineUnderTest.available)
    func thousand(engine: EngineUnderTest) async throws {
        let stage = try await ACMEStage.make(
            engine,
            [
                "CERTCTL_ACME_SERVER_RATE_LIMIT_ORDERS_PER_HOUR": "0",
                "CERTCTL_ACME_SERVER_RATE_LIMIT_CONCURRENT_ORDERS": "0",
            ].merging(ACMEStage.quickCheckpoints) { $1 })
        let ran = try await runProgram(
            "/usr/bin/python3",
            [
                Judges.file("Tests/Judges/acme_parallel.py"), stage.directory, stage.server.authority, stage.keyID,
                stage.hmacKey, "\(Self.orders)", "\(Self.connections)",
            ], environment: ["PYTHONDONTWRITEBYTECODE": "1"], logs: stage.work.url, timeout: .seconds(240))
        try #require(ran.status == 0, "\(ran.output) \(ran.errors)")
        let said = try JSONSerialization.jsonObject(with: Data(ran.output.utf8)) as? [String: Any]
        let counts = try #require(said)
        #expect(counts["orders"] as? Int == Self.orders, "\(ran.output)")
        #expect(counts["serials"] as? Int == Self.orders, "\(ran.output)")
        #expect(counts["nonces"] as? Int == counts["different"] as? Int, "\(ran.output)")
        // What a worker found nothing left for in the pool, when all began at once.
        #expect(counts["fetched"] as? Int ?? .max <= Self.connections, "\(ran.output)")
        let statuses = try #require(counts["statuses"] as? [String: Int])
        #expect(Set(statuses.keys) == ["200", "201"] && statuses["201"] == Self.orders + 1, "\(ran.output)")
        let listed = try await stage.server.client.get("/api/v1/admin/acme/orders?status=valid")
        #expect(listed.json["total"] as? Int == Self.orders, "\(listed.json["total"] ?? "")")
        let rows = try await stage.server.client.get("/api/v1/certificates?source=ACME&per_page=1")
        #expect(rows.json["total"] as? Int == Self.orders, "\(rows.body)")
        try await stage.expectSoundAudit()
        await stage.server.stop()
    }
}
