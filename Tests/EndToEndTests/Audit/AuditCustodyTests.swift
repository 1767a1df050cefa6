import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite("security §9.3, §9.5, §9.7: who could change the log, and what happens when it was changed")
struct AuditCustodyTests {
    /// Changes the oldest event, as the owner of the database may.
    private static func tamper(_ server: ControlPlane, _ url: String?) async throws {
        if let url {
            let inspection = PostgresInspection(url: url, logs: server.directory.url)
            try await inspection.rows("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
            try await inspection.rows("UPDATE audit_events SET actor = 'nobody' WHERE action = 'create_team'")
            return
        }
        let data = server.directory.path("data")
        let file = try #require(
            try FileManager.default.contentsOfDirectory(atPath: data).first { $0.hasSuffix(".db") })
        let script = """
            c = __import__("sqlite3").connect(__import__("sys").argv[1], timeout=30)
            c.execute("DROP TRIGGER audit_events_no_update")
            c.execute("UPDATE audit_events SET actor = 'nobody' WHERE action = 'create_team'")
            c.commit()
            """
        let outcome = try await runProgram(
            "/usr/bin/python3", ["-c", script, "\(data)/\(file)"], logs: server.directory.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    @Test("readonly: nothing is changed until somebody acknowledges", arguments: EngineUnderTest.available)
    func readonly(engine: EngineUnderTest) async throws {
        let url = try await engine.makeDatabaseURL()
        let server = try await ControlPlane.start(
            databaseURL: url,
            environment: engine.environment.merging(["CERTCTL_AUDIT_ON_BREAK": "readonly"]) { $1 })
        try await server.becomeAdministrator()
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["name": "before"]))
        let isSealed = try await eventually(within: .seconds(40), every: .milliseconds(300)) {
            let page = try await server.client.get("/api/v1/audit?action=create_team")
            return (page.json["data"] as? [[String: Any]])?.first?["seq"] != nil
        }
        try #require(isSealed)
        try await Self.tamper(server, url)
        #expect(try await server.client.post("/api/v1/teams", ["name": "unnoticed"]).status == 201)

        let verified = try await server.cli(["audit", "verify", "--full"])
        #expect(verified.status == 1, "\(verified.output)\(verified.errors)")
        let refused = try await server.client.post("/api/v1/teams", ["name": "refused"])
        #expect(refused.status == 503 && refused.body.contains("audit acknowledge"), "\(refused.body)")
        #expect(try await server.client.get("/api/v1/teams").status == 200)
        #expect(
            try await server.client.get("/api/v1/audit/verify").json["open_break"] as? String != nil)

        // A restart does not help.
        await server.process.killAtOnce()
        try await server.startAgain()
        #expect(try await server.client.post("/api/v1/teams", ["name": "refused"]).status == 503)

