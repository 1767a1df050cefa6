import Access
import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Roles of one's own, and seven that stay as they are (security §3.4, §3.5)")
struct RoleFlowTests {
    static func flow(_ world: World) -> RoleFlow { RoleFlow(world.access(world.authenticator)) }

    @Test("a role is made, filled, renamed, emptied and deleted", arguments: Engine.available)
    func life(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            _ = try await world.administrator()
            let (flow, author) = (Self.flow(world), try await world.author("alice", using: .authRoleEdit))
            let role = try await flow.create(name: "issuers", description: "x", copying: nil, by: author)
            let scope = GrantScope.issuer(World.issuer)
            try await flow.add(Entitlement(.certIssue, scope), to: role.id, by: author)
            try await flow.add(Entitlement(.certIssue, scope), to: role.id, by: author)
            try await world.actor("bob", [(role.id.text, .global)])
            #expect(try await world.principal("bob").rights.entitlements == [Entitlement(.certIssue, scope)])
            #expect(await refusal { try await flow.delete(role.id, by: author) } == .inUse)
            let renamed = try await flow.update(
                role.id, name: "signers", description: "", expecting: role.rowVersion, by: author)
            #expect(renamed.name == "signers")
            let stale = await refusal {
                _ = try await flow.update(role.id, name: "x", description: "", expecting: role.rowVersion, by: author)
            }
            #expect(stale == .preconditionFailed)
            #expect(
                await refusal {
                    _ = try await flow.create(name: "signers", description: "", copying: nil, by: author)
                } == .alreadyExists
            )
            try await flow.remove(permission: "cert.issue", in: scope, from: role.id, by: author)
            #expect(try await world.principal("bob").rights.entitlements.isEmpty)
            try await world.database.write { tx in
                _ = try GrantStore().revoke(role: role.id.text, from: Actor(id: "bob", type: .apiKey), in: tx)
            }
            try await flow.delete(role.id, by: author)
            try await flow.delete(role.id, by: author)
            #expect(
                try await world.actions(on: role.id.text).sorted() == [
                    "role.create", "role.delete", "role.permission.add", "role.permission.remove", "role.update",
                ]
            )
        }
    }

    @Test("A-9: the default roles are neither renamed, extended, reduced nor deleted", arguments: BuiltInRole.allCases)
    func immutable(role: BuiltInRole) async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            let (flow, author) = (Self.flow(world), try await world.author("alice", using: .authRoleEdit))
            let id = RoleID(stored: role.rawValue)
            let ways: [@Sendable () async throws -> Void] = [
                { _ = try await flow.update(id, name: "x", description: "", expecting: nil, by: author) },
                { try await flow.add(Entitlement(.certRead), to: id, by: author) },
                { try await flow.remove(permission: "cert.read", in: .global, from: id, by: author) },
                { try await flow.delete(id, by: author) },
            ]
            for way in ways { #expect(await refusal { try await way() } == .systemRole) }
        }
    }

    @Test("A-34: every permission of the catalogue can be given to a role, and two alone open nothing")
    func catalogue() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            let (flow, author) = (Self.flow(world), try await world.author("alice", using: .authRoleEdit))
            let role = try await flow.create(name: "all", description: "", copying: nil, by: author)
            for permission in Permission.allCases {
                try await flow.add(Entitlement(permission), to: role.id, by: author)
            }
            let names = try await world.database.read { tx in
                try GrantStore().permissionNames(ofRole: role.id.text, in: tx)
            }
            #expect(Set(names) == Set(Permission.allCases.map(\.rawValue)))
            #expect(BuiltInRole.withoutEffect == [.authBootstrapUse, .agentJobReport])
        }
    }

    @Test("a copy starts with what the original allows, as far as the copier holds it")
    func copy() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            try await world.actor("carol", [("r-operator", .global)])
            let flow = Self.flow(world)
            let alice = try await world.author("alice", using: .authRoleCreate)
            let copy = try await flow.create(
                name: "viewers", description: "", copying: RoleID(stored: "r-viewer"), by: alice)
            let names = try await world.database.read { tx in
                try GrantStore().permissionNames(ofRole: copy.id.text, in: tx)
            }
            #expect(Set(names) == Set(BuiltInRole.viewer.permissions.map(\.rawValue)))
            let carol = try await world.author("carol", using: .authRoleCreate)
            let exceeding = await refusal {
                _ = try await flow.create(
                    name: "mine", description: "", copying: RoleID(stored: "r-admin"), by: carol)
            }
            #expect(exceeding == .privilegeEscalation)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM roles WHERE name = 'mine'") == 0)
            let unknown = await refusal {
                _ = try await flow.create(name: "y", description: "", copying: RoleID(stored: "r-no"), by: alice)
            }
            #expect(unknown == .unknownReference)
        }
    }

    @Test("nobody extends a role that they hold, but everybody may reduce it")
    func ownRole() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            let (flow, author) = (Self.flow(world), try await world.author("alice", using: .authRoleEdit))
            let role = try await flow.create(name: "own", description: "", copying: nil, by: author)
            try await flow.add(Entitlement(.certRead), to: role.id, by: author)
            _ = try await world.database.write { tx in
                try GrantStore().grant(
                    GrantID(stored: "ar-own"), role: role.id.text, to: Actor(id: "alice", type: .apiKey), by: "x",
                    in: tx)
            }
            let extended = await refusal { try await flow.add(Entitlement(.jobRead), to: role.id, by: author) }
            #expect(extended == .privilegeEscalation)
            try await flow.remove(permission: "cert.read", in: .global, from: role.id, by: author)
        }
    }

    @Test("what explains an access agrees with what decides it, for every permission and role")
    func explanation() async throws {
        try await World.with(.sqlite) { world async throws in
            let scope = GrantScope.issuer(World.issuer)
            for role in BuiltInRole.allCases { try await world.actor("of-\(role.name)", [(role.rawValue, scope)]) }
            try await world.database.read { tx in
                for role in BuiltInRole.allCases {
                    let actor = Actor(id: "of-\(role.name)", type: .apiKey)
                    for permission in Permission.allCases {
                        for (wanted, isIn) in [(scope, true), (.global, false)] {
                            let answer = try AccessExplanation.explain(
                                Entitlement(permission, wanted), for: actor, in: tx)
                            #expect(answer.isAllowed == (isIn && role.permissions.contains(permission)))
                            #expect(answer.isAllowed == !answer.because.isEmpty)
                            #expect(answer.isAllowed == (answer.missing == nil))
                        }
                    }
                }
            }
        }
    }
}
