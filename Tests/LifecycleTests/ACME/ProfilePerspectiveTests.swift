import DatabaseTestSupport
import Domain
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("ADR-0031: a profile says which perspectives confirm its proofs")
struct ProfilePerspectiveTests {
    private static let other = ProfileID(stored: "prof-public")

    private static func plan(_ plan: inout ACMEPlan) {
        plan.perspectives = [
            ACMEPerspective(name: "eu", agents: ["agent-eu"]), ACMEPerspective(name: "us", agents: ["agent-us"]),
        ]
        // One attempt, so that what is not confirmed fails at once.
        plan.validationTimeout = .seconds(1)
        plan.authorizationReuse = .hours(8)
    }

    private static func set(
        _ stage: ValidationStage, _ change: @escaping @Sendable (inout ProfileFields) -> Void
    ) async throws {
        try await stage.world.database.write { tx in
            var fields = try ProfileStore().get(ValidationStage.profile, in: tx).fields
            change(&fields)
            _ = try ProfileStore().update(ValidationStage.profile, fields, expecting: nil, in: tx)
        }
    }

    private static func asked(_ stage: ValidationStage) async throws -> [String] {
        try await stage.world.database.read { tx in
            try tx.rows("SELECT perspective FROM acme_perspective_checks ORDER BY perspective").map {
                try $0.text("perspective")
            }
        }
    }

    @Test("none: an internal profile asks nobody beside a public one", arguments: Engine.available)
    func nobody(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            try await Self.set(stage) { $0.acmePerspectives = [ACMEPerspective.nobody] }
            let view = try await stage.answered("inside.test")
            #expect(try await stage.workOff(stage.pool(change: Self.plan)) == 1)
            #expect(try await stage.stored(view).status == .ready)
            #expect(try await Self.asked(stage).isEmpty)
        }
    }

    @Test("those that the profile names are asked alone; a name that the settings lack confirms nothing")
    func named() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            try await Self.set(stage) { $0.acmePerspectives = ["us", "gone"] }
            let view = try await stage.answered("outside.test")
            #expect(
                try await stage.workOff(stage.pool(patience: ValidationStage.shortPatience, change: Self.plan)) == 1)
            #expect(try await stage.stored(view).status == .invalid)
            #expect(try await Self.asked(stage) == ["gone", "us"])
        }
    }

    @Test("the rule of the ballot is that of the profile's own perspectives, unless it has a number")
    func quorum() {
        var plan = ACMEPlan()
        Self.plan(&plan)
        plan.perspectiveQuorum = 2
        var fields = ProfileFields(name: "x")
        #expect(plan.witnesses(under: fields).count.needed == 2)
        fields.acmePerspectiveQuorum = 1
        #expect(plan.witnesses(under: fields).count.needed == 1)
        fields.acmePerspectives = ["eu", "us", "ap"]
        fields.acmePerspectiveQuorum = 0
        #expect(plan.witnesses(under: fields).count.needed == 2)
        fields.acmePerspectiveQuorum = 3
        #expect(plan.witnesses(under: fields).count.needed == 3)
        #expect(plan.witnesses(under: fields).perspectives.map(\.agents) == [["agent-eu"], ["agent-us"], []])
        fields.acmePerspectives = [ACMEPerspective.nobody]
        #expect(plan.witnesses(under: fields).perspectives.isEmpty)
    }

    @Test("what nobody confirmed under one profile is proved anew under another that asks for it")
    func reuse() async throws {
        try await ValidationStage.with(.sqlite) { stage async throws in
            try await Self.set(stage) { $0.acmePerspectives = [ACMEPerspective.nobody] }
            try await stage.world.database.write { tx in
                _ = try ProfileStore().insert(
                    Self.other, ProfileFields(name: "public", acmeAuthMode: .challenge), in: tx)
            }
            let orders = stage.orders(Self.plan)
            let first = try await stage.answered("both.test")
            _ = try await stage.workOff(stage.pool(change: Self.plan))
            #expect(try await stage.stored(first).status == .ready)
            // Under its own profile the proof counts again, under the other it does not.
            #expect(try await stage.order(["both.test"], through: orders).order.status == .ready)
            let (account, _) = try await stage.account("a")
            let fields = try await stage.world.database.read { tx in
                try ProfileStore().get(Self.other, in: tx).fields
            }
            let strict = try await orders.create(
                ACMEOrderRequest(names: [ACMEName(.dns, "both.test")]), for: account,
                under: ACMEProfile(id: Self.other, fields: fields), from: stage.world.origin)
            #expect(strict.order.status == .pending)
        }
    }
}
