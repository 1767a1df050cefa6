import DatabaseTestSupport
import Domain
import Encoding
import PKI
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("Protocol-servers §2.6, §2.9, §2.10: orders that wait for an approval")
struct ApprovedOrderTests {
    private static func with(_ engine: Engine, _ body: (FinalizeStage) async throws -> Void) async throws {
        try await ValidationStage.with(engine, isGated: true) { stage async throws in
            try await stage.world.actor("bob", [("r-admin", .global)])
            try await ApprovalStage(world: stage.world).custody("bob", mayApprove: true)
            try await FinalizeStage.with(stage, change: { $0.caaIdentities = ["ca.test"] }, body)
        }
    }

    private static func pending(_ server: FinalizeStage) async throws -> [ApprovalID] {
        try await server.stage.world.database.read { tx in
            try tx.rows("SELECT id FROM issuance_approval_requests WHERE state = 'pending'").map {
                row -> ApprovalID in try row.id("id")
            }
        }
    }

    /// Bob agrees to the only request.
    private static func approve(_ server: FinalizeStage) async throws {
        let waiting = try await pending(server)
        try #require(waiting.count == 1)
        try await ApprovalStage(world: server.stage.world).decide(waiting[0], by: "bob")
    }

    private static func status(of view: ACMEOrderView, _ server: FinalizeStage) async throws -> JobStatus? {
        let id = try #require(try await server.stage.stored(view).jobID)
        return try await server.stage.world.database.read { tx in try JobStore().find(id, in: tx)?.status }
    }

    /// An order whose request waits for an approval.
    private static func waiting(
        _ server: FinalizeStage, _ name: String, _ request: OrderStep.Request = .first, by account: String = "a"
    ) async throws -> ACMEOrderView {
        let view = try await server.ready([name], by: account)
        try await server.finalize(view, request, by: account)
        #expect(try await server.status(view) == .processing)
        return view
    }

    private static func issued(
        _ server: FinalizeStage, _ name: String, _ request: OrderStep.Request = .first
    ) async throws {
        let view = try await waiting(server, name, request)
        try await approve(server)
        try await server.issueApproved()
        #expect(try await server.status(view) == .valid)
    }

    // MARK: Accounts that end

