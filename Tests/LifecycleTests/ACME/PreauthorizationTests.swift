import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.4.1: authorizations ahead of orders")
struct PreauthorizationTests {
    private static func authorize(
        _ name: String, _ stage: ValidationStage, by account: String = "a", through flow: ACMEOrderFlow? = nil
    ) async throws -> ACMEAuthorizationView {
        let (account, profile) = try await stage.account(account)
        return try await (flow ?? stage.orders).authorize(
            ACMEName(.dns, name), for: account, under: profile, from: stage.world.origin
        ).view
    }

    @Test(
        "once proved it counts for orders until it ends, also where proofs are not used again",
        arguments: Engine.available)
    func counts(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let ahead = try await Self.authorize("a.test", stage)
            #expect(ahead.status == .pending && ahead.authorization.orderID == nil)
            // What is not proved yet counts for nothing.
            #expect(try await stage.order(["a.test"]).order.status == .pending)
            // Whoever asks again gets the same.
            #expect(try await Self.authorize("a.test", stage).authorization.id == ahead.authorization.id)
            #expect(try await Self.authorize("a.test", stage, by: "other").authorization.id != ahead.authorization.id)
            try await stage.answer(ahead.authorization.id)
            #expect(try await stage.workOff() == 1)
            #expect(try await stage.status(ahead.authorization.id) == .valid)
            let order = try await stage.order(["a.test"])
            #expect(order.order.status == .ready)
            #expect(try await stage.order(["a.test", "b.test"]).order.status == .pending)
            #expect(try await stage.order(["*.a.test"]).order.status == .pending)
            #expect(try await stage.order(["a.test"], by: "other").order.status == .pending)
            #expect(try await stage.audited("acme_authorization_created") == 2)

            let account = try await stage.account("a").account
            _ = try await stage.orders.deactivate(
                ahead.authorization.id.text, of: account, from: stage.world.origin)
            #expect(try await stage.stored(order).status == .invalid)
            #expect(try await stage.order(["a.test"]).order.status == .pending)
        }
    }

    @Test(
        "a wildcard is refused, a failure ends it alone, and only so many wait at a time", arguments: Engine.available)
    func limits(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let refusal = await #expect(throws: ACMEProblem.self) { _ = try await Self.authorize("*.a.test", stage) }
            #expect(refusal?.kind == .rejectedIdentifier)
            stage.script.set("a.test", [ACMEFault(.incorrectResponse, "another page", isTransient: false)])
            let failed = try await Self.authorize("a.test", stage)
            try await stage.answer(failed.authorization.id)
            try await stage.workOff()
            #expect(try await stage.status(failed.authorization.id) == .invalid)
            #expect(try await stage.audited("acme_order_failed") == 0)

            let flow = stage.orders { $0.concurrentOrders = 2 }
            for name in ["b.test", "c.test"] { _ = try await Self.authorize(name, stage, through: flow) }
            let full = await #expect(throws: ACMEProblem.self) {
                _ = try await Self.authorize("d.test", stage, through: flow)
            }
            #expect(full?.kind == .rateLimited && full?.retryAfter != nil)
        }
    }

    @Test("drafts are offered to profiles that name them, and persistent records where this CA has a name")
    func types() {
        var fields = ProfileFields(name: "p", acmeAuthMode: .challenge)
        var plan = ACMEPlan()
        for type in ACMEChallengeType.allCases { plan.validations[type] = 1 }
        func offered() -> [ACMEChallengeType] {
            plan.challengeTypes(under: ACMEProfile(id: ValidationStage.profile, fields: fields))
        }
        #expect(Set(offered()) == [.http01, .dns01, .tlsALPN01])
        fields.acmeChallengeTypes = [.dnsAccount01, .dnsPersist01]
        #expect(offered() == [.dnsAccount01])
        plan.caaIdentities = ["ca.example"]
        #expect(offered() == [.dnsAccount01, .dnsPersist01])
    }
}
