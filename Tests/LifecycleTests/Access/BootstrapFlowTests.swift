import Access
import DatabaseTestSupport
import Domain
import Query
import Sealing
import Store
import Testing

@Suite("The first administrator: one, once, and never again (security §2.5)")
struct BootstrapFlowTests {
    static let chosen = Secret("an-operator-chose-this-bootstrap-token")

    static func flow(_ world: World, generated: SetupToken? = nil) -> BootstrapFlow {
        BootstrapFlow(
            database: world.database,
            sealer: world.sealer,
            time: world.time,
            random: .system,
            chosen: SetupToken(chosen: chosen),
            generated: generated,
            generatedUntil: world.time.now + .minutes(60)
        )
    }

    static func consume(
        _ flow: BootstrapFlow,
        _ world: World,
        token: Secret = chosen,
        name: String = "alice",
        address: String = "192.0.2.1"
    ) async throws -> BootstrapAnswer {
        let origin = RequestOrigin(requestID: "req-1", clientAddress: address, channel: "api")
        return try await flow.consume(token: token, actorName: name, origin: origin)
    }

    @Test("the token makes one administrator and closes the latch", arguments: Engine.available)
    func once(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let flow = Self.flow(world)
            #expect(try await flow.isAvailable())
            let answer = try await Self.consume(flow, world)
            #expect(try await !flow.isAvailable())
            guard
                case .principal(let principal) = try await world.authenticator.authenticate(
                    bearer: answer.keyValue,
                    from: "192.0.2.1"
                )
            else {
                Issue.record("the first key is refused")
                return
            }
            #expect(principal.isAdministrator)
            #expect(principal.actor.id == "alice")
            #expect(await refusal { _ = try await Self.consume(flow, world, name: "eve") } == .bootstrapDisabled)
            #expect(try await world.actions(on: answer.keyID.text) == ["bootstrap.consume"])
        }
    }

    @Test("of several at the same time one wins", arguments: Engine.available)
    func concurrent(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let codes = await withTaskGroup(of: ErrorCode?.self) { group in
                for number in 0..<5 {
                    group.addTask {
                        // Each has limits of its own, as five replicas would.
                        await refusal {
                            _ = try await Self.consume(Self.flow(world), world, name: "admin-\(number)")
                        }
                    }
                }
                return await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
            }
            #expect(codes.filter { $0 == nil }.count == 1)
            #expect(codes.filter { $0 == .bootstrapDisabled }.count == 4)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM api_keys") == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM actor_roles WHERE role_id = 'r-admin'") == 1)
        }
    }

    @Test("A-38: a crash at any write leaves the token usable and no key behind", arguments: Engine.available)
    func crash(engine: Engine) async throws {
        for write in 1...4 {
            try await World.with(engine) { world async throws in
                let flow = Self.flow(world)
                world.database.dieAtWrite(write)
                guard (try? await Self.consume(flow, world)) == nil else {
                    #expect(write > 1, "the first write went through although its process died")
                    return
                }
                #expect(try await flow.isAvailable(), "after a crash at write \(write)")
                #expect(try await world.count("SELECT COUNT(*) AS n FROM api_keys") == 0)
                #expect(try await world.count("SELECT COUNT(*) AS n FROM actor_roles") == 0)
                #expect(await refusal { _ = try await Self.consume(flow, world) } == nil)
            }
        }
    }

    @Test("it never reopens, even when the administrator is gone")
    func neverReopens() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await Self.consume(Self.flow(world), world)
            try await world.database.write { tx in
                try tx.execute("DELETE FROM actor_roles")
                try tx.execute("DELETE FROM api_keys")
            }
            #expect(try await !Self.flow(world).isAvailable())
            #expect(await refusal { _ = try await Self.consume(Self.flow(world), world) } == .bootstrapDisabled)
        }
    }

    @Test("wrong tokens are refused and audited")
    func wrongTokens() async throws {
        try await World.with(.sqlite) { world async throws in
            let flow = Self.flow(world)
            for _ in 0..<5 {
                let code = await refusal { _ = try await Self.consume(flow, world, token: Secret("wrong")) }
                #expect(code == .unauthenticated)
            }
            #expect(try await world.actions(on: "setup").count == 5)
            #expect(await refusal { _ = try await Self.consume(flow, world) } == nil)
        }
    }

    @Test("whoever guesses from many addresses locks the token until the server is started again")
    func lock() async throws {
        try await World.with(.sqlite) { world async throws in
            let flow = Self.flow(world)
            for number in 0..<20 {
                let code = await refusal {
                    _ = try await Self.consume(flow, world, token: Secret("wrong"), address: "192.0.2.\(number)")
                }
                #expect(code == .unauthenticated)
            }
            #expect(await refusal { _ = try await Self.consume(flow, world, address: "192.0.2.99") } == .rateLimited)
            world.clock.advance(by: .hours(2))
            #expect(await refusal { _ = try await Self.consume(flow, world, address: "192.0.2.98") } == .rateLimited)
            #expect(await refusal { _ = try await Self.consume(Self.flow(world), world) } == nil, "a new process")
        }
    }

    @Test("what fails after the token was accepted is audited with its step, and the token stays usable")
    func failureAfterAcceptance() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.actor("alice")
            let flow = Self.flow(world)
            #expect(await refusal { _ = try await Self.consume(flow, world) } == .alreadyExists)
            #expect(try await world.actions(on: "setup") == ["bootstrap.consume_failed"])
            #expect(await refusal { _ = try await Self.consume(flow, world, name: "bob") } == nil)
        }
    }

    @Test(
        "A-33: a fresh database holds no grant at all, so that nobody administers by default",
        arguments: Engine.available)
    func nothingSeeded(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            #expect(try await world.count("SELECT COUNT(*) AS n FROM actor_roles") == 0)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM api_keys") == 0)
        }
    }

    @Test("a generated token ends after its hour, and bad names are refused")
    func generated() async throws {
        try await World.with(.sqlite) { world async throws in
            let token = SetupToken.generate(random: .system)
            let flow = Self.flow(world, generated: token)
            for name in ["", "ab", "Alice", "-abc", "a b c", String(repeating: "a", count: 65)] {
                let code = await refusal {
                    _ = try await Self.consume(flow, world, token: token.text, name: name, address: name)
                }
                #expect(code == .validationFailed)
            }
            world.clock.advance(by: .minutes(60))
            let late = await refusal { _ = try await Self.consume(flow, world, token: token.text) }
            #expect(late == .unauthenticated)
        }
    }
}
