import Foundation
import TestSupport
import Testing

@Suite("Bulk revocation over the API and the command line (rest-api §6.6, §7.3)", .tags(.security, .slow))
struct BulkRevocationTests {
    private static let path = "/api/v1/certificates/bulk-revoke"

    private static func issue(_ stage: PKIStage, _ names: [String]) async throws {
        for name in names { try await stage.issue("mc-\(name)", "\(name).certctl.test", to: stage.work.path(name)) }
    }

    private static func status(_ stage: PKIStage, _ name: String) async throws -> String? {
        try await stage.server.client.get("/api/v1/certificates/mc-\(name)").text("status")
    }

    @Test(
        "dry run, confirmation, result; relying parties see it in the list and by OCSP",
        arguments: EngineUnderTest.available)
    func revoke(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let client = stage.server.client
        try await Self.issue(stage, ["one", "two", "three"])

        let bad: [[String: Any]] = [
            [:], ["reason": "superseded"], ["reason": "superseded", "source": "API"],
            ["reason": "because", "owner_id": Inventory.owner], ["owner_id": Inventory.owner],
            ["reason": "removeFromCRL", "owner_id": Inventory.owner],
            ["reason": "superseded", "owner_id": Inventory.owner, "invalidity_date": "2999-01-01T00:00:00Z"],
            ["reason": "superseded", "certificate_ids": ["../x"]], ["reason": "superseded", "status": "Sleeping"],
        ]
        for body in bad { #expect(try await client.post(Self.path, body).status == 400, "\(body)") }
        let wanted: [String: Any] = [
            "reason": "key_compromise", "certificate_ids": ["mc-one", "mc-two", "mc-none"],
        ]
        let preview = try await client.post(Self.path, wanted.merging(["dry_run": true]) { $1 })
        #expect(preview.status == 200 && preview.json["total_matched"] as? Int == 3, "\(preview.body)")
        #expect(preview.json["total_revoked"] as? Int == 2 && preview.json["needs_approval"] as? Bool == false)
        #expect((preview.json["matches"] as? [Any])?.count == 2)
        let drifted = try await client.post(Self.path, wanted.merging(["confirm_count": 2]) { $1 })
        #expect(drifted.status == 409 && drifted.text("code") == "confirmation_required", "\(drifted.body)")
        #expect(try await Self.status(stage, "one") == "Active")
        #expect(try await client.get("/api/v1/operations").json["total"] as? Int == 0)

        let done = try Inventory.expect(
            200, try await client.post(Self.path, wanted.merging(["confirm_count": 3]) { $1 }))
        #expect(done.json["total_revoked"] as? Int == 2 && done.json["total_failed"] as? Int == 1, "\(done.body)")
        #expect(done.body.contains("not_found"))
        let id = try #require(done.text("operation_id"))
        #expect(try await client.get("/api/v1/operations/\(id)").text("state") == "succeeded")
        for name in ["one", "two"] { #expect(try await Self.status(stage, name) == "Revoked") }
        #expect(try await Self.status(stage, "three") == "Active")
        try await seen(stage, revoked: ["one", "two"], listed: 2, good: "three")
        let metrics = try await client.get("/api/v1/metrics/prometheus")
        #expect(metrics.body.contains(#"certctl_operations_ended_total{kind="bulk_revoke",state="succeeded"} 1"#))
        let events = try await client.get(
            "/api/v1/events?since=1970-01-01T00:00:00Z&wait=0&types=operation.*", headers: ["Accept: application/json"])
        #expect(events.body.contains("operation.created") && events.body.contains("operation.status_changed"))
        await stage.server.stop()
    }

    /// What openssl says by OCSP at once, and by the list within its bound.
    private func seen(_ stage: PKIStage, revoked: [String], listed: Int, good: String) async throws {
        for name in revoked { #expect(try await ocsp(stage, name).contains(": revoked")) }
        #expect(try await ocsp(stage, good).contains(": good"))
        let isListed = try await eventually(within: .seconds(10)) {
            _ = try await stage.curl([
                "--output", stage.work.path("crl"), "\(stage.url)/.well-known/pki/crl/iss-local",
            ])
            let text = try await stage.openssl([
                "crl", "-inform", "DER", "-in", stage.work.path("crl"), "-noout", "-text",
            ]).output
            return text.components(separatedBy: "Serial Number:").count == listed + 1
        }
        #expect(isListed)
    }

    private func ocsp(_ stage: PKIStage, _ name: String) async throws -> String {
        try await stage.run(
            "/usr/bin/openssl",
            [
                "ocsp", "-issuer", stage.ca, "-cert", stage.work.path(name), "-CAfile", stage.ca, "-url",
                stage.responder,
            ])
    }

    @Test("a line for each certificate, or an operation to follow, which a killed server ends when it is back")
    func following() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let client = stage.server.client
        try await Self.issue(stage, ["one", "two", "three", "four"])
        let lines = try await client.post(
            Self.path, ["reason": "superseded", "certificate_ids": ["mc-one", "mc-none"]],
            headers: ["Accept: application/x-ndjson"])
        let rows = lines.body.split(separator: "\n").map(String.init)
        #expect(lines.status == 200 && rows.count == 3, "\(lines.body)")
        #expect(rows.contains(#"{"certificate_id":"mc-one","outcome":"revoked"}"#))
        #expect(rows.contains { $0.contains("not_found") } && rows.last?.contains("summary") == true)

        let begun = try await client.post(
            Self.path, ["reason": "superseded", "owner_id": Inventory.owner],
            headers: ["Prefer: respond-async", "Idempotency-Key: bulk-0001-retry"])
        let fields = begun.headers.lowercased()
        #expect(begun.status == 202 && fields.contains("preference-applied: respond-async"), "\(fields)")
        let id = try #require(begun.text("id"))
        #expect(fields.contains("location: /api/v1/operations/\(id)"))
        await stage.server.process.killAtOnce()
        try await stage.server.startAgain()
        let again = try await client.post(
            Self.path, ["reason": "superseded", "owner_id": Inventory.owner],
            headers: ["Prefer: respond-async", "Idempotency-Key: bulk-0001-retry"])
        #expect(again.text("id") == id, "the same operation: \(again.body)")
        let isOver = try await eventually(within: .seconds(30)) {
            try await client.get("/api/v1/operations/\(id)").text("state") == "succeeded"
        }
        #expect(isOver)
        let ended = try await client.get("/api/v1/operations/\(id)")
        let result = ended.json["result"] as? [String: Any]
        #expect(result?["total_revoked"] as? Int == 3 && result?["total_skipped"] as? Int == 1, "\(ended.body)")
        let followed = try await client.get("/api/v1/operations/\(id)", headers: ["Accept: application/x-ndjson"])
        #expect(followed.body.split(separator: "\n").count == 5, "\(followed.body)")
        #expect(try await client.post("/api/v1/operations/\(id)/cancel").status == 409)
        await stage.server.stop()
    }

    @Test(
        "a storm: two hundred at once beside single ones, each seen by OCSP as soon as it is told",
        arguments: EngineUnderTest.available)
    func storm(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine)
        let client = stage.server.client
        let many = (0..<200).map { "many-\($0)" }
        let single = (0..<8).map { "single-\($0)" }
        for batch in stride(from: 0, to: many.count, by: 10) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in many[batch..<(batch + 10)] { group.addTask { try await Self.issue(stage, [name]) } }
                try await group.waitForAll()
            }
        }
        try await Self.issue(stage, single + ["bystander"])
        // Answers that were made before must not be given after.
        for name in ["many-0", "many-199", "single-0", "bystander"] {
            #expect(try await ocsp(stage, name).contains(": good"))
        }
        let body: [String: Any] = ["reason": "superseded", "certificate_ids": many.map { "mc-\($0)" }]
        let begun = try await client.post(Self.path, body, headers: ["Prefer: respond-async"])
        let id = try #require(begun.text("id"), "\(begun.body)")
        for name in single {
            let told = try await client.post("/api/v1/certificates/mc-\(name)/revoke", ["reason": "superseded"])
            #expect(told.status == 200, "\(told.body)")
            #expect(try await ocsp(stage, name).contains(": revoked"), "\(name)")
        }
        let isOver = try await eventually(within: .seconds(60)) {
            try await client.get("/api/v1/operations/\(id)").text("state") == "succeeded"
        }
        #expect(isOver)
        let ended = try await client.get("/api/v1/operations/\(id)")
        #expect((ended.json["result"] as? [String: Any])?["total_revoked"] as? Int == many.count, "\(ended.body)")
        for name in [many[0], many[99], many[199]] { #expect(try await ocsp(stage, name).contains(": revoked")) }
        try await seen(stage, revoked: [], listed: many.count + single.count, good: "bystander")
        await stage.server.stop()
    }

