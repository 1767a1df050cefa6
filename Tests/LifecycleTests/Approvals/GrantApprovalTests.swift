import Access
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Store
import Testing

@Suite("Great power is given by two people, once there are two (security §3.4)")
struct GrantApprovalTests {
    static let dora = Actor(id: "dora", type: .apiKey)

    private func grants(_ stage: ApprovalStage, _ rule: SecondPersonRule = .automatic) -> GrantFlow {
        GrantFlow(stage.world.access(stage.world.authenticator, grants: rule))
    }

    private func ask(
        _ stage: ApprovalStage, _ role: String = "r-admin", rule: SecondPersonRule = .automatic
    ) async throws -> GrantOutcome {
        try await grants(stage, rule).grant(
            GrantRequest(roleID: role), to: Self.dora,
            by: try await stage.world.author("alice", using: .authRoleAssign))
    }

    private func roles(_ stage: ApprovalStage) async throws -> [String] {
        try await stage.world.principal("dora").roleIDs
    }

    @Test(
        "an administrator is made by two; the requester, the receiver and lesser people don't agree",
        arguments: Engine.available)
    func twoPeople(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.world.actor("dora")
            try await stage.world.actor("olga", [("r-operator", .global)])
            try await stage.custody("olga", mayApprove: true)
            guard case .pending(let id) = try await ask(stage) else {
                Issue.record("granted at once")
                return
            }
            #expect(try await roles(stage) == [])
            #expect(await refusal { _ = try await ask(stage) } == .alreadyExists)
            #expect(await stage.refusalOf(id, by: "alice") == .selfApprovalForbidden)
            #expect(await stage.refusalOf(id, by: "olga") == .insufficientPermissions)
            #expect(try await stage.approval(id).state == .pending)
            try await stage.decide(id, by: "bob")
            #expect(try await roles(stage) == ["r-admin"])
            #expect(try await stage.world.actions(on: "dora").contains("actor_role.grant"))
        }
    }

    @Test("before two people could agree, and where the setting says so, nobody is asked", arguments: Engine.available)
    func rule(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            try await stage.world.actor("dora")
            #expect(try await ask(stage, "r-operator") == .granted)
            try await stage.custody("carol", owner: "u-bob", mayApprove: true)
            try await stage.custody("bob", owner: "u-bob", mayApprove: true)
            if case .pending = try await ask(stage, rule: .always) {} else { Issue.record("always asks") }
            #expect(try await ask(stage) == .granted, "two keys of one person are one person")
        }
    }

    @Test("no way around: keys, replacements and roles that are held already", arguments: Engine.available)
    func sideDoors(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await world.actor("dora")
            let access = world.access(world.authenticator, grants: .automatic)
            let alice = try await world.author("alice", using: .authRoleAssign)
            var draft = APIKeyDraft(name: "new-admin")
            draft.grants = [GrantRequest(roleID: "r-admin")]
            let made = draft
            #expect(
                await refusal {
                    _ = try await APIKeyFlow(access, sealer: world.sealer).create(
                        made, by: try await world.principal("alice"), origin: world.origin)
                } == .approvalRequired)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM api_keys WHERE name = 'new-admin'") == 0)
            #expect(
                await refusal {
                    try await GrantFlow(access).replace([GrantRequest(roleID: "r-admin")], of: Self.dora, by: alice)
                } == .approvalRequired)
            let roleFlow = RoleFlow(access)
            let role = try await roleFlow.create(name: "helpers", description: "", copying: nil, by: alice)
            try await roleFlow.add(Entitlement(.certRead), to: role.id, by: alice)
            #expect(
                try await GrantFlow(access).grant(GrantRequest(roleID: role.id.text), to: Self.dora, by: alice)
                    == .granted)
            #expect(
                await refusal { try await roleFlow.add(Entitlement(.authRoleAssign), to: role.id, by: alice) }
                    == .approvalRequired)
            #expect(try await roles(stage) == [role.id.text])
            #expect(try await !world.principal("dora").holds(.authRoleAssign))
        }
    }

    @Test("T35: a role that opens something else by now is not given", arguments: Engine.available)
    func stale(engine: Engine) async throws {
        try await ApprovalStage.with(engine) { stage async throws in
            let world = stage.world
            try await world.actor("dora")
            let roleFlow = RoleFlow(world.access(world.authenticator, grants: .automatic))
            let alice = try await world.author("alice", using: .authRoleEdit)
            let role = try await roleFlow.create(name: "helpers", description: "", copying: nil, by: alice)
            try await roleFlow.add(Entitlement(.authRoleList), to: role.id, by: alice)
            guard case .pending(let id) = try await ask(stage, role.id.text) else {
                Issue.record("granted at once")
                return
            }
            try await roleFlow.add(Entitlement(.authRoleAssign), to: role.id, by: alice)
            #expect(await stage.refusalOf(id, by: "bob") == .staleApproval)
            #expect(try await roles(stage) == [])
            #expect(try await stage.approval(id).state == .expired)
        }
    }
}
