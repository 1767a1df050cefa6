import Foundation
import TestSupport
import Testing

@Suite("security §9.5: receivers outside hear of every audit event, in order, and in spite of outages")
struct AuditExportTests {
    private static let secret = "0123456789abcdef-0123456789abcdef-hook"

    /// Numbers of the events, and whether they are all there from the first on.
    private static func sequences(_ receiver: AuditReceiver) -> [Int] {
        receiver.taken.compactMap { $0["seq"] as? Int }
    }

    private static func expectWhole(_ receiver: AuditReceiver, through last: Int) async throws {
        let complete = await eventually(within: .seconds(60), every: .milliseconds(300)) {
            sequences(receiver).contains(last)
        }
        try #require(complete, "\(sequences(receiver)) \(receiver.transcript)")
        let seen = sequences(receiver)
        // At least once, and in order: taking repetitions out leaves every number in its place.
        var order: [Int] = []
        for seq in seen where !order.contains(seq) { order.append(seq) }
        #expect(order == Array(0...(order.last ?? 0)))
    }

    private static func lastSequence(_ server: ControlPlane) async throws -> Int {
        var last = -1
        let sealed = try await eventually(within: .seconds(30), every: .milliseconds(300)) {
            let page = try await server.client.get("/api/v1/audit?per_page=1")
            let row = (page.json["data"] as? [[String: Any]])?.first
            last = row?["seq"] as? Int ?? -1
            return last >= 0
        }
        try #require(sealed)
        return last
    }