    @Test("certs bulk-revoke shows, asks, follows and says what failed")
    func commandLine() async throws {
        let stage = try await PKIStage.start(.sqlite)
        let server = stage.server
        try await Self.issue(stage, ["one", "two"])
        let mute = try await server.cli(["certs", "bulk-revoke", "mc-one", "--yes"])
        #expect(mute.status != 0 && mute.errors.contains("--reason"), "\(mute.errors)")
        let aimless = try await server.cli([
            "certs", "bulk-revoke", "--source", "API", "--reason", "superseded", "--yes",
        ])
        #expect(aimless.status != 0 && aimless.errors.contains("criterion"), "\(aimless.errors)")
        let unasked = try await server.cli(["certs", "bulk-revoke", "mc-one", "--reason", "superseded"])
        #expect(unasked.status == 2 && unasked.errors.contains("--yes"), "\(unasked.errors)")
        let dry = try await server.cli([
            "certs", "bulk-revoke", "--owner-id", Inventory.owner, "--reason", "superseded", "--dry-run",
        ])
        #expect(dry.status == 0 && dry.output.contains("2 matched, 2 would be revoked"), "\(dry.output)")
        #expect(try await Self.status(stage, "one") == "Active")
        let done = try await server.cli([
            "certs", "bulk-revoke", "mc-one", "mc-none", "--reason", "superseded", "--yes",
        ])
        #expect(done.status == 10, "partial failure: \(done.output) \(done.errors)")
        #expect(done.output.contains("2 matched, 1 revoked, 0 skipped, 1 failed"), "\(done.output)")
        let listed = try await server.cli(["operations", "list"])
        #expect(listed.status == 0 && listed.output.contains("succeeded"), "\(listed.output)")
        await server.stop()
    }

