import Access
import DatabaseTestSupport
import Domain
import Query
import Sealing
import Store
import Testing

@Suite("Bearer credentials become principals, or do not (security §2.2, §2.4)")
struct AuthenticatorTests {
    /// A key that alice, the administrator, makes; she is put into the database first.
    static func create(
        _ world: World,
        _ authenticator: Authenticator,
        roles: [String] = [],
        expiresAt: Timestamp? = nil
    ) async throws -> IssuedAPIKey {
        var draft = APIKeyDraft(name: "ci-bot")
        draft.grants = roles.map { GrantRequest(roleID: $0) }
        draft.expiresAt = expiresAt
        return try await world.keys(authenticator).create(
            draft, by: try await world.administrator(), origin: world.origin)
    }

    static func outcome(_ authenticator: Authenticator, _ token: Secret) async throws -> String {
        switch try await authenticator.authenticate(bearer: token, from: "192.0.2.9") {
        case .principal(let principal): principal.actor.id
        case .refused: "refused"
        case .agentRetired(let id): "retired \(id.text)"
        }
    }

    @Test("a key acts under its name with the permissions of its roles", arguments: Engine.available)
    func key(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let authenticator = world.authenticator
            let key = try await Self.create(world, authenticator, roles: ["r-viewer"])
            guard
                case .principal(let principal) = try await authenticator.authenticate(
                    bearer: key.value,
                    from: "192.0.2.9"
                )
            else {
                Issue.record("refused")
                return
            }
            #expect(principal.actor == Actor(id: "ci-bot", type: .apiKey))
            #expect(principal.credentialID == key.key.id.text)
            #expect(principal.roleIDs == ["r-viewer"])
            #expect(principal.permissions == BuiltInRole.viewer.permissions)
            let used = try await world.database.read { tx in try KeyStore().find(key.key.id, in: tx) }
            #expect(used?.lastUsedAddress == "192.0.2.9")
        }
    }

    @Test("wrong, truncated, altered and foreign tokens are all refused alike")
    func refused() async throws {
        try await World.with(.sqlite) { world async throws in
            let authenticator = world.authenticator
            let key = try await Self.create(world, authenticator)
            let text = key.value.withText { $0 }
            let foreign = APIKeyToken.generate(random: .system).text.withText { $0 }
            let tokens = [
                "", "ctk_", String(text.dropLast()), text + "x", text.lowercased(), foreign, "Bearer " + text,
                String(repeating: "A", count: 43), String(repeating: "x", count: 100_000),
            ]
            for token in tokens {
                #expect(try await Self.outcome(authenticator, Secret(token)) == "refused", "\(token.prefix(20))")
            }
            #expect(try await Self.outcome(authenticator, key.value) == "ci-bot")
        }
    }

    @Test("a key of another installation's pepper is refused although its id is known")
    func otherPepper() async throws {
        try await World.with(.sqlite) { world async throws in
            let key = try await Self.create(world, world.authenticator)
            let other = Sealer(masterKey: try MasterKey(generated: Secret([UInt8](repeating: 9, count: 32))))
            let authenticator = Authenticator(database: world.database, sealer: other, time: world.time)
            #expect(try await Self.outcome(authenticator, key.value) == "refused")
        }
    }

    @Test("an expired key stops at the instant, although it was cached")
    func expiry() async throws {
        try await World.with(.sqlite) { world async throws in
            let authenticator = world.authenticator
            let key = try await Self.create(world, authenticator, expiresAt: world.clock.now + .seconds(10))
            #expect(try await Self.outcome(authenticator, key.value) == "ci-bot")
            world.clock.advance(by: .seconds(10))
            #expect(try await Self.outcome(authenticator, key.value) == "refused")
        }
    }

    @Test("a revoked key stops at once here, and after five seconds on a replica that heard nothing")
    func revocation() async throws {
        try await World.with(.sqlite) { world async throws in
            let authenticator = world.authenticator
            let replica = world.authenticator
            let flow = world.keys(authenticator)
            let key = try await Self.create(world, authenticator)
            #expect(try await Self.outcome(authenticator, key.value) == "ci-bot")
            #expect(try await Self.outcome(replica, key.value) == "ci-bot")
            try await flow.revoke(name: "ci-bot", by: World.admin, origin: world.origin)
            #expect(try await Self.outcome(authenticator, key.value) == "refused")
            world.clock.advance(by: .seconds(5))
            #expect(try await Self.outcome(replica, key.value) == "refused")
        }
    }

    @Test("rotation keeps the old value for the overlap and no longer")
    func rotation() async throws {
        try await World.with(.sqlite) { world async throws in
            let authenticator = world.authenticator
            let flow = world.keys(authenticator)
            let old = try await Self.create(world, authenticator, roles: ["r-viewer"])
            let new = try await flow.rotate(name: "ci-bot", overlap: .hours(1), by: World.admin, origin: world.origin)
            #expect(try await Self.outcome(authenticator, old.value) == "ci-bot")
            #expect(try await Self.outcome(authenticator, new.value) == "ci-bot")
            world.clock.advance(by: .hours(1))
            #expect(try await Self.outcome(authenticator, old.value) == "refused")
            #expect(try await Self.outcome(authenticator, new.value) == "ci-bot")
        }
    }

    @Test("an opaque token of an earlier installation works by its hash")
    func opaque() async throws {
        try await World.with(.sqlite) { world async throws in
            let token = Secret("legacy-token-with-more-than-thirty-two-characters")
            let key = NewAPIKey(
                id: APIKeyID(stored: "ak-legacy"),
                name: "legacy",
                tokenID: nil,
                hash: KeyHash(hex: TokenHash.sha256(token), algorithm: .sha256),
                createdBy: "import"
            )
            _ = try await world.database.write { tx in try KeyStore().insert(key, in: tx) }
            #expect(try await Self.outcome(world.authenticator, token) == "legacy")
        }
    }

    @Test("an agent's key acts as that agent alone; once retired it is told so", arguments: Engine.available)
    func agent(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let registered = try await world.agent("web-01")
            guard
                case .principal(let principal) = try await world.authenticator.authenticate(
                    bearer: registered.apiKey,
                    from: "192.0.2.9"
                )
            else {
                Issue.record("refused")
                return
            }
            #expect(principal.agentID?.text == "web-01")
            #expect(principal.permissions == BuiltInRole.agent.permissions)
            _ = try await world.database.write { tx in
                try AgentStore().retire(AgentID(stored: "web-01"), reason: nil, expecting: nil, in: tx)
            }
            #expect(try await Self.outcome(world.authenticator, registered.apiKey) == "retired web-01")
        }
    }

    @Test("a remembered principal costs no transaction, until access changes or five seconds have passed")
    func noLookUp() async throws {
        try await World.with(.sqlite) { world async throws in
            let authenticator = world.authenticator
            let key = try await Self.create(world, authenticator, roles: ["r-viewer"])
            _ = try await Self.outcome(authenticator, key.value)
            func cost() async throws -> Int {
                let before = world.database.transactions
                for _ in 0..<10 { #expect(try await Self.outcome(authenticator, key.value) == "ci-bot") }
                return world.database.transactions - before
            }
            #expect(try await cost() == 0)
            authenticator.invalidate()
            #expect(try await cost() == 1)
            world.clock.advance(by: .seconds(5))
            #expect(try await cost() == 1)
        }
    }

    @Test("the roles in the database are those in the code", arguments: Engine.available)
    func seededRoles(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            for role in BuiltInRole.allCases {
                let names = try await world.database.read { tx in
                    try GrantStore().permissionNames(ofRole: role.rawValue, in: tx)
                }
                let stored = Set(names.compactMap(Permission.init(rawValue:)))
                #expect(stored.subtracting(BuiltInRole.withoutEffect) == role.permissions, "\(role)")
                #expect(stored.count == names.count)
            }
        }
    }
}
