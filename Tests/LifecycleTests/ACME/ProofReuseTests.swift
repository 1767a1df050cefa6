import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.4, RFC 8659: proofs that count again, failures that count, and what CAA records add")
struct ProofReuseTests {
    private static let wrong = ACMEFault(.incorrectResponse, "another page", isTransient: false)

    private static func reuse(_ plan: inout ACMEPlan) { plan.authorizationReuse = .hours(2) }

    @Test("a proof counts for further orders of its account while it is young", arguments: Engine.available)
    func reuse(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let first = try await stage.answered("a.test")
            try await stage.workOff()
            #expect(try await stage.stored(first).status == .ready)
            // Off by default.
            #expect(try await stage.order(["a.test"]).order.status == .pending)

            let flow = stage.orders(Self.reuse)
            stage.world.clock.advance(by: .minutes(30))
            let again = try await stage.order(["a.test"], through: flow)
            #expect(again.order.status == .ready)
            let proof = try await stage.challenge(first.authorizations[0])
            let copy = try await stage.challenge(again.authorizations[0])
            #expect(again.authorizations != first.authorizations)
            #expect(copy.status == .valid && copy.validatedAt == proof.validatedAt)
            let ends = try await stage.world.database.read { tx in
                try ACMEAuthorizationStore().find(again.authorizations[0], in: tx)?.expiresAt
            }
            let limit = try #require(proof.validatedAt) + .hours(2)
            #expect(try #require(ends) <= limit)

            // One name more has to be proved; a wildcard and another account's order too.
            let more = try await stage.order(["a.test", "b.test"], through: flow)
            #expect(more.order.status == .pending)
            #expect(try await stage.status(more.authorizations[0]) == .valid)
            #expect(try await stage.status(more.authorizations[1]) == .pending)
            #expect(try await stage.order(["*.a.test"], through: flow).order.status == .pending)
            #expect(try await stage.order(["a.test"], by: "other", through: flow).order.status == .pending)
            try await stage.answer(more.authorizations[1])
            try await stage.workOff()
            #expect(try await stage.stored(more).status == .ready)

            // A proof that was used again is no younger for it. (PostgreSQL has a clock of its own.)
            guard engine == .sqlite else { return }
            stage.world.clock.advance(by: .minutes(91))
            #expect(try await stage.order(["a.test"], through: flow).order.status == .pending)
            #expect(try await stage.order(["b.test"], through: flow).order.status == .ready)
        }
    }

    @Test(
        "an order ends with the first of its authorizations; what ends in a moment is proved anew",
        arguments: Engine.available)
    func ends(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            try await stage.answered("a.test")
            try await stage.workOff()
            let flow = stage.orders { plan in
                plan.authorizationReuse = .hours(2)
                plan.authorizationTTL = .hours(6)
            }
            // One of its proofs lasts two hours, another would last six.
            let mixed = try await stage.order(["a.test", "b.test"], through: flow)
            let expiries = try await stage.world.database.read { tx in
                try mixed.authorizations.compactMap { id in try ACMEAuthorizationStore().find(id, in: tx)?.expiresAt }
            }
            #expect(expiries.count == 2 && expiries.min() == mixed.order.expiresAt)
            #expect(mixed.order.status(at: mixed.order.expiresAt) == .invalid)
            let alone = try await stage.order(["c.test"], through: flow)
            #expect(alone.order.expiresAt - mixed.order.expiresAt > .hours(3))

            guard engine == .sqlite else { return }
            stage.world.clock.advance(by: .hours(2) - .seconds(20))
            #expect(try await stage.order(["a.test"], through: flow).order.status == .ready)
            stage.world.clock.advance(by: .seconds(12))
            #expect(try await stage.order(["a.test"], through: flow).order.status == .pending)
        }
    }

    @Test("who gives an authorization up gives up all that rest on the same proof", arguments: Engine.available)
    func deactivation(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let flow = stage.orders(Self.reuse)
            let first = try await stage.answered("a.test")
            try await stage.workOff()
            let second = try await stage.order(["a.test"], through: flow)
            #expect(second.order.status == .ready)
            let account = try await stage.account("a").account
            _ = try await flow.deactivate(first.authorizations[0].text, of: account, from: stage.world.origin)
            #expect(try await stage.status(second.authorizations[0]) == .deactivated)
            #expect(try await stage.stored(first).status == .invalid)
            #expect(try await stage.stored(second).status == .invalid)
            #expect(try await stage.order(["a.test"], through: flow).order.status == .pending)
            #expect(try await stage.audited("acme_authorization_deactivated") == 2)
        }
    }

    @Test(
        "who fails to prove a name five times in an hour waits with it, and only with it", arguments: Engine.available)
    func failures(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            stage.script.set("a.test", [Self.wrong])
            for _ in 0..<5 {
                try await stage.answered("a.test")
                try await stage.workOff()
                stage.world.clock.advance(by: .minutes(5))
            }
            for names in [["a.test"], ["b.test", "*.a.test"]] {
                let problem = await #expect(throws: ACMEProblem.self) { try await stage.order(names) }
                #expect(problem?.kind == .rateLimited && problem?.status == 429)
                #expect(problem?.parts.count == 1)
                // The first failure is 25 minutes ago, unless the database has a clock of its own.
                let wait = try #require(problem?.retryAfter)
                #expect(wait > .minutes(34) && (wait <= .minutes(35) || engine != .sqlite))
            }
            #expect(try await stage.order(["b.test"]).order.status == .pending)
            #expect(try await stage.order(["a.test"], by: "other").order.status == .pending)
            let unlimited = stage.orders { $0.failuresPerHour = 0 }
            #expect(try await stage.order(["a.test"], through: unlimited).order.status == .pending)
            guard engine == .sqlite else { return }
            stage.world.clock.advance(by: .minutes(36))
            #expect(try await stage.order(["a.test"]).order.status == .pending)
        }
    }

    @Test("a name that is proved is not enough where CAA records name others", arguments: Engine.available)
    func caa(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let pool = stage.pool(change: { $0.caaIdentities = ["ca.test"] })
            stage.script.setCAA(
                "a.test", ACMEFault(.caa, "the CAA records at a.test do not name this CA", isTransient: false))
            let view = try await stage.answered("a.test")
            try await stage.workOff(pool)
            #expect(try await stage.stored(view).status == .invalid)
            let error = try await stage.challenge(view.authorizations[0]).error
            #expect(error?["type"]?.stringValue == "urn:ietf:params:acme:error:caa")
            #expect(error?["status"]?.integerValue == 403)
            let question = try #require(stage.script.caaQuestions.first)
            #expect(question.method == .http01 && question.profileID == ValidationStage.profile)
            #expect(question.accountID == view.order.accountID && !question.isWildcard)

            // What is not known now may be known at the next attempt.
            stage.script.setCAA("b.test", ACMEFault(.dns, "CAA: no answer", isTransient: true))
            let later = try await stage.answered("b.test")
            try await stage.workOff(pool)
            #expect(try await stage.challenge(later.authorizations[0]).status == .processing)
            stage.script.setCAA("b.test", nil)
            stage.world.clock.advance(by: .seconds(3))
            let isReady = try await eventually(within: .seconds(20)) {
                try await stage.workOff(pool)
                return try await stage.stored(later).status == .ready
            }
            #expect(isReady)

            // Nobody said by which names records mean this CA, or the check is off: nobody is asked.
            let asked = stage.script.caaQuestions.count
            try await stage.answered("c.test")
            try await stage.workOff(stage.pool())
            try await stage.answered("d.test")
            try await stage.workOff(
                stage.pool(change: {
                    $0.caaIdentities = ["ca.test"]
                    $0.caaMode = .off
                }))
            #expect(stage.script.caaQuestions.count == asked)
            try await stage.answered("e.test")
            try await stage.workOff(stage.pool(change: { $0.caaMode = .enforce }))
            #expect(stage.script.caaQuestions.count == asked + 1)
        }
    }

    @Test("before it is issued, records are asked for again that were seen over eight hours ago")
    func finalization() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            let (account, profile) = try await stage.account("a")
            let author = Authorship(actor: ACMEActor.account(account.id), origin: nil, clearance: .system)
            let gate = ACMECAAGate(
                stage.world.context, plan: ValidationStage.plan { $0.caaIdentities = ["ca.test"] },
                check: { question throws(ACMEFault) in
                    if let fault = stage.script.caa(question) { throw fault }
                }, perspectives: stage.perspectives { _ in }, observeVotes: { _ in })
            func ready(_ names: [String]) async throws -> ACMEOrderView {
                let view = try await stage.order(names)
                for authorization in view.authorizations { try await stage.answer(authorization) }
                try await stage.workOff()
                return view
            }
            func pass(_ view: ACMEOrderView) async throws {
                _ = try await gate.pass(view.order.id.text, of: account, under: profile, by: author)
            }
            let views = try await [ready(["a.test", "b.test"]), ready(["c.test"])]
            stage.world.clock.advance(by: .hours(7))
            try await pass(views[0])
            #expect(stage.script.caaQuestions.isEmpty)
            stage.world.clock.advance(by: .hours(1))
            try await pass(views[0])
            #expect(Set(stage.script.caaQuestions.map(\.name.value)) == ["a.test", "b.test"])

            stage.script.setCAA("c.test", ACMEFault(.dns, "CAA: no answer", isTransient: true))
            #expect(await #expect(throws: ACMEProblem.self) { try await pass(views[1]) }?.kind == .dns)
            #expect(try await stage.stored(views[1]).status == .ready)
            stage.script.setCAA("b.test", ACMEFault(.caa, "another CA", isTransient: false))
            let problem = await #expect(throws: ACMEProblem.self) { try await pass(views[0]) }
            #expect(problem?.kind == .caa && problem?.status == 403)
            #expect(try await stage.stored(views[0]).status == .invalid)
            #expect(try await stage.audited("acme_order_failed") == 1)
        }
    }
}
