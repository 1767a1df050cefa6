import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite("security §8: approvals over the API and the command line", .tags(.security))
struct ApprovalRoutesTests {
    /// A server whose profile `prof-web` is gated, with the keys `asker` and `decider`.
    struct Stage {
        let server: ControlPlane
        let asker: CurlClient
        let decider: CurlClient

        static func start(
            _ engine: EngineUnderTest? = nil, environment: [String: String] = [:]
        ) async throws -> Stage {
            let server =
                if let engine {
                    try await ControlPlane.start(
                        databaseURL: try await engine.makeDatabaseURL(),
                        environment: engine.environment.merging(environment) { $1 })
                } else {
                    try await ControlPlane.start(environment: environment)
                }
            try await server.becomeAdministrator()
            try await Inventory.create(on: server)
            func key(_ name: String, mayApprove: Bool) async throws -> CurlClient {
                let body: [String: Any] = ["name": name, "roles": ["r-admin"], "may_approve": mayApprove]
                let made = try await server.client.post("/api/v1/auth/keys", body)
                return server.anonymous.with(key: try Inventory.expect(201, made).text("key_value"))
            }
            let stage = Stage(
                server: server, asker: try await key("asker", mayApprove: false),
                decider: try await key("decider", mayApprove: true))
            try await stage.switchOn()
            return stage
        }

        private func switchOn() async throws {
            let edit = try await asker.put("/api/v1/profiles/\(Inventory.profile)", ["requires_approval": true])
            guard edit.status == 202 else {
                try Inventory.expect(200, edit)
                return
            }
            #expect(edit.text("status") == "pending_approval")
            let id = try #require(edit.text("pending_approval_id"))
            try Inventory.expect(200, try await decider.post("/api/v1/approvals/\(id)/approve"))
        }

        /// A request of `asker` for a certificate whose key the client made.
        func requestCSR(_ id: String) async throws -> CurlClient.Reply {
            let made = try await asker.post(
                "/api/v1/certificates", Inventory.certificate(id, name: "\(id).certctl.test"))
            try Inventory.expect(201, made)
            let csr = try await makeCSR("\(id).certctl.test", in: server.directory)
            return try await asker.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        }
    }

    @Test("an edit is read as a difference, and taken back on the command line by whoever asked")
    func withdrawal() async throws {
        let stage = try await Stage.start()
        let server = stage.server
        let edit = try await stage.asker.put(
            "/api/v1/profiles/\(Inventory.profile)", ["requires_approval": false, "description": "open"])
        let id = try #require(try Inventory.expect(202, edit).text("pending_approval_id"))
        let shown = try await stage.decider.get("/api/v1/approvals/\(id)")
        let diff = shown.json["diff"] as? [[String: Any]] ?? []
        let last = diff.last { $0["path"] as? String == "/requires_approval" }
        #expect(last?["op"] as? String == "replace" && last?["value"] as? Bool == false, "\(shown.body)")
        let listed = try await server.cli(["approvals", "get", id])
        #expect(listed.output.contains("/requires_approval: true → false"), "\(listed.output)")

        // The administrator did not ask; for it there is nothing to take back.
        let foreign = try await server.cli(["approvals", "withdraw", id])
        #expect(foreign.status != 0 && foreign.errors.contains(id), "\(foreign.errors)")
        #expect(try await stage.decider.post("/api/v1/approvals/\(id)/withdraw").status == 404)
        let withdrawn = try await stage.asker.post("/api/v1/approvals/\(id)/withdraw", ["note": "a mistake"])
        #expect(try Inventory.expect(200, withdrawn).text("action") == "withdrawn")
        let late = try await stage.decider.post("/api/v1/approvals/\(id)/approve")
        #expect(late.status == 409 && late.text("code") == "already_decided", "\(late.body)")
        let ended = try await stage.decider.get("/api/v1/approvals/\(id)")
        #expect(ended.text("state") == "rejected" && ended.json["withdrawn"] as? Bool == true)
        #expect(ended.json["diff"] == nil && ended.text("decision_note") == "a mistake")
        let metrics = try await server.client.get("/api/v1/metrics/prometheus")
        #expect(metrics.body.contains("certctl_approval_decisions_total{outcome=\"withdrawn\""))
        let own = try await server.client.put("/api/v1/profiles/\(Inventory.profile)", ["description": "mine"])
        let second = try #require(try Inventory.expect(202, own).text("pending_approval_id"))
        let done = try await server.cli(["approvals", "withdraw", second, "--note", "on the command line"])
        #expect(done.status == 0 && done.output.contains("withdrawn"), "\(done.errors)")
        await server.stop()
    }

