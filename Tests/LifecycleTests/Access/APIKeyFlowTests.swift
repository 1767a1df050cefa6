import Access
import DatabaseTestSupport
import Domain
import Query
import Sealing
import Store
import Testing

@Suite("The life of an API key (security §2.2, §3.5)")
struct APIKeyFlowTests {
    static func create(
        _ world: World,
        _ name: String,
        _ grants: [GrantRequest] = [],
        networks: [String] = [],
        by principal: Principal
    ) async throws -> IssuedAPIKey {
        var draft = APIKeyDraft(name: name)
        draft.grants = grants
        draft.allowedNetworks = networks
        return try await world.keys(world.authenticator).create(draft, by: principal, origin: world.origin)
    }

    static func outcome(_ world: World, _ token: Secret, from address: String = "192.0.2.9") async throws -> String {
        switch try await world.authenticator.authenticate(bearer: token, from: address) {
        case .principal(let principal): principal.actor.id
        case .refused: "refused"
        case .agentRetired: "retired"
        }
    }

    @Test("nobody makes a key that opens more than they may do, and a name is taken once", arguments: Engine.available)
    func creation(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let admin = try await world.administrator()
            try await world.actor("bob", [("r-cli", .global)])
            let bob = try await world.principal("bob")
            func code(_ name: String, _ grants: [GrantRequest], by principal: Principal) async -> ErrorCode? {
                await refusal { _ = try await Self.create(world, name, grants, by: principal) }
            }
            let viewer = GrantRequest(roleID: "r-viewer")
            #expect(await code("helper", [], by: bob) == nil)
            #expect(await code("helper", [], by: admin) == .alreadyExists)
            #expect(await code("other", [viewer], by: bob) == .insufficientPermissions, "he may not assign roles")
            #expect(await code("other", [viewer], by: admin) == nil)
            #expect(await code("X", [], by: admin) == .validationFailed)
            #expect(await code("nobody", [GrantRequest(roleID: "r-none")], by: admin) == .unknownReference)
            let stored = try await world.database.read { tx in try KeyStore().find(name: "nobody", in: tx) }
            #expect(stored == nil, "the key and its roles are made together or not at all")
        }
    }

    @Test("whoever may rotate keys takes over none that opens more than they may do")
    func dominance() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            try await world.actor("bob", [("r-cli", .global)])
            try await world.actor("eve", [("r-viewer", .global)])
            let (bob, flow) = (try await world.principal("bob"), world.keys(world.authenticator))
            func rotate(_ name: String, by principal: Principal) async -> ErrorCode? {
                await refusal {
                    _ = try await flow.rotate(name: name, overlap: .zero, by: principal, origin: world.origin)
                }
            }
            #expect(await rotate("alice", by: bob) == .privilegeEscalation)
            #expect(await rotate("eve", by: bob) == nil, "r-cli holds all that r-viewer does")
            #expect(await rotate("bob", by: bob) == nil)
            let eve = try await world.principal("eve")
            #expect(await rotate("eve", by: eve) == nil, "one's own, without any permission")
            #expect(await rotate("bob", by: eve) == .insufficientPermissions)
            let disabled = await refusal {
                _ = try await flow.update(name: "alice", expecting: nil, by: bob, origin: world.origin) {
                    $0.isDisabled = true
                }
            }
            #expect(disabled == .privilegeEscalation)
            #expect(await refusal { try await flow.revoke(name: "eve", by: bob, origin: world.origin) } != nil)
            #expect(await refusal { try await flow.revoke(name: "eve", by: admin, origin: world.origin) } == nil)
            #expect(
                await refusal { try await flow.revoke(name: "nobody", by: admin, origin: world.origin) } == .notFound)
        }
    }

    @Test(
        "A-7: a key that is switched off, has ended, was revoked or comes from elsewhere is refused alike",
        arguments: Engine.available)
    func refusals(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let admin = try await world.administrator()
            let flow = world.keys(world.authenticator)
            let key = try await Self.create(world, "ci-bot", networks: ["10.0.0.0/8", "2001:db8::/32"], by: admin)
            #expect(try await Self.outcome(world, key.value, from: "10.1.2.3") == "ci-bot")
            #expect(try await Self.outcome(world, key.value, from: "2001:db8::7") == "ci-bot")
            #expect(try await Self.outcome(world, key.value, from: "192.0.2.9") == "refused")
            func update(_ apply: @escaping @Sendable (inout KeyChange) -> Void) async throws {
                _ = try await flow.update(
                    name: "ci-bot", expecting: nil, by: admin, origin: world.origin, apply)
            }
            try await update { $0.allowedNetworks = [] }
            #expect(try await Self.outcome(world, key.value) == "ci-bot")
            try await update { $0.isDisabled = true }
            #expect(try await Self.outcome(world, key.value) == "refused")
            try await update { $0.isDisabled = false }
            #expect(try await Self.outcome(world, key.value) == "ci-bot")
            let past = world.time.now
            #expect(await refusal { try await update { $0.expiresAt = past } } == .validationFailed)
            #expect(await refusal { try await update { $0.allowedNetworks = ["10.0.0.0/40"] } } == .validationFailed)
            try await flow.revoke(name: "ci-bot", by: admin, origin: world.origin)
            #expect(try await Self.outcome(world, key.value) == "refused")
            let again = await refusal { _ = try await Self.create(world, "ci-bot", by: admin) }
            #expect(again == .alreadyExists, "the name rests for ninety days")
            #expect(
                try await world.actions(on: key.key.id.text).sorted() == [
                    "auth.key_created", "auth.key_deleted", "auth.key_updated", "auth.key_updated", "auth.key_updated",
                ]
            )
        }
    }

    @Test("A-7: a key ends at the very instant that was set, for a process that remembers it too")
    func end() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let (flow, authenticator) = (world.keys(world.authenticator), world.authenticator)
            let key = try await Self.create(world, "ci-bot", by: admin)
            let end = world.clock.now + .seconds(3)
            _ = try await flow.update(name: "ci-bot", expecting: nil, by: admin, origin: world.origin) {
                $0.expiresAt = end
            }
            func isAdmitted() async throws -> Bool {
                let outcome = try await authenticator.authenticate(bearer: key.value, from: "192.0.2.9")
                guard case .principal = outcome else { return false }
                return true
            }
            #expect(try await isAdmitted())
            world.clock.advance(by: .milliseconds(2999))
            #expect(try await isAdmitted())
            world.clock.advance(by: .milliseconds(1))
            #expect(try await !isAdmitted())
            #expect(try await Self.outcome(world, key.value) == "refused")
        }
    }

    @Test("networks are compared for a remembered key too")
    func cachedNetworks() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let key = try await Self.create(world, "ci-bot", networks: ["10.0.0.1"], by: admin)
            let authenticator = world.authenticator
            for (address, isAdmitted) in [("10.0.0.1", true), ("10.0.0.2", false), ("10.0.0.1", true)] {
                let outcome = try await authenticator.authenticate(bearer: key.value, from: address)
                if case .principal = outcome { #expect(isAdmitted) } else { #expect(!isAdmitted) }
            }
        }
    }

    @Test("A-7: the last use is noted, and no more than once a minute")
    func lastUse() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let key = try await Self.create(world, "ci-bot", by: admin)
            let authenticator = world.authenticator
            func lastUse() async throws -> Timestamp? {
                try await world.database.read { tx in try KeyStore().find(key.key.id, in: tx)?.lastUsedAt }
            }
            let first = world.clock.now
            for second in 0..<60 {
                _ = try await authenticator.authenticate(bearer: key.value, from: "192.0.2.9")
                #expect(try await lastUse() == first, "\(second)")
                world.clock.advance(by: .seconds(1))
            }
            _ = try await authenticator.authenticate(bearer: key.value, from: "192.0.2.9")
            #expect(try await lastUse() == first + .seconds(60))
        }
    }

    @Test("of two values that overlap either may be ended, and the other one goes on", arguments: Engine.available)
    func secrets(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let admin = try await world.administrator()
            let flow = world.keys(world.authenticator)
            func revoke(_ secret: String?, of name: String = "ci-bot", by principal: Principal) async -> ErrorCode? {
                await refusal {
                    try await flow.revokeSecret(secret ?? "", of: name, by: principal, origin: world.origin)
                }
            }
            let first = try await Self.create(world, "ci-bot", by: admin)
            #expect(await revoke(first.key.secretID, by: admin) == .invalidState, "it is the only one")
            let second = try await flow.rotate(
                name: "ci-bot", overlap: .hours(1), by: admin, origin: world.origin)
            #expect(second.key.previousSecretID == first.key.secretID)
            #expect(await revoke("ak-none", by: admin) == .notFound)
            #expect(
                await revoke(first.key.secretID, by: try await world.principal("ci-bot")) == .insufficientPermissions)
            #expect(await revoke(first.key.secretID, by: admin) == nil)
            #expect(try await Self.outcome(world, first.value) == "refused")
            #expect(try await Self.outcome(world, second.value) == "ci-bot")
            #expect(await revoke(first.key.secretID, by: admin) == .notFound)
            // The new value leaked before anybody used it: the old one is back, until the overlap ends.
            let third = try await flow.rotate(name: "ci-bot", overlap: .hours(1), by: admin, origin: world.origin)
            #expect(await revoke(third.key.secretID, by: admin) == nil)
            #expect(try await Self.outcome(world, third.value) == "refused")
            #expect(try await Self.outcome(world, second.value) == "ci-bot")
            let stored = try await world.database.read { tx in try KeyStore().find(name: "ci-bot", in: tx) }
            #expect(stored?.expiresAt == third.previousValidUntil && stored?.previousTokenID == nil)
            #expect(
                try await world.actions(on: first.key.id.text).filter { $0 == "auth.key_secret_revoked" }.count == 2)
        }
    }

    @Test("the value of now is not ended once the one before has ended by itself")
    func lastAdministratorsValue() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let flow = world.keys(world.authenticator)
            let rotated = try await flow.rotate(name: "alice", overlap: .hours(1), by: admin, origin: world.origin)
            world.clock.advance(by: .hours(1))
            let ended = await refusal {
                try await flow.revokeSecret(
                    rotated.key.secretID ?? "", of: "alice", by: admin, origin: world.origin)
            }
            #expect(ended == .invalidState, "the old value is no value any more")
            #expect(try await Self.outcome(world, rotated.value) == "alice")
        }
    }

    @Test("a longest lifetime ends keys by itself and is not exceeded")
    func longestLifetime() async throws {
        try await World.with(.sqlite) { world async throws in
            let admin = try await world.administrator()
            let flow = world.keys(world.authenticator, longestLifetime: .days(30))
            let key = try await flow.create(APIKeyDraft(name: "ci-bot"), by: admin, origin: world.origin)
            #expect(key.key.expiresAt == world.clock.now + .days(30))
            var draft = APIKeyDraft(name: "long")
            draft.expiresAt = world.clock.now + .days(31)
            let late = draft
            #expect(
                await refusal { _ = try await flow.create(late, by: admin, origin: world.origin) } == .validationFailed
            )
            let endless = await refusal {
                _ = try await flow.update(name: "ci-bot", expecting: nil, by: admin, origin: world.origin) {
                    $0.expiresAt = nil
                }
            }
            #expect(endless == .validationFailed)
        }
    }

    @Test("a shared agent key is bound to the first agent that uses it", arguments: Engine.available)
    func sharedKeys(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            for agent in ["web-01", "web-02"] { try await world.agent(agent) }
            let token = try await world.actor("fleet", [("r-agent", .global)])
            func may(_ rule: SharedKeyRule, _ agent: String) async throws -> Bool {
                let authenticator = Authenticator(
                    database: world.database, sealer: world.sealer, time: world.time, sharedKeys: rule)
                guard
                    case .principal(let principal) = try await authenticator.authenticate(bearer: token, from: "::1")
                else { return false }
                return try await authenticator.mayAct(principal, as: AgentID(stored: agent))
            }
            #expect(try await !may(.deny, "web-01"))
            #expect(try await may(.allow, "web-01"))
            #expect(try await may(.allow, "web-02"))
            #expect(try await !may(.bind, "no-such-agent"))
            #expect(try await may(.bind, "web-02"))
            #expect(try await !may(.bind, "web-01"))
            #expect(try await may(.bind, "web-02"))
        }
    }
}
