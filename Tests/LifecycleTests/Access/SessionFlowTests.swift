import Access
import DatabaseTestSupport
import Domain
import Query
import Sealing
import Store
import Testing

@Suite("security §5: sessions with a clock in hand")
struct SessionFlowTests {
    struct Parts {
        let context: AccessContext
        let keyring: SessionKeyring
        let keys: SessionKeyFlow
        let sessions: SessionFlow
        let recogniser: SessionAuthenticator
        let place = SignInPlace(
            origin: RequestOrigin(requestID: "r", clientAddress: "192.0.2.1", channel: "web"), userAgent: "Mozilla/5.0")

        init(_ world: World, _ policy: SessionPolicy = SessionPolicy()) async throws {
            context = AccessContext(
                database: world.database, authenticator: world.authenticator, time: world.time, random: .system)
            keyring = SessionKeyring(database: world.database, sealer: world.sealer, time: world.time)
            keys = SessionKeyFlow(database: world.database, keyring: keyring, policy: policy, random: .system)
            sessions = SessionFlow(context, keyring: keyring, policy: policy)
            recogniser = SessionAuthenticator(context, keyring: keyring, policy: policy)
            try await keys.prepare()
        }

        func open(_ world: World) async throws -> Secret {
            let holdings = try await world.principal("alice").roleIDs
            let principal = holdings.isEmpty ? try await world.administrator() : World.admin
            let opened = try await sessions.exchange(principal, at: place)
            return opened.credentials.token ?? Secret("")
        }

        func outcome(_ token: Secret) async throws -> String {
            switch try await recogniser.authenticate(token, from: "192.0.2.1", userAgent: "Mozilla/5.0") {
            case .session(let session): session.principal.actor.id
            case .refused(let refusal): refusal.rawValue
            }
        }
    }

    @Test("a session ends an idle hour after its last use, or eight hours after its beginning, to the second")
    func lifetimes() async throws {
        try await World.with(.sqlite) { world async throws in
            let parts = try await Parts(world)
            let token = try await parts.open(world)
            for _ in 0..<8 {
                #expect(try await parts.outcome(token) == "alice")
                world.clock.advance(by: .minutes(59))
            }
            #expect(try await parts.outcome(token) == "alice", "7 h 52 min")
            world.clock.advance(by: .minutes(7) + .seconds(59))
            #expect(try await parts.outcome(token) == "alice", "a second before its end")
            world.clock.advance(by: .seconds(1))
            #expect(try await parts.outcome(token) == "absolute_timeout")
            let second = try await parts.open(world)
            world.clock.advance(by: .seconds(3599))
            #expect(try await parts.outcome(second) == "alice")
            world.clock.advance(by: .seconds(3600))
            #expect(try await parts.outcome(second) == "idle_timeout")
            #expect(try await parts.sessions.collect { _ in } == 2)
            #expect(try await parts.outcome(second) == "invalid_token")
        }
    }

    @Test("A-6, A-30: rotation by age signs with another key; the one before verifies until its retention ends")
    func rotation() async throws {
        try await World.with(.sqlite) { world async throws in
            var policy = SessionPolicy()
            policy.idleTimeout = .days(40)
            policy.absoluteTimeout = .days(40)
            policy.keyRotation = .days(30)
            policy.keyRetention = .hours(24)
            let parts = try await Parts(world, policy)
            let token = try await parts.open(world)
            #expect(try await parts.keys.upkeep { _ in } == 0)
            world.clock.advance(by: .days(30))
            #expect(try await parts.keys.upkeep { _ in } == 1)
            #expect(try await parts.keys.upkeep { _ in } == 0)
            let next = try await parts.open(world)
            #expect(try await parts.outcome(token) == "alice")
            world.clock.advance(by: .hours(23) + .minutes(59))
            #expect(try await parts.outcome(token) == "alice")
            world.clock.advance(by: .minutes(1))
            #expect(try await parts.outcome(token) == "invalid_token", "its retention is over")
            #expect(try await parts.outcome(next) == "alice")
            #expect(try await parts.keys.upkeep { _ in } == 1, "and the key is forgotten")
            let ids = try await world.database.read { tx in try SessionKeyStore().all(in: tx).count }
            #expect(ids == 1)
        }
    }

    @Test("A-5, T30: a cookie costs one read, a forged one none, and an unknown key none after the first")
    func cost() async throws {
        try await World.with(.sqlite) { world async throws in
            let parts = try await Parts(world)
            let token = try await parts.open(world)
            _ = try await parts.outcome(token)
            var reads = world.database.readCount
            for _ in 0..<10 { _ = try await parts.outcome(token) }
            #expect(world.database.readCount - reads == 10)
            let text = token.withText { $0 }
            let forged = Secret(String(text.dropLast(4)) + (text.hasSuffix("AAAA") ? "BBBA" : "AAAA"))
            let stranger = SessionMACKey(
                id: SessionToken.generateKeyID(random: .system), material: Secret([UInt8](repeating: 1, count: 32)))
            reads = world.database.readCount
            for _ in 0..<1000 {
                #expect(try await parts.outcome(forged) == "invalid_token")
                let unknown = SessionToken.generate(signedBy: stranger, random: .system).text
                #expect(try await parts.outcome(unknown) == "invalid_token")
            }
            #expect(world.database.readCount - reads <= 1, "guesses have the keys read again at most once a second")
        }
    }

    @Test("a database that does not answer ends no session", arguments: Engine.available)
    func outage(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let parts = try await Parts(world)
            let token = try await parts.open(world)
            #expect(try await parts.outcome(token) == "alice")
            world.database.failReads(true)
            await #expect(throws: (any Error).self) { try await parts.outcome(token) }
            world.database.failReads(false)
            #expect(try await parts.outcome(token) == "alice")
        }
    }
}
