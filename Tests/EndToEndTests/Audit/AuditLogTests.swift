import Foundation
import TestSupport
import Testing

@Suite("security §9: the audit log from the first event to an offline verdict")
struct AuditLogTests {
    private static let quick = ["CERTCTL_AUDIT_CHECKPOINT_INTERVAL": "1s"]

    private static func start(_ engine: EngineUnderTest, _ extra: [String: String] = [:]) async throws -> ControlPlane {
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(),
            environment: engine.environment.merging(quick) { $1 }.merging(extra) { $1 })
        try await server.becomeAdministrator()
        return server
    }

    /// Waits until a checkpoint covers everything that was done so far.
    @discardableResult
    private static func awaitCheckpoint(_ server: ControlPlane) async throws -> Int {
        var size = 0
        let page = try await server.client.get("/api/v1/audit?per_page=1")
        let newest = try #require((page.json["data"] as? [[String: Any]])?.first?["id"] as? String)
        let covered = try await eventually(within: .seconds(40), every: .milliseconds(300)) {
            let row = try await server.client.get("/api/v1/audit/\(newest)")
            guard let seq = row.json["seq"] as? Int else { return false }
            let latest = try await server.client.get("/api/v1/audit/checkpoints?latest=true")
            size = (latest.json["data"] as? [[String: Any]])?.first?["tree_size"] as? Int ?? 0
            return size > seq
        }
        try #require(covered)
        return size
    }

    private static func python(_ arguments: [String], _ server: ControlPlane) async throws -> ProgramOutcome {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/verify_audit.py")
        return try await runProgram("/usr/bin/python3", ["-B", script.path] + arguments, logs: server.directory.url)
    }

    /// The verdict of the command line without any server or credential.
    private static func offline(_ arguments: [String], _ server: ControlPlane) async throws -> ProgramOutcome {
        try await runProgram(
            ControlPlane.binary, ["audit", "verify"] + arguments, environment: ["HOME": server.directory.url.path],
            logs: server.directory.url)
    }

    @Test(
        "verified online and offline, by two programs, across a kill; a changed bundle is refused by both",
        arguments: EngineUnderTest.available)
    func wholePath(engine: EngineUnderTest) async throws {
        let server = try await Self.start(engine)
        try await Inventory.create(on: server)
        try await Self.awaitCheckpoint(server)
        let kept = server.directory.path("kept.jws")
        let checkpoints = try await server.cli(["audit", "checkpoints", "--latest", "--jws"])
        try checkpoints.output.write(toFile: kept, atomically: true, encoding: .utf8)

        await server.process.killAtOnce()
        try await server.startAgain()
        for number in 0..<60 {
            try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["name": "team-\(number)"]))
        }
        try await Self.awaitCheckpoint(server)

        let online = try await server.cli(["audit", "verify", "--full", "--checkpoint", kept])
        #expect(online.status == 0 && online.output.contains("sound: "), "\(online.output)\(online.errors)")
        let bundle = server.directory.path("bundle.ndjson")
        let keys = server.directory.path("keys.json")
        let saved = try await server.cli(["audit", "export", "--as", "bundle", "--save", bundle])
        #expect(saved.status == 0, "\(saved.errors)")
        try (try await server.cli(["audit", "keys"])).output.write(toFile: keys, atomically: true, encoding: .utf8)
        await server.stop()

        let good = ["--offline", bundle, "--public-key", keys, "--checkpoint", kept]
        let verdict = try await Self.offline(good, server)
        #expect(verdict.status == 0 && verdict.output.hasPrefix("sound: "), "\(verdict.output)\(verdict.errors)")
        let second = try await Self.python([bundle, keys, kept], server)
        #expect(second.status == 0 && second.output.hasPrefix("sound: "), "\(second.errors)")

        let text = try String(contentsOfFile: bundle, encoding: .utf8)
        try #require(text.contains("ops-admin"))
        try text.replacingOccurrences(of: "ops-admin", with: "mal-admin").write(
            toFile: bundle, atomically: true, encoding: .utf8)
        let forged = try await Self.offline(good, server)
        #expect(forged.status == 1 && forged.errors.contains("change at seq"), "\(forged.errors)")
        let refused = try await Self.python([bundle, keys, kept], server)
        #expect(refused.status == 1 && refused.errors.contains("NOT SOUND:"), "\(refused.output)")
        let lines = text.split(separator: "\n")
        try lines.dropLast(5).joined(separator: "\n").write(toFile: bundle, atomically: true, encoding: .utf8)
        #expect(try await Self.offline(good, server).status == 1)
        #expect(try await Self.python([bundle, keys, kept], server).status == 1)
    }

    @Test(
        "A-19: an export has every row, the list its true total, and an item is found by its own id",
        arguments: EngineUnderTest.available)
    func export(engine: EngineUnderTest) async throws {
        let server = try await Self.start(engine)
        for number in 0..<120 {
            try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["name": "team-\(number)"]))
        }
        try await Self.awaitCheckpoint(server)
        let page = try await server.client.get("/api/v1/audit?action=create_team&per_page=10")
        #expect(page.json["total"] as? Int == 120)
        let row = try #require((page.json["data"] as? [[String: Any]])?.first)
        let id = try #require(row["id"] as? String)
        #expect(try await server.client.get("/api/v1/audit/\(id)").text("id") == id)

        let period = "from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z"
        let reply = try await server.client.get("/api/v1/audit/export?\(period)&action=create_team&summary=true")
        #expect(reply.status == 200, "\(reply.body)")
        let headers = reply.headers.lowercased()
        #expect(headers.contains("content-type: application/x-ndjson"))
        #expect(headers.contains("attachment; filename=\"certctl-audit-2020-01-01t00:00:00z_to_2099"))
        let lines = try reply.body.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(lines.count == 121)
        let summary = try #require(lines.last?["summary"] as? [String: Any])
        #expect(summary["rows"] as? Int == 120 && summary["complete"] as? Bool == true)
        #expect(Set(lines.dropLast().compactMap { $0["id"] as? String }).count == 120)
        #expect(lines[0]["row_hash"] as? String != nil && lines[0]["prev_hash"] as? String != nil)
        let some = try await server.client.get("/api/v1/audit/export?\(period)&limit=7&summary=true")
        #expect(some.body.split(separator: "\n").count == 8 && some.body.contains(#""complete":false"#))
        // The export is in the trail itself, with its true number of rows.
        let told = try await server.client.get("/api/v1/audit?action=audit.export&per_page=1&order=asc")
        let details = (told.json["data"] as? [[String: Any]])?.first?["details"] as? [String: Any]
        #expect(details?["rows"] as? Int == 120)
        #expect(try await server.client.get("/api/v1/audit/export").status == 400)
        #expect(try await server.anonymous.get("/api/v1/audit/export?\(period)").status == 401)

        let proof = try await server.cli(["audit", "proof", id])
        #expect(proof.status == 0 && proof.output.contains("is event"), "\(proof.errors)")
        let cef = try await server.cli([
            "audit", "export", "--as", "cef", "--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z",
            "--action", "create_team",
        ])
        #expect(cef.output.split(separator: "\n").filter { $0.hasPrefix("CEF:0|certctl|") }.count == 120)
        await server.stop()
    }

    @Test("A-14: refused credentials and permissions are in the trail, also of a server that stops at once")
    func refusals() async throws {
        let server = try await Self.start(.sqlite)
        for _ in 0..<3 { #expect(try await server.anonymous.with(key: "ctk_wrong").get("/api/v1/teams").status == 401) }
        let made = try await server.client.post("/api/v1/auth/keys", ["name": "robot", "roles": ["r-viewer"]])
        let key = try #require(made.text("key_value"))
        let robot = server.anonymous.with(key: key)
        #expect(try await robot.post("/api/v1/teams", ["name": "x"]).status == 403)
        await server.stop()
        try await server.startAgain()
        let page = try await server.client.get("/api/v1/audit?action=auth.request_refused&outcome=denied")
        let rows = page.json["data"] as? [[String: Any]] ?? []
        let wrong = try #require(rows.first { $0["reason"] as? String == "invalid_api_key" })
        #expect((wrong["details"] as? [String: Any])?["count"] as? Int == 3)
        #expect(wrong["actor_type"] as? String == "Anonymous" && wrong["client_ip"] as? String == "127.0.0.1")
        let denied = try #require(rows.first { $0["reason"] as? String == "insufficient_permissions" })
        #expect(denied["actor"] as? String == "robot" && denied["resource_id"] as? String == "POST /api/v1/teams")
        await server.stop()
    }

    @Test("checkpoints and verifications come as often as configured")
    func intervals() async throws {
        let server = try await Self.start(.sqlite, ["CERTCTL_AUDIT_CHAIN_VERIFY_INTERVAL": "1s"])
        let first = try await Self.awaitCheckpoint(server)
        try Inventory.expect(201, try await server.client.post("/api/v1/teams", ["name": "one"]))
        #expect(try await Self.awaitCheckpoint(server) > first)
        let verified = try await eventually(within: .seconds(40), every: .milliseconds(300)) {
            try await server.client.get("/api/v1/audit/verify").json["ok"] as? Bool == true
        }
        #expect(verified)
        let metrics = try await server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("certctl_audit_chain_break_detected_total 0"), "\(metrics)")
        await server.stop()

        // The usual intervals: nothing is verified and, after the first, nothing signed within seconds.
        let slow = try await ControlPlane.start(environment: ["CERTCTL_AUDIT_CHECKPOINT_INTERVAL": "1h"])
        try await slow.becomeAdministrator()
        let signed = try await eventually(within: .seconds(30), every: .milliseconds(300)) {
            let list = try await slow.client.get("/api/v1/audit/checkpoints")
            return (list.json["data"] as? [Any])?.count == 1
        }
        #expect(signed)
        try Inventory.expect(201, try await slow.client.post("/api/v1/teams", ["name": "two"]))
        try await Task.sleep(for: .seconds(3))
        let list = try await slow.client.get("/api/v1/audit/checkpoints")
        #expect((list.json["data"] as? [Any])?.count == 1)
        #expect(try await slow.client.get("/api/v1/audit/verify").status == 404)
        await slow.stop()
    }

    @Test(
        "old events move to the archive directory, and what is left still proves itself",
        arguments: EngineUnderTest.available)
    func retention(engine: EngineUnderTest) async throws {
        let archive = try TemporaryDirectory("archive")
        let server = try await Self.start(
            engine, ["CERTCTL_AUDIT_RETENTION": "3s", "CERTCTL_AUDIT_ARCHIVE_DIR": archive.path("audit")])
        try await Inventory.create(on: server)
        let page = try await server.client.get("/api/v1/audit?action=create_profile")
        let id = try #require((page.json["data"] as? [[String: Any]])?.first?["id"] as? String)
        let gone = try await eventually(within: .seconds(90), every: .milliseconds(300)) {
            try await server.client.get("/api/v1/audit/\(id)").status == 404
        }
        #expect(gone)
        let files = try FileManager.default.contentsOfDirectory(atPath: archive.path("audit")).sorted()
        let holding = try #require(
            files.first {
                (try? String(contentsOfFile: archive.path("audit/\($0)"), encoding: .utf8))?.contains(id) == true
            })
        let attributes = try FileManager.default.attributesOfItem(atPath: archive.path("audit/\(holding)"))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let keys = server.directory.path("keys.json")
        try (try await server.cli(["audit", "keys"])).output.write(toFile: keys, atomically: true, encoding: .utf8)
        // The file is a bundle that proves itself, and so is what the log still holds.
        let old = try await Self.offline(["--offline", archive.path("audit/\(holding)"), "--public-key", keys], server)
        #expect(old.status == 0, "\(old.errors)")
        let online = try await server.cli(["audit", "verify", "--full"])
        #expect(online.status == 0, "\(online.errors)")
        let bundle = server.directory.path("bundle.ndjson")
        #expect(try await server.cli(["audit", "export", "--as", "bundle", "--save", bundle]).status == 0)
        let rest = try await Self.offline(["--offline", bundle, "--public-key", keys], server)
        #expect(rest.status == 0 && rest.output.contains("by their hashes alone"), "\(rest.output)\(rest.errors)")
        #expect(try await Self.python([bundle, keys], server).status == 0)
        await server.stop()
    }
}
