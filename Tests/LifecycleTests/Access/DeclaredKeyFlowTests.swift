import Access
import DatabaseTestSupport
import Domain
import Query
import Sealing
import Store
import Testing

@Suite("Keys that the environment declares (security §2.2)")
struct DeclaredKeyFlowTests {
    static let first = Secret("first-key-of-more-than-thirty-two-characters")
    static let second = Secret("second-key-of-more-than-thirty-two-characters")

    static func flow(_ world: World) -> DeclaredKeyFlow { DeclaredKeyFlow(world.access(world.authenticator)) }

    static func key(_ name: String, _ values: [Secret], role: String = "r-viewer") -> DeclaredAPIKey {
        let hashes = values.map { DeclaredAPIKey.hash(of: $0) }
        return DeclaredAPIKey(
            name: name, hash: hashes[0], previous: hashes.count > 1 ? hashes[1] : nil, roleID: role)
    }

    static func outcome(_ world: World, _ token: Secret) async throws -> String {
        guard case .principal(let found) = try await world.authenticator.authenticate(bearer: token, from: "::1") else {
            return "refused"
        }
        return "\(found.actor.id) \(found.roleIDs.joined(separator: ","))"
    }

    @Test("they work, overlap in a rotation, and are switched off when no longer declared", arguments: Engine.available)
    func life(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let flow = Self.flow(world)
            #expect(try await flow.declare([Self.key("Ops_1", [Self.first], role: "r-operator")]) == [])
            #expect(try await Self.outcome(world, Self.first) == "Ops_1 r-operator")
            let both = Self.key("Ops_1", [Self.second, Self.first], role: "r-operator")
            #expect(try await flow.declare([both]) == [])
            #expect(try await Self.outcome(world, Self.first) == "Ops_1 r-operator")
            #expect(try await Self.outcome(world, Self.second) == "Ops_1 r-operator")
            #expect(try await flow.declare([Self.key("Ops_1", [Self.second], role: "r-operator")]) == [])
            #expect(try await Self.outcome(world, Self.first) == "refused")
            #expect(try await flow.declare([]) == ["Ops_1"])
            #expect(try await Self.outcome(world, Self.second) == "refused")
            #expect(try await flow.declare([]) == [], "once is enough")
            #expect(try await flow.declare([Self.key("Ops_1", [Self.second], role: "r-operator")]) == [])
            #expect(try await Self.outcome(world, Self.second) == "Ops_1 r-operator")
        }
    }

    @Test("A-8: a role that an administrator took away does not come back with the next start")
    func firstCreationOnly() async throws {
        try await World.with(.sqlite) { world async throws in
            let flow = Self.flow(world)
            let declared = Self.key("ops", [Self.first], role: "r-admin")
            _ = try await flow.declare([declared])
            _ = try await world.administrator()
            let author = try await world.author("alice", using: .authRoleRevoke)
            let ops = Actor(id: "ops", type: .apiKey)
            let grants = GrantFlow(world.access(world.authenticator))
            try await grants.revoke(role: "r-admin", in: nil, from: ops, by: author)
            try await grants.grant(GrantRequest(roleID: "r-viewer"), to: ops, by: author)
            _ = try await flow.declare([declared])
            #expect(try await Self.outcome(world, Self.first) == "ops r-viewer")
        }
    }

    @Test("the API changes nothing about them but their grants, and they close the bootstrap")
    func managedByEnvironment() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await Self.flow(world).declare([Self.key("ops", [Self.first], role: "r-admin")])
            #expect(try await !BootstrapFlow.isOpen(world.database))
            let admin = try await world.administrator()
            let keys = world.keys(world.authenticator)
            let ways: [@Sendable () async throws -> Void] = [
                { _ = try await keys.rotate(name: "ops", overlap: .zero, by: admin, origin: world.origin) },
                { try await keys.revoke(name: "ops", by: admin, origin: world.origin) },
                {
                    _ = try await keys.update(name: "ops", expecting: nil, by: admin, origin: world.origin) {
                        $0.isDisabled = true
                    }
                },
            ]
            for way in ways { #expect(await refusal { try await way() } == .invalidState) }
        }
    }

    @Test("a declaration that does not fit changes nothing: a name made over the API, a role that does not exist")
    func conflicts() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.administrator()
            let flow = Self.flow(world)
            let taken = [Self.key("ops", [Self.first]), Self.key("alice", [Self.second])]
            #expect(await refusal { _ = try await flow.declare(taken) } == .alreadyExists)
            let roleless = [Self.key("ops", [Self.first], role: "r-none")]
            #expect(await refusal { _ = try await flow.declare(roleless) } == .unknownReference)
            #expect(try await Self.outcome(world, Self.first) == "refused")
        }
    }

    @Test("replicas that start at the same time make each key once", arguments: Engine.available)
    func replicas(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let declared = [Self.key("ops", [Self.first], role: "r-admin"), Self.key("ci", [Self.second])]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { _ = try await Self.flow(world).declare(declared) } }
                try await group.waitForAll()
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM api_keys") == 2)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM actor_roles") == 2)
        }
    }
}