    @Test(
        "A-17: from the request by API to the certificate, decided on the command line",
        arguments: EngineUnderTest.available)
    func secondPerson(engine: EngineUnderTest) async throws {
        let stage = try await Stage.start(engine)
        let (server, asker, decider) = (stage.server, stage.asker, stage.decider)
        let held = try Inventory.expect(202, try await stage.requestCSR("mc-api"))
        let approval = try #require(held.text("approval_id"))
        let job = try #require(held.text("job_id"))
        #expect(held.text("job_status") == "AwaitingApproval")

        for path in ["approvals/\(approval)/approve", "approvals/\(approval)/reject", "jobs/\(job)/approve"] {
            let own = try await asker.post("/api/v1/\(path)")
            #expect(own.status == 403 && own.text("code") == "self_approval_forbidden", "\(path): \(own.body)")
            #expect(own.text("message")?.contains("two-person integrity") == true)
        }
        let plain = try await server.client.post("/api/v1/approvals/\(approval)/approve")
        #expect(plain.status == 403, "a key without may_approve: \(plain.body)")
        let shown = try await decider.get("/api/v1/approvals/\(approval)")
        let request = shown.json["payload_json"] as? [String: Any]
        #expect(request?["common_name"] as? String == "mc-api.certctl.test")
        #expect(shown.text("payload_digest")?.count == 64 && shown.text("state") == "pending")
        let list = try await decider.get("/api/v1/approvals?state=pending&certificate_id=mc-api")
        #expect(list.json["total"] as? Int == 1)
        let shownByCLI = try await server.cli(["approvals", "get", approval])
        #expect(shownByCLI.status == 0 && shownByCLI.output.contains("cert_issuance"), "\(shownByCLI.errors)")
        #expect(try await server.cli(["approvals", "list", "--state", "pending"]).output.contains(approval))
        #expect(try await server.cli(["jobs", "approve", job]).status != 0)

        let approved = try await decider.post("/api/v1/jobs/\(job)/approve")
        #expect(approved.status == 200 && approved.text("status") == "job_approved", "\(approved.body)")
        let twice = try await decider.post("/api/v1/approvals/\(approval)/approve")
        #expect(twice.status == 409 && twice.text("code") == "already_decided")
        let isIssued = try await eventually(within: .seconds(30), every: .milliseconds(200)) {
            try await asker.get("/api/v1/jobs/\(job)").text("status") == "Completed"
        }
        #expect(isIssued)
        let versions = try await asker.get("/api/v1/certificates/mc-api/versions")
        #expect(versions.json["total"] as? Int == 1)

        let second = try Inventory.expect(202, try await stage.requestCSR("mc-two"))
        let unwanted = try #require(second.text("job_id"))
        let rejected = try await decider.post("/api/v1/jobs/\(unwanted)/reject", ["reason": "not needed"])
        #expect(rejected.text("status") == "job_rejected")
        #expect(try await asker.get("/api/v1/jobs/\(unwanted)").text("status") == "Cancelled")

        let off = try await asker.send(
            "PATCH", "/api/v1/profiles/\(Inventory.profile)", body: #"{"requires_approval":false}"#,
            headers: ["Content-Type: application/merge-patch+json"])
        #expect(off.status == 202, "switching approvals off is no way around: \(off.body)")
        let metrics = try await server.client.get("/api/v1/metrics/prometheus")
        #expect(
            metrics.body.contains(
                #"certctl_approval_decisions_total{outcome="approved",profile_id="\#(Inventory.profile)"} 2"#))
        #expect(metrics.body.contains("certctl_approval_pending_age_seconds_count"))
        await server.stop()
    }

    @Test("what nobody decides in time expires, and is not decided any more")
    func expiry() async throws {
        let stage = try await Stage.start(environment: ["CERTCTL_JOB_AWAITING_APPROVAL_TIMEOUT": "4s"])
        let held = try Inventory.expect(202, try await stage.requestCSR("mc-api"))
        let (approval, job) = (try #require(held.text("approval_id")), try #require(held.text("job_id")))
        try await Task.sleep(for: .seconds(5))
        let late = try await stage.decider.post("/api/v1/approvals/\(approval)/approve")
        #expect(late.status == 409 && late.text("code") == "already_decided", "\(late.body)")
        #expect(try await stage.asker.get("/api/v1/approvals/\(approval)").text("state") == "expired")
        #expect(try await stage.asker.get("/api/v1/jobs/\(job)").text("status") == "Cancelled")
        await stage.server.stop()
    }

    @Test("the bypass asks nobody, and says so")
    func bypass() async throws {
        let stage = try await Stage.start(environment: [
            "CERTCTL_APPROVAL_BYPASS": "true", "CERTCTL_DEMO_MODE_ACK": "true",
            "CERTCTL_DEMO_MODE_ACK_TS": "\(Int(Date.now.timeIntervalSince1970))",
        ])
        let held = try Inventory.expect(202, try await stage.requestCSR("mc-api"))
        let approval = try await stage.asker.get("/api/v1/approvals/\(try #require(held.text("approval_id")))")
        #expect(approval.text("state") == "approved" && approval.text("decided_by") == "system-bypass")
        let audit = try await stage.server.client.get("/api/v1/audit?action=approval_bypassed")
        #expect(audit.json["total"] as? Int == 2, "the profile and the certificate: \(audit.body)")
        await stage.server.stop()
    }

    @Test("grants of great power wait when the setting says so, by default as soon as two may approve")
    func adminGrants() async throws {
        let server = try await ControlPlane.start(environment: ["CERTCTL_APPROVAL_ADMIN_GRANTS": "true"])
        try await server.becomeAdministrator()
        try Inventory.expect(201, try await server.client.post("/api/v1/auth/keys", ["name": "dora"]))
        let grant = try await server.client.post("/api/v1/auth/keys/dora/roles", ["role_id": "r-admin"])
        #expect(grant.status == 202 && grant.text("status") == "pending_approval", "\(grant.body)")
        let viewer = try await server.client.post("/api/v1/auth/keys/dora/roles", ["role_id": "r-viewer"])
        #expect(viewer.status == 204)
        let direct = try await server.client.post("/api/v1/auth/keys", ["name": "eve", "roles": ["r-admin"]])
        #expect(direct.status == 409 && direct.text("code") == "approval_required", "\(direct.body)")
        await server.stop()
    }
}