    @Test("bulk revocations wait for a second person when the setting says so", arguments: EngineUnderTest.available)
    func approval(engine: EngineUnderTest) async throws {
        let stage = try await PKIStage.start(engine, ["CERTCTL_APPROVAL_BULK_REVOCATION": "true"])
        try await Self.issue(stage, ["one"])
        func key(_ name: String, _ role: String, mayApprove: Bool = false) async throws -> CurlClient {
            let made = try await stage.server.client.post(
                "/api/v1/auth/keys", ["name": name, "roles": [role], "may_approve": mayApprove])
            return stage.server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
        }
        let (asker, decider) = (
            try await key("asker", "r-admin"), try await key("decider", "r-admin", mayApprove: true)
        )
        let viewer = try await key("looker", "r-viewer")
        let body: [String: Any] = ["reason": "superseded", "certificate_ids": ["mc-one"]]
        #expect(try await viewer.post(Self.path, body).status == 403)
        let held = try Inventory.expect(202, try await asker.post(Self.path, body))
        #expect(held.text("state") == "awaiting_approval", "\(held.body)")
        let (id, approval) = (try #require(held.text("id")), try #require(held.text("approval_id")))
        #expect(try await viewer.get("/api/v1/operations/\(id)").status == 404)
        #expect(try await viewer.get("/api/v1/operations").json["total"] as? Int == 0)
        try await Task.sleep(for: .seconds(4))
        #expect(try await Self.status(stage, "one") == "Active", "the loop leaves it alone")
        #expect(try await asker.post("/api/v1/approvals/\(approval)/approve").text("code") == "self_approval_forbidden")
        let shown = try await decider.get("/api/v1/approvals/\(approval)")
        #expect(shown.body.contains(id) && shown.body.contains("certificates_sha256"), "\(shown.body)")
        try Inventory.expect(200, try await decider.post("/api/v1/approvals/\(approval)/approve"))
        let isOver = try await eventually(within: .seconds(30)) {
            try await asker.get("/api/v1/operations/\(id)").text("state") == "succeeded"
        }
        #expect(isOver)
        #expect(try await Self.status(stage, "one") == "Revoked")
        await stage.server.stop()
    }
}
