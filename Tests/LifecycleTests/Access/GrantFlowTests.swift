import Access
import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Sealing
import Store
import Testing

@Suite("Nobody gains more than they have, and somebody always administers (security §3.4)")
struct GrantFlowTests {
    static func flow(_ world: World, allowsAuditorOverlap: Bool = false) -> GrantFlow {
        GrantFlow(world.access(world.authenticator, allowsAuditorOverlap: allowsAuditorOverlap))
    }

    static let bob = Actor(id: "bob", type: .apiKey)
    static let local = GrantScope.issuer(World.issuer)

    static func blocked(_ world: World) async throws -> Int {
        try await world.count("SELECT COUNT(*) AS n FROM audit_events WHERE action = 'auth.escalation_blocked'")
    }

    @Test("A-9: a caller grants only what it holds itself, to the extent that it holds it", arguments: Engine.available)
    func subset(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let flow = Self.flow(world)
            try await world.actor("bob")
            try await world.actor("carol", [("r-operator", .global), ("r-cli", .global)])
            try await world.database.write { tx in
                // Carol may assign roles, but is only an operator beside that.
                let role = try RoleStore().insert(
                    RoleID(stored: "r-assigner"), name: "assigner", description: "", in: tx)
                _ = try RoleStore().add(Entitlement(.authRoleAssign), to: role.id, in: tx)
                _ = try RoleStore().add(Entitlement(.issuerDelete, Self.local), to: role.id, in: tx)
                try GrantStore().grant(
                    GrantID(stored: "ar-1"), role: role.id.text, to: Actor(id: "carol", type: .apiKey), by: "x", in: tx)
            }
            let carol = try await world.author("carol", using: .authRoleAssign)
            func grant(_ role: String, _ scope: GrantScope = .global) async -> ErrorCode? {
                await refusal {
                    try await flow.grant(GrantRequest(roleID: role, scope: scope), to: Self.bob, by: carol)
                }
            }
            #expect(await grant("r-admin") == .privilegeEscalation)
            #expect(await grant("r-auditor") == .privilegeEscalation, "audit.export is not hers")
            #expect(try await Self.blocked(world) == 2)
            #expect(await grant("r-viewer") == nil)
            #expect(await grant("r-operator", Self.local) == nil)
            #expect(await grant("r-assigner") == nil, "within her own extent, narrowed permissions included")
            #expect(try await world.principal("bob").rights.reach(of: .issuerDelete).covers(Self.local))
            #expect(await grant("r-nothing") == .unknownReference)
            #expect(await grant("r-viewer", .issuer(IssuerID(stored: "iss-none"))) == .unknownReference)
            let widened = Entitlement(.issuerDelete)
            let roles = RoleFlow(world.access(world.authenticator))
            let own = await refusal { try await roles.add(widened, to: RoleID(stored: "r-assigner"), by: carol) }
            #expect(own == .privilegeEscalation)
        }
    }

    @Test("nobody grants to themselves, to agents, to the reserved actor, or to a name that nobody has")
    func targets() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            let flow = Self.flow(world)
            let author = try await world.author("alice", using: .authRoleAssign)
            let rows: [(Actor, ErrorCode)] = [
                (Actor(id: "alice", type: .apiKey), .privilegeEscalation), (Self.bob, .unknownReference),
                (Actor(id: "u-1", type: .user), .unknownReference), (Actor(id: "web-01", type: .agent), .unprocessable),
                (Actor(id: "actor-demo-anon", type: .anonymous), .invalidState),
                (Actor(id: "actor-demo-anon", type: .apiKey), .invalidState),
                (Actor(id: "system", type: .system), .unprocessable),
            ]
            for (actor, code) in rows {
                let refused = await refusal {
                    try await flow.grant(GrantRequest(roleID: "r-viewer"), to: actor, by: author)
                }
                #expect(refused == code, "\(actor)")
            }
        }
    }

    @Test("a grant with an end lapses at that instant, for a principal that is remembered too")
    func expiry() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            let token = try await world.actor("bob")
            let author = try await world.author("alice", using: .authRoleAssign)
            let authenticator = world.authenticator
            let flow = GrantFlow(world.access(authenticator))
            let end = world.clock.now + .seconds(3)
            let request = GrantRequest(roleID: "r-viewer", expiresAt: end)
            try await flow.grant(request, to: Self.bob, by: author)
            func permissions() async throws -> Int {
                guard
                    case .principal(let found) = try await authenticator.authenticate(bearer: token, from: "192.0.2.9")
                else { return -1 }
                return found.permissions.count
            }
            #expect(try await permissions() == 19)
            world.clock.advance(by: .milliseconds(2999))
            #expect(try await permissions() == 19)
            world.clock.advance(by: .milliseconds(1))
            #expect(try await permissions() == 0)
            let again = GrantRequest(roleID: "r-viewer", expiresAt: world.clock.now + .seconds(3))
            try await flow.grant(again, to: Self.bob, by: author)
            #expect(try await permissions() == 19, "a grant that has ended does not stand in the way")
            let late = GrantRequest(roleID: "r-mcp", expiresAt: world.clock.now)
            #expect(await refusal { try await flow.grant(late, to: Self.bob, by: author) } == .validationFailed)
        }
    }

    @Test("a replica that did not make the change learns of it by signal", arguments: Engine.available)
    func propagation(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            _ = try await world.administrator()
            try await world.actor("bob")
            let signals = world.database.signals(on: .access)
            let author = try await world.author("alice", using: .authRoleAssign)
            try await Self.flow(world).grant(GrantRequest(roleID: "r-viewer"), to: Self.bob, by: author)
            let heard = await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await payload in signals where payload == "bob" { return true }
                    return false
                }
                group.addTask { (try? await Task.sleep(for: .seconds(10))) == nil }
                defer { group.cancelAll() }
                return await group.next() ?? false
            }
            #expect(heard)
        }
    }

    @Test("A-9: of two administrators who are removed at the same time, one stays", arguments: Engine.available)
    func lastAdministrator(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            for round in 0..<4 {
                let names = ["ann-\(round)", "ben-\(round)"]
                _ = try await world.database.write { tx in try tx.execute("DELETE FROM actor_roles") }
                for name in names { try await world.actor(name, [("r-admin", .global)]) }
                let authors = [
                    try await world.author(names[0], using: .authRoleRevoke),
                    try await world.author(names[1], using: .authRoleRevoke),
                ]
                let codes = await withTaskGroup(of: ErrorCode?.self) { group in
                    for (author, other) in zip(authors, names.reversed()) {
                        group.addTask {
                            await refusal {
                                try await Self.flow(world).revoke(
                                    role: "r-admin", in: nil, from: Actor(id: other, type: .apiKey), by: author)
                            }
                        }
                    }
                    return await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
                }
                #expect(codes.filter { $0 == nil }.count == 1)
                #expect(codes.filter { $0 == .lastAdministrator }.count == 1)
                let left = try await world.database.read { tx in try GrantStore().usableAdministrators(in: tx) }
                #expect(left == 1)
            }
        }
    }

    @Test("A-9: neither replacing, revoking, switching off, ending nor deleting takes the last administrator")
    func lastAdministratorByAnyWay() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            // Neither of these administers: one's grant is narrow, the other's key has ended.
            try await world.actor("narrow", [("r-admin", Self.local)])
            try await world.actor("ended", [("r-admin", .global)], expiresAt: world.clock.now)
            let author = try await world.author("alice", using: .authRoleRevoke)
            let (flow, keys) = (Self.flow(world), world.keys(world.authenticator))
            let alice = Actor(id: "alice", type: .apiKey)
            let ways: [@Sendable () async throws -> Void] = [
                { try await flow.revoke(role: "r-admin", in: nil, from: alice, by: author) },
                { try await flow.revoke(role: "r-admin", in: .global, from: alice, by: author) },
                { try await flow.replace([], of: alice, by: author) },
                { try await keys.revoke(name: "alice", by: admin, origin: world.origin) },
                {
                    _ = try await keys.update(name: "alice", expecting: nil, by: admin, origin: world.origin) {
                        $0.isDisabled = true
                    }
                },
            ]
            for (index, way) in ways.enumerated() {
                #expect(await refusal { try await way() } == .lastAdministrator, "way \(index)")
            }
            #expect(try await Self.blocked(world) == ways.count)
            try await world.actor("second", [("r-admin", .global)])
            #expect(await refusal { try await ways[0]() } == nil)
        }
    }

    @Test("an auditor changes nothing, unless the operator of the server allows it")
    func auditorSplit() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            try await world.actor("audrey", [("r-auditor", .global)])
            let audrey = Actor(id: "audrey", type: .apiKey)
            let author = try await world.author("alice", using: .authRoleAssign)
            let flow = Self.flow(world)
            func grant(_ role: String) async -> ErrorCode? {
                await refusal { try await flow.grant(GrantRequest(roleID: role), to: audrey, by: author) }
            }
            #expect(await grant("r-operator") == .auditorOverlap)
            #expect(await grant("r-viewer") == nil)
            let roles = RoleFlow(world.access(world.authenticator))
            let role = try await roles.create(name: "reader", description: "", copying: nil, by: author)
            #expect(await grant(role.id.text) == nil)
            let widened = await refusal {
                try await roles.add(Entitlement(.certIssue), to: role.id, by: author)
            }
            #expect(widened == .auditorOverlap)
            #expect(await refusal { try await roles.add(Entitlement(.statsRead), to: role.id, by: author) } == nil)
            let lax = Self.flow(world, allowsAuditorOverlap: true)
            #expect(
                await refusal { try await lax.grant(GrantRequest(roleID: "r-operator"), to: audrey, by: author) } == nil
            )
        }
    }

    @Test("revoking all variants is repeatable; one that is not there is not found")
    func revocation() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            try await world.actor("bob", [("r-viewer", .global), ("r-viewer", Self.local)])
            let author = try await world.author("alice", using: .authRoleRevoke)
            let flow = Self.flow(world)
            try await flow.revoke(role: "r-viewer", in: Self.local, from: Self.bob, by: author)
            let absent = await refusal {
                try await flow.revoke(role: "r-viewer", in: Self.local, from: Self.bob, by: author)
            }
            #expect(absent == .notFound)
            try await flow.revoke(role: "r-viewer", in: nil, from: Self.bob, by: author)
            try await flow.revoke(role: "r-viewer", in: nil, from: Self.bob, by: author)
            #expect(try await world.actions(on: "bob") == ["actor_role.revoke", "actor_role.revoke"])
        }
    }

    @Test("replacing changes what differs and nothing else")
    func replacement() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            try await world.actor("bob", [("r-viewer", .global), ("r-operator", Self.local)])
            let author = try await world.author("alice", using: .authRoleAssign)
            let wanted = [
                GrantRequest(roleID: "r-viewer"), GrantRequest(roleID: "r-cli", scope: Self.local),
            ]
            try await Self.flow(world).replace(wanted, of: Self.bob, by: author)
            let held = try await world.database.read { tx in try GrantStore().grants(of: Self.bob, in: tx) }
            #expect(Set(held.map(\.request)) == Set(wanted))
            #expect(try await world.actions(on: "bob") == ["actor_role.grant", "actor_role.revoke"])
        }
    }

    @Test("A-10: a global grant exists once, however often it is made", arguments: Engine.available)
    func once(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            _ = try await world.administrator()
            try await world.actor("bob")
            let author = try await world.author("alice", using: .authRoleAssign)
            for _ in 0..<3 {
                try await Self.flow(world).grant(GrantRequest(roleID: "r-viewer"), to: Self.bob, by: author)
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM actor_roles WHERE actor_id = 'bob'") == 1)
            #expect(try await world.actions(on: "bob") == ["actor_role.grant"])
        }
    }

    @Test("deleting an issuer takes the grants that name it along, audited", arguments: Engine.available)
    func deletedScope(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.actor("bob", [("r-viewer", Self.local), ("r-viewer", .global)])
            try await world.issuers.delete(World.issuer, expecting: nil, by: world.author)
            let held = try await world.database.read { tx in try GrantStore().grants(of: Self.bob, in: tx) }
            #expect(held.map(\.scope) == [.global])
            #expect(try await world.actions(on: "bob") == ["actor_role.revoke"])
        }
    }
}