    @Test(
        "an account that ends takes along what waits for an approval, or for its issuance", arguments: Engine.available)
    func ends(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let stage = server.stage
            let accounts = ACMEAccountFlow(
                stage.world.context, sealer: stage.world.sealer, plan: ValidationStage.plan())
            let (first, second) = (try await stage.account("a").account, try await stage.account("b").account)
            let undecided = try await Self.waiting(server, "a.test")
            let approval = try #require(try await Self.pending(server).first)
            _ = try await accounts.deactivate(first, from: stage.world.origin)
            #expect(try await server.status(undecided) == .invalid)
            #expect(try await server.problem(undecided) == "unauthorized")
            #expect(try await Self.status(of: undecided, server) == .cancelled)
            #expect(try await ApprovalStage(world: stage.world).approval(approval).state == .expired)
            #expect(await ApprovalStage(world: stage.world).refusalOf(approval, by: "bob") == .alreadyDecided)
            #expect(try await stage.audited("approval_expired") == 1)

            let approved = try await Self.waiting(server, "b.test", by: "b")
            try await Self.approve(server)
            _ = try await accounts.revoke(second.id, by: stage.world.author)
            #expect(try await server.status(approved) == .invalid)
            #expect(try await Self.status(of: approved, server) == .cancelled)
            #expect(try await stage.audited("job_cancelled") == 2)
            #expect(try await server.issueApproved() == 0)
            #expect(server.authority.calls == 0)
            #expect(try await server.versions == 0)
        }
    }

    // MARK: Several orders

    @Test("what is approved once goes to every order of the same request", arguments: Engine.available)
    func shared(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            try await Self.issued(server, "a.test")
            let (left, right) = (
                try await Self.waiting(server, "a.test", .second), try await Self.waiting(server, "a.test", .second)
            )
            let (one, other) = (try await server.stage.stored(left), try await server.stage.stored(right))
            #expect(one.jobID != nil && one.jobID == other.jobID)
            try await Self.approve(server)
            try await server.issueApproved()
            let (done, same) = (try await server.stage.stored(left), try await server.stage.stored(right))
            #expect(done.status == .valid && same.status == .valid)
            #expect(done.versionID != nil && done.versionID == same.versionID)
            #expect(try await server.versions == 2)
            #expect(try await server.stage.audited("acme_order_finalized") == 3)
        }
    }

    @Test("another request waits until the one before it is decided", arguments: Engine.available)
    func second(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            try await Self.issued(server, "a.test")
            let first = try await Self.waiting(server, "a.test", .first)
            let second = try await Self.waiting(server, "a.test", .second)
            for _ in 0..<(engine == .sqlite ? 5 : 2) {
                try await server.settle()
                await server.desk.untilIdle(atMost: .seconds(20))
                let order = try await server.stage.stored(second)
                #expect(order.status == .processing && order.jobID == nil && order.attempts == 0)
            }
            try await Self.approve(server)
            try await server.issueApproved()
            #expect(try await server.status(first) == .valid)
            let isAsked = try await eventually(within: .seconds(20)) {
                try await server.settle()
                await server.desk.untilIdle(atMost: .seconds(20))
                return try await server.stage.stored(second).jobID != nil
            }
            #expect(isAsked)
            try await Self.approve(server)
            try await server.issueApproved()
            #expect(try await server.status(second) == .valid)
            #expect(try await server.versions == 3)
        }
    }

    @Test("nobody is given the period of another order", arguments: Engine.available)
    func period(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            try await Self.issued(server, "a.test")
            let first = try await Self.waiting(server, "a.test", .second)
            let (account, profile) = try await server.stage.account("a")
            var request = ACMEOrderRequest(names: [ACMEName(.dns, "a.test")])
            let end = Timestamp(secondsSinceEpoch: (server.stage.world.time.now + .days(5)).secondsSinceEpoch)
            request.notAfter = end
            let view = try await server.stage.orders.create(
                request, for: account, under: profile, from: server.stage.world.origin)
            try await server.stage.answer(view.authorizations[0])
            try await server.stage.workOff()
            let refusal = await #expect(throws: ACMEProblem.self) { try await server.finalize(view, .second) }
            #expect(refusal?.kind == .rateLimited && refusal?.status == 429 && refusal?.retryAfter == .seconds(45))
            #expect(try await server.status(view) == .ready)
            try await Self.approve(server)
            try await server.issueApproved()
            #expect(try await server.status(first) == .valid)
            #expect(try await server.status(view) == .ready)

            try await server.finalize(view, .second)
            try await Self.approve(server)
            try await server.issueApproved()
            let id = try #require(try await server.stage.stored(view).versionID)
            let version = try await server.stage.world.database.read { tx in try VersionStore().find(id, in: tx) }
            #expect(version?.version.notAfter == end)
        }
    }

    // MARK: Late approvals

    @Test("an approval after nine hours is issued under the CAA records of then")
    func late() async throws {
        try await Self.with(.sqlite) { server async throws in
            let (clock, script) = (server.stage.world.clock, server.stage.script)
            let forbidden = try await Self.waiting(server, "a.test")
            clock.advance(by: .hours(9))
            script.setCAA("a.test", ACMEFault(.caa, "another CA", isTransient: false))
            try await Self.approve(server)
            #expect(script.caaQuestions.isEmpty)
            try await server.issueApproved()
            #expect(try await server.status(forbidden) == .invalid)
            #expect(try await server.problem(forbidden) == "caa")
            #expect(try await Self.status(of: forbidden, server) == .failed)
            #expect(server.authority.calls == 0)
            #expect(try await server.stage.audited("acme_order_failed") == 1)

            // What can't be known waits, and is asked for again after a pause.
            let unknown = try await Self.waiting(server, "b.test")
            clock.advance(by: .hours(9))
            script.setCAA("b.test", ACMEFault(.dns, "CAA: no answer", isTransient: true))
            try await Self.approve(server)
            for _ in 0..<3 { try await server.issueApproved() }
            #expect(script.caaQuestions.count == 2)
            #expect(try await server.status(unknown) == .processing)
            #expect(try await Self.status(of: unknown, server) == .pending)
            #expect(try await server.stage.stored(unknown).attempts == 1)
            script.setCAA("b.test", nil)
            clock.advance(by: .seconds(31))
            try await server.issueApproved()
            #expect(script.caaQuestions.count == 3)
            #expect(try await server.status(unknown) == .valid)

            // Who decides within eight hours lets nobody ask again.
            let early = try await Self.waiting(server, "c.test")
            clock.advance(by: .hours(7))
            try await Self.approve(server)
            try await server.issueApproved()
            #expect(script.caaQuestions.count == 3)
            #expect(try await server.status(early) == .valid)
        }
    }

    @Test("a look is remembered for eight hours, and ends every order of the request")
    func remembered() async throws {
        try await Self.with(.sqlite) { server async throws in
            let (clock, script) = (server.stage.world.clock, server.stage.script)
            try await Self.issued(server, "a.test")
            let view = try await server.ready(["a.test"])
            clock.advance(by: .minutes(30))
            try await server.finalize(view, .second)
            let twin = try await Self.waiting(server, "a.test", .second)
            clock.advance(by: .hours(9))
            try await Self.approve(server)
            script.setCAA("a.test", ACMEFault(.dns, "CAA: no answer", isTransient: true))
            try await server.issueApproved()
            script.setCAA("a.test", ACMEFault(.caa, "another CA", isTransient: false))
            clock.advance(by: .seconds(31))
            try await server.issueApproved()
            for view in [view, twin] {
                #expect(try await server.status(view) == .invalid)
                #expect(try await server.problem(view) == "caa")
            }
            #expect(try await server.versions == 1)
            #expect(try await server.stage.audited("acme_order_failed") == 2)
        }
    }

    @Test("an attempt that comes late looks again as well")
    func retry() async throws {
        try await Self.with(.sqlite) { server async throws in
            let (clock, script) = (server.stage.world.clock, server.stage.script)
            try await Self.issued(server, "a.test")
            let first = try await Self.waiting(server, "a.test", .first)
            let second = try await Self.waiting(server, "a.test", .second)
            clock.advance(by: .hours(9))
            let asked = script.caaQuestions.count
            try await server.settle()
            await server.desk.untilIdle(atMost: .seconds(20))
            #expect(script.caaQuestions.count == asked + 1)
            #expect(try await server.stage.stored(second).caaSeenAt != nil)
            script.setCAA("a.test", ACMEFault(.caa, "another CA", isTransient: false))
            clock.advance(by: .hours(9))
            try await server.settle()
            await server.desk.untilIdle(atMost: .seconds(20))
            #expect(try await server.status(second) == .invalid)
            #expect(try await server.problem(second) == "caa")
            #expect(try await server.status(first) == .processing)
        }
    }
}