        let acknowledged = try await server.cli(["audit", "acknowledge", "--reason", "looked into"])
        #expect(acknowledged.status == 0, "\(acknowledged.errors)")
        #expect(try await server.client.post("/api/v1/teams", ["name": "after"]).status == 201)
        #expect(try await server.cli(["audit", "acknowledge", "--reason", "again"]).status != 0)
        await server.stop()
    }

    @Test(
        "alert, the default: work goes on, and the break is there to be acknowledged",
        arguments: [EngineUnderTest.sqlite])
    func alert(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(environment: engine.environment)
        try await server.becomeAdministrator()
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["name": "before"]))
        let isSealed = try await eventually(within: .seconds(40), every: .milliseconds(300)) {
            let page = try await server.client.get("/api/v1/audit?action=create_team")
            return (page.json["data"] as? [[String: Any]])?.first?["seq"] != nil
        }
        try #require(isSealed)
        try await Self.tamper(server, nil)
        #expect(try await server.cli(["audit", "verify", "--full"]).status == 1)
        #expect(try await server.client.post("/api/v1/teams", ["name": "after"]).status == 201)
        #expect(try await server.cli(["audit", "acknowledge", "--reason", "looked into"]).status == 0)
        await server.stop()
    }

    @Test("a hold from the command line is listed and released", arguments: EngineUnderTest.available)
    func holds(engine: EngineUnderTest) async throws {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: engine.environment)
        try await server.becomeAdministrator()
        let placed = try await server.cli([
            "audit", "hold", "--reason", "case 17", "--since", "2026-01-01T00:00:00Z",
        ])
        #expect(placed.status == 0, "\(placed.errors)")
        let list = try await server.client.get("/api/v1/audit/holds")
        let hold = try #require((list.json["data"] as? [[String: Any]])?.first)
        #expect(hold["reason"] as? String == "case 17" && hold["released_at"] == nil)
        let id = try #require(hold["id"] as? String)
        #expect(try await server.cli(["audit", "holds"]).output.contains(id))
        #expect(try await server.cli(["audit", "release", id, "--yes"]).status == 0)
        #expect(try await server.client.post("/api/v1/audit/holds/\(id)/release", [:]).status == 409)
        #expect(try await server.client.post("/api/v1/audit/holds", ["reason": ""]).status == 400)
        await server.stop()
    }

    @Test("strict WORM: refused with the owner's role, and a server that owns nothing works")
    func strict() async throws {
        let engine = EngineUnderTest.postgres
        guard EngineUnderTest.available.contains(engine), let url = try await engine.makeDatabaseURL() else { return }
        let settings = engine.environment.merging(["CERTCTL_AUDIT_STRICT_WORM": "true"]) { $1 }
        let owner = try await ControlPlane.start(databaseURL: url, environment: engine.environment)
        try await owner.becomeAdministrator()
        await owner.stop()

        let directory = try TemporaryDirectory("strict")
        let refused = try await runProgram(
            ControlPlane.binary, ["server"],
            environment: [
                "HOME": directory.url.path, "CERTCTL_DATA_DIR": directory.path("data"),
                "CERTCTL_SERVER_PORT": "\(LoopbackPort.unused())", "CERTCTL_DATABASE_URL": url,
            ].merging(settings) { $1 }, logs: directory.url)
        #expect(refused.status == 78, "\(refused.errors)")
        #expect((refused.output + refused.errors).contains("CERTCTL_AUDIT_STRICT_WORM is on"), "\(refused.errors)")

        let inspection = PostgresInspection(url: url, logs: directory.url)
        let role = "certctl_app_\(UInt32.random(in: 0...UInt32.max))"
        for statement in try Self.separation(role) { try await inspection.rows(statement) }
        let server = try await ControlPlane.start(
            databaseURL: url.replacing("//certctl@", with: "//\(role)@"),
            environment: settings.merging(["CERTCTL_MIGRATIONS_VIA_HOOK": "true"]) { $1 })
        server.takeAdministrator(of: owner)
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["name": "of the role"]))
        let isSealed = try await eventually(within: .seconds(40), every: .milliseconds(300)) {
            let page = try await server.client.get("/api/v1/audit?action=create_team")
            return (page.json["data"] as? [[String: Any]])?.first?["seq"] != nil
        }
        #expect(isSealed)
        let verified = try await server.cli(["audit", "verify", "--full"])
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        await server.stop()
        for statement in ["DROP OWNED BY \(role)", "DROP ROLE \(role)"] { try await inspection.rows(statement) }
    }

    /// The statements of the operators' page, for a role of this test.
    private static func separation(_ role: String) throws -> [String] {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/operators/audit.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let begin = try #require(text.range(of: "```sql\nCREATE ROLE certctl_app"))
        let rest = text[begin.lowerBound...].dropFirst("```sql\n".count)
        let block = try #require(rest.range(of: "```")).lowerBound
        return rest[..<block].replacing("certctl_app", with: role).split(separator: ";")
            .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.filter { !$0.isEmpty }
    }
}