    @Test(
        "syslog over TLS and a signed webhook, with a refusing receiver and a restart between",
        arguments: EngineUnderTest.available)
    func receivers(engine: EngineUnderTest) async throws {
        let authority = try await OpenSSLAuthority()
        let issued = try await authority.issue("IP:127.0.0.1")
        let syslog = try await AuditReceiver(.syslog, certificate: issued)
        let webhook = try await AuditReceiver(.webhook, certificate: issued, secret: Self.secret, refusals: 2)
        let trust = try TemporaryDirectory("trust")
        try authority.root.write(toFile: trust.path("root.pem"), atomically: true, encoding: .utf8)
        var environment = engine.environment
        environment["CERTCTL_EGRESS_ALLOW_AUDIT"] = "127.0.0.1"
        environment["CERTCTL_AUDIT_SYSLOG_URL"] = "tls://127.0.0.1:\(syslog.port)"
        environment["CERTCTL_AUDIT_SYSLOG_CA_PATH"] = trust.path("root.pem")
        environment["CERTCTL_AUDIT_WEBHOOK_URL"] = "https://127.0.0.1:\(webhook.port)/hook"
        environment["CERTCTL_AUDIT_WEBHOOK_CA_PATH"] = trust.path("root.pem")
        environment["CERTCTL_AUDIT_WEBHOOK_SECRET"] = Self.secret
        environment["CERTCTL_AUDIT_CHECKPOINT_INTERVAL"] = "1s"
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let first = try await Self.lastSequence(server)
        try await Self.expectWhole(syslog, through: first)
        try await Self.expectWhole(webhook, through: first)
        // The webhook refused twice, each time with a good signature, and lost nothing by it.
        let refused = webhook.taken.filter { $0["refused"] as? Bool == true }
        #expect(refused.count == 2 && webhook.taken.allSatisfy { $0["signed"] as? Bool == true })
        let told = await eventually(within: .seconds(30), every: .milliseconds(300)) {
            syslog.taken.contains { $0["action"] as? String == "audit.checkpoint" }
                && webhook.taken.contains { $0["checkpoint"] != nil }
        }
        #expect(told, "checkpoints are anchors: they go out too")

        await server.stop()
        try await server.startAgain()
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["id": "t-later", "name": "later"]))
        let last = try await Self.lastSequence(server)
        try await Self.expectWhole(syslog, through: last)
        try await Self.expectWhole(webhook, through: last)
        #expect(!syslog.taken.contains { $0["malformed"] != nil })
        let team = try #require(syslog.taken.last { $0["action"] as? String == "create_team" })
        #expect(team["priority"] as? Int == 13 * 8 + 5)
        let text = try #require(team["text"] as? String)
        let event = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(event["resource_id"] as? String == "t-later" && event["actor"] as? String == "ops-admin")
        #expect(event["client_ip"] as? String == "127.0.0.1" && event["request_id"] as? String != nil)
        await server.stop()
        await syslog.stop()
        await webhook.stop()
    }

    @Test("CEF over syslog to a relay on this machine")
    func cef() async throws {
        let syslog = try await AuditReceiver(.syslog, certificate: nil)
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_AUDIT_SYSLOG_URL": "tcp://127.0.0.1:\(syslog.port)", "CERTCTL_AUDIT_SYSLOG_FORMAT": "cef",
            "CERTCTL_EGRESS_ALLOW_AUDIT": "127.0.0.0/8",
        ])
        try await server.becomeAdministrator()
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["id": "t-cef", "name": "a=b|c\\d"]))
        try await Self.expectWhole(syslog, through: try await Self.lastSequence(server))
        let team = try #require(syslog.taken.last { $0["action"] as? String == "create_team" })
        let text = try #require(team["text"] as? String)
        #expect(text.hasPrefix("CEF:0|certctl|certctl|") && text.contains("|create_team|create team|3|rt="), "\(text)")
        #expect(text.contains(" suser=ops-admin ") && text.contains(" cs2=t-cef ") && text.contains(" src=127.0.0.1 "))
        await server.stop()
        await syslog.stop()
    }

    @Test("CSV by Accept or by name: a formula in a name stays text", arguments: EngineUnderTest.available)
    func csv(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["id": "t-csv", "name": "csv"]))
        let hold = ["reason": "=HYPERLINK(\"https://evil.example\",1)"]
        try Inventory.expect(201, try await server.client.post("/api/v1/audit/holds", hold))
        _ = try await Self.lastSequence(server)
        let period = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"
        let answer = try await server.client.get("/api/v1/audit/export?\(period)", headers: ["Accept: text/csv"])
        #expect(answer.status == 200 && answer.headers.lowercased().contains("content-type: text/csv"))
        #expect(answer.headers.contains(".csv\"") && answer.body.hasPrefix("seq,timestamp,id,"))
        #expect(answer.body.contains(",create_team,team,t-csv,success,"), "\(answer.body)")
        #expect(!answer.body.contains("\n=") && !answer.body.contains(",="), "\(answer.body)")
        let plain = try await server.client.get("/api/v1/audit/export?\(period)")
        #expect(plain.headers.lowercased().contains("content-type: application/x-ndjson"))
        #expect(try await server.client.get("/api/v1/audit/export?\(period)&format=csv&summary=true").status == 400)
        let saved = try await server.cli([
            "audit", "export", "--as", "csv", "--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z",
        ])
        #expect(saved.status == 0 && saved.output.hasPrefix("seq,timestamp,id,"), "\(saved.errors)")
        await server.stop()
    }

    @Test("a receiver whose certificate nobody vouches for is told nothing")
    func untrusted() async throws {
        let issued = try await OpenSSLAuthority().issue("IP:127.0.0.1")
        let syslog = try await AuditReceiver(.syslog, certificate: issued)
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_AUDIT_SYSLOG_URL": "tls://127.0.0.1:\(syslog.port)", "CERTCTL_EGRESS_ALLOW_AUDIT": "127.0.0.1",
        ])
        try await server.becomeAdministrator()
        let complained = await eventually(within: .seconds(30), every: .milliseconds(300)) {
            server.process.transcript.contains("an audit receiver does not take events")
        }
        #expect(complained, "\(server.process.transcript)")
        #expect(syslog.taken.isEmpty)
        let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains(#"certctl_audit_export_failures_total{sink="syslog"}"#), "\(metrics)")
        await server.stop()
        await syslog.stop()
    }
}
