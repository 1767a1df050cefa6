import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("An approval ends once: decided by one, expired, or bypassed for all to see (security §8)")
struct ApprovalEndTests {
    @Test(
        "A-17: nobody decides in time: the job is cancelled and never issues", arguments: Engine.available,
        [true, false])
    func expiry(engine: Engine, bySweep: Bool) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            let opened = try await stage.renewal()
            let approval = try #require(opened.approval)
            #expect(try await world.tick(.approvalExpiry).rows == 0)
            try await stage.runOut(approval.id)
            if bySweep {
                #expect(try await world.tick(.approvalExpiry).rows == 1)
                #expect(try await world.tick(.approvalExpiry).rows == 0)
            } else {
                #expect(await stage.refusalOf(approval.id, by: "bob") == .alreadyDecided)
            }
            let ended = try await stage.approval(approval.id)
            #expect(ended.state == .expired && ended.decidedBy == "system-reaper")
            #expect(try await world.statuses(of: "api") == [.cancelled])
            #expect(try await world.stored("api").status == .pending)
            for loop in [LoopName.jobRetry, .jobTimeout, .approvedIssuance, .renewalCheck] {
                _ = try await world.tick(loop)
            }
            #expect(await refusal { try await stage.sendCSR(of: opened.jobs.first?.id) } == .invalidState)
            #expect(try await world.statuses(of: "api") == [.cancelled])
            #expect(try await stage.orders() == 0)
        }
    }

    @Test("whoever asked takes it back, and nobody else; then nobody decides", arguments: Engine.available)
    func withdrawal(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            let approval = try #require(try await stage.renewal().approval)
            func withdraw(_ name: String) async throws -> ErrorCode? {
                let author = try await world.author(name, using: .approvalRead)
                return await refusal { _ = try await world.approvals.withdraw(approval.id, note: "no", by: author) }
            }
            let asked = approval.requestedBy.id
            #expect(try await withdraw(asked == "bob" ? "carol" : "bob") == .notFound)
            #expect(try await stage.approval(approval.id).state == .pending)
            #expect(try await withdraw(asked) == nil)
            let ended = try await stage.approval(approval.id)
            #expect(ended.state == .rejected && ended.isWithdrawn && ended.note == "no")
            #expect(try await world.statuses(of: "api") == [.cancelled])
            #expect(try await withdraw(asked) == .alreadyDecided)
            #expect(await stage.refusalOf(approval.id, by: "bob") == .alreadyDecided)
            #expect(try await world.actions(on: approval.id.text).contains("approval_withdrawn"))
            #expect(try await stage.orders() == 0)
        }
    }

    @Test("withdrawn and approved at the same moment, it ends one way", arguments: Engine.available)
    func withdrawOrApprove(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            let approval = try #require(try await stage.renewal().approval)
            let author = try await world.author(approval.requestedBy.id, using: .approvalRead)
            async let decided = stage.refusalOf(approval.id, by: "bob")
            async let withdrawn = refusal {
                _ = try await world.approvals.withdraw(approval.id, note: nil, by: author)
            }
            let codes = await [decided, withdrawn]
            #expect(codes.filter { $0 == nil }.count == 1 && codes.contains(.alreadyDecided), "\(codes)")
            let ended = try await stage.approval(approval.id)
            #expect(try await world.statuses(of: "api") == [ended.isWithdrawn ? .cancelled : .awaitingCSR])
        }
    }

    @Test("of many decisions at once one counts", arguments: Engine.available)
    func doubleApprove(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            let approval = try #require(try await stage.renewal().approval)
            let codes = await withTaskGroup(of: ErrorCode?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        await stage.refusalOf(
                            approval.id, number % 3 == 2 ? .reject : .approve, by: number % 2 == 0 ? "bob" : "carol")
                    }
                }
                return await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
            }
            #expect(codes.filter { $0 == nil }.count == 1, "\(codes)")
            #expect(codes.filter { $0 == .alreadyDecided }.count == 7, "\(codes)")
            let decided = try await stage.approval(approval.id)
            let expected: JobStatus = decided.state == .approved ? .awaitingCSR : .cancelled
            #expect(try await stage.world.statuses(of: "api") == [expected])
            let decisions = try await stage.world.actions(on: approval.id.text).filter { $0 != "approval_requested" }
            #expect(decisions.count == 1)
        }
    }

    @Test("approved and expired at the same moment, it ends one way", arguments: Engine.available)
    func approveAndExpire(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.certificate()
            for _ in 0..<5 {
                let approval = try #require(try await stage.renewal().approval)
                try await stage.execute(
                    "UPDATE issuance_approval_requests SET expires_at = NULL WHERE state = 'pending'")
                async let decided = stage.refusalOf(approval.id, by: "bob")
                async let ran = stage.runOut(approval.id)
                async let swept = stage.world.tick(.approvalExpiry)
                let code = await decided
                try? await ran
                _ = try? await swept
                let ended = try await stage.approval(approval.id)
                let job = try #require(approval.jobID)
                let status = try await stage.world.jobs(of: "api").first { $0.id == job }?.status
                switch ended.state {
                case .approved: #expect(code == nil && status == .awaitingCSR)
                case .expired: #expect(code == .alreadyDecided && status == .cancelled)
                default: Issue.record("it did not end: \(ended.state)")
                }
                _ = try await stage.world.renewals.renew(ApprovalStage.api, force: true, by: stage.world.author)
                let next = try await stage.world.database.read { tx in
                    try ApprovalStore().pending(of: ApprovalStage.api, in: tx)
                }
                for waiting in next { try await stage.decide(waiting.id, .reject, by: "bob") }
            }
        }
    }

    @Test(
        "a job that is cancelled takes its request with it", arguments: Engine.available,
        ["cancel", "force", "archive"])
    func abandoned(engine: Engine, how: String) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await stage.certificate()
            let opened = try await stage.renewal()
            let approval = try #require(opened.approval)
            let job = try #require(opened.jobs.first)
            switch how {
            case "cancel": _ = try await JobFlow(world.context).cancel(job.id, reason: nil, by: world.author)
            case "force": _ = try await world.renewals.renew(ApprovalStage.api, force: true, by: world.author)
            default: try await world.certificates.archive(ApprovalStage.api, expecting: nil, by: world.author)
            }
            #expect(try await stage.approval(approval.id).state == .expired)
            #expect(await stage.refusalOf(approval.id, by: "bob") == .alreadyDecided)
        }
    }

    @Test("a bypass approves at once, as itself, on record", arguments: Engine.available)
    func bypass(engine: Engine) async throws {
        var timing = LifecycleTiming()
        timing.bypassesApprovals = true
        try await ApprovalStage.with(engine, timing: timing) { stage async throws in
            try await stage.certificate()
            let opened = try await stage.renewal()
            #expect(opened.jobs.map(\.status) == [.awaitingCSR])
            let approval = try await stage.onlyApproval()
            #expect(approval.state == .approved && approval.decidedBy == "system-bypass")
            #expect(
                try await stage.world.actions(on: approval.id.text) == ["approval_bypassed", "approval_requested"])
            try await stage.sendCSR(of: opened.jobs.first?.id)
            #expect(try await stage.world.versions(of: "api").count == 1)
        }
    }

    @Test("one decision is about every agent of a renewal", arguments: Engine.available)
    func batch(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            for agent in ["web-01", "web-02"] { try await world.agent(agent) }
            try await world.target("edge", of: "web-01")
            try await world.target("core", of: "web-02")
            var draft = world.draft("api", targets: ["edge", "core"])
            draft.profileID = ApprovalStage.profile.text
            _ = try await world.certificates.create(draft, by: world.author)
            let opened = try await stage.renewal()
            #expect(opened.jobs.map(\.status) == [.awaitingApproval, .awaitingApproval])
            try await stage.decide(try await stage.onlyApproval().id, by: "bob")
            #expect(try await world.statuses(of: "api") == [.awaitingCSR, .awaitingCSR])
            for job in opened.jobs {
                let agent = try #require(job.agentID)
                _ = try await IssueFlowTests.submit(world, try World.csr("api"), job: job.id, as: agent)
            }
            #expect(try await world.versions(of: "api").count == 2)
        }
    }
}
