import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("Nothing is issued under a gated profile before a second person agrees (security §8, domain §4.6)")
struct IssuanceApprovalTests {
    @Test("A-17: a manual renewal waits, and goes on where its agent makes the key", arguments: Engine.available)
    func manual(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            let opened = try await stage.renewal()
            let job = try #require(opened.jobs.first)
            let approval = try #require(opened.approval)
            #expect(job.status == .awaitingApproval && approval.state == .pending)
            #expect(approval.resumeStatus == .awaitingCSR && approval.jobID == job.id)
            #expect(await refusal { try await stage.sendCSR(of: job.id) } == .invalidState)
            #expect(try await stage.orders() == 0)

            #expect(await stage.refusalOf(approval.id, by: "alice") == .selfApprovalForbidden)
            #expect(await stage.refusalOf(approval.id, .reject, by: "alice") == .selfApprovalForbidden)
            #expect(try await stage.approval(approval.id).state == .pending)
            #expect(try await stage.decide(approval.id, by: "bob").decidedBy == "bob")
            #expect(try await stage.world.statuses(of: "api") == [.awaitingCSR])
            #expect(await stage.refusalOf(approval.id, by: "carol") == .alreadyDecided)
            #expect(await stage.refusalOf(approval.id, .reject, by: "carol") == .alreadyDecided)

            try await stage.sendCSR(of: job.id)
            #expect(try await stage.world.versions(of: "api").count == 1)
            let actions = try await stage.world.actions(on: approval.id.text)
            #expect(actions == ["approval_approved", "approval_requested"])
        }
    }

    @Test("A-17: the route of the job makes the same decision by the same rules", arguments: Engine.available)
    func jobRoute(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            let opened = try await stage.renewal()
            let (job, approval) = (try #require(opened.jobs.first), try #require(opened.approval))
            func approve(_ name: String) async -> ErrorCode? {
                await refusal {
                    _ = try await stage.world.approvals.decide(
                        job: job.id, .approve, note: nil, by: stage.approver(name),
                        try await stage.world.author(name, using: .approvalApprove))
                }
            }
            #expect(await approve("alice") == .selfApprovalForbidden)
            #expect(try await stage.world.statuses(of: "api") == [.awaitingApproval])
            #expect(await approve("bob") == nil)
            #expect(try await stage.approval(approval.id).state == .approved)
            #expect(await approve("carol") == .alreadyDecided)
        }
    }

    @Test(
        "A-17: a scheduled renewal waits too; refused, it is asked for again a day later", arguments: Engine.available)
    func schedule(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            #expect(try await world.tick(.renewalCheck).rows >= 1)
            let job = try #require(try await world.jobs(of: "api").first)
            #expect(job.status == .awaitingApproval && job.trigger == .schedule)
            let approval = try await stage.onlyApproval()
            #expect(approval.requestedBy == .system)
            #expect(await refusal { try await stage.sendCSR(of: job.id) } == .invalidState)
            try await stage.decide(approval.id, .reject, by: "alice")
            #expect(try await world.statuses(of: "api") == [.cancelled])
            let certificate = try await world.stored("api")
            #expect(certificate.status == .pending)
            let next = try #require(certificate.nextRenewalAt)
            #expect(next >= world.time.now + .hours(23))
            #expect(try await world.tick(.renewalCheck).rows == 0)
            #expect(try await stage.orders() == 0)
        }
    }

    @Test(
        "A-17: a job that was opened before its profile asked for approvals is not signed", arguments: Engine.available)
    func agentCSR(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.execute("UPDATE certificate_profiles SET requires_approval = FALSE")
            try await stage.certificate()
            let job = try #require(try await stage.renewal().jobs.first)
            #expect(job.status == .awaitingCSR)
            try await stage.execute("UPDATE certificate_profiles SET requires_approval = TRUE")
            #expect(await refusal { try await stage.sendCSR(of: job.id) } == .approvalRequired)
            #expect(try await stage.world.statuses(of: "api") == [.failed])
            #expect(try await stage.orders() == 0)
        }
    }

    @Test("A-17: a client's request waits, and is issued for the approved key alone", arguments: Engine.available)
    func clientCSR(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate(targets: [])
            let csr = try World.csr("api")
            func submit(_ csr: String) async throws -> IssuanceAnswer {
                try await world.issuance.submit(
                    clientCSR: csr, for: ApprovalStage.api, by: try await world.author("alice", using: .certIssue))
            }
            guard case .awaitingApproval(let id, let job) = try await submit(csr),
                case .awaitingApproval(let again, _) = try await submit(csr)
            else {
                Issue.record("the request was not held")
                return
            }
            #expect(id == again, "the same request waits once")
            let other = try World.csr("api")
            #expect(await refusal { _ = try await submit(other) } == .renewalInProgress)
            #expect(try await world.tick(.approvedIssuance).rows == 0)
            #expect(await stage.refusalOf(id, by: "alice") == .selfApprovalForbidden)
            #expect(try await stage.orders() == 0)

            try await stage.decide(id, by: "bob")
            #expect(try await world.tick(.approvedIssuance).rows == 1)
            #expect(try await world.tick(.approvedIssuance).rows == 0)
            let version = try #require(try await world.versions(of: "api").first)
            #expect(version.jobID == job)
            #expect(try await world.versions(of: "api").count == 1)
            #expect(try await world.statuses(of: "api") == [.completed])
            guard case .awaitingApproval(let next, _) = try await submit(csr) else {
                Issue.record("an approval serves once")
                return
            }
            #expect(next != id)
        }
    }

    @Test(
        "A-17: a profile that can't be read lets nothing through (503)", arguments: Engine.available,
        ["renew", "csr", "schedule", "agent"])
    func failsClosed(engine: Engine, entry: String) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate(targets: entry == "csr" ? [] : ["edge"])
            var job: JobID?
            if entry == "agent" {
                try await stage.execute("UPDATE certificate_profiles SET requires_approval = FALSE")
                job = try await stage.renewal().jobs.first?.id
            }
            try await stage.execute(
                """
                UPDATE certificate_profiles SET allowed_key_algorithms = \(Value.json(#"[{"algorithm":"none"}]"#))
                """
            )
            let code = await refusal {
                switch entry {
                case "renew": _ = try await stage.renewal()
                case "csr":
                    _ = try await world.issuance.submit(
                        clientCSR: try World.csr("api"), for: ApprovalStage.api, by: world.author)
                case "agent": try await stage.sendCSR(of: job)
                default: _ = try await world.tick(.renewalCheck)
                }
            }
            #expect(code == (entry == "schedule" ? nil : .unavailable))
            #expect(try await stage.orders() == 0)
            let open = try await world.statuses(of: "api")
            #expect(open == (entry == "agent" ? [.awaitingCSR] : []))
        }
    }

    @Test("T35: what changed since the request is not issued: 409, and the request ends", arguments: Engine.available)
    func changedBeforeDecision(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            let approval = try #require(try await stage.renewal().approval)
            try await stage.execute("UPDATE managed_certificates SET common_name = 'other.example.com'")
            #expect(await stage.refusalOf(approval.id, by: "bob") == .staleApproval)
            let ended = try await stage.approval(approval.id)
            #expect(ended.state == .expired && ended.decidedBy == "system-reaper")
            #expect(try await stage.world.statuses(of: "api") == [.cancelled])
            #expect(await stage.refusalOf(approval.id, by: "carol") == .alreadyDecided)
            #expect(try await stage.renewal().approval != nil, "a new request can be made")
        }
    }

    @Test(
        "T35: what changed since the decision is not issued either", arguments: Engine.available,
        ["name", "issuer", "profile", "payload"])
    func changedAfterDecision(engine: Engine, what: String) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            let opened = try await stage.renewal()
            let approval = try #require(opened.approval)
            try await stage.decide(approval.id, by: "bob")
            switch what {
            case "name": try await stage.execute("UPDATE managed_certificates SET sans = '[\"b.example.com\"]'")
            case "issuer":
                _ = try await stage.world.issuers.create(
                    IssuerDraft(id: "iss-2", name: "Second", type: "local"), by: stage.world.author)
                try await stage.execute("UPDATE managed_certificates SET issuer_id = 'iss-2'")
            case "profile":
                try await stage.execute("UPDATE certificate_profiles SET row_version = row_version + 1")
            default:
                // Whoever can write to the database behind the server's back still can't change what was approved.
                let code = await refusal {
                    try await stage.execute(
                        "UPDATE issuance_approval_requests SET payload = \(Value.json("{}"))")
                }
                #expect(code == .internalError)
                return
            }
            let code = await refusal {
                try await stage.sendCSR(of: opened.jobs.first?.id, extra: what == "name" ? ["b.example.com"] : [])
            }
            #expect(code == .staleApproval)
            #expect(try await stage.world.statuses(of: "api") == [.failed])
            #expect(try await stage.orders() == 0)
        }
    }
}
