import Access
import DatabaseTestSupport
import Domain
import Query
import Sealing
import Store
import Testing

@Suite("Agents enrol with a token and get a credential of their own (targets §1.4)")
struct EnrollmentFlowTests {
    static func register(
        _ world: World,
        _ id: String?,
        name: String,
        token: Secret,
        bootstrap: Secret? = nil
    ) async throws -> RegisteredAgent {
        try await world.enrollment(bootstrap: bootstrap).register(
            AgentDraft(id: id, name: name, hostname: "host.example.com", metadata: AgentMetadata()),
            by: .token(token),
            origin: world.origin
        )
    }

    static func token(
        _ world: World,
        name: String? = nil,
        id: String? = nil,
        uses: Int = 1
    ) async throws -> IssuedEnrollmentToken {
        try await world.enrollment().createToken(
            agentName: name,
            agentID: id,
            lifetime: .hours(1),
            maxUses: uses,
            by: world.author
        )
    }

    @Test("a token lets in as many agents as it says, also when they come together", arguments: Engine.available)
    func uses(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let token = try await Self.token(world, uses: 2)
            let codes = await withTaskGroup(of: ErrorCode?.self) { group in
                for number in 0..<5 {
                    group.addTask {
                        await refusal {
                            _ = try await Self.register(world, "a-\(number)", name: "a-\(number)", token: token.value)
                        }
                    }
                }
                return await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
            }
            #expect(codes.filter { $0 == nil }.count == 2)
            #expect(codes.filter { $0 == .unauthenticated }.count == 3)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM agents") == 2)
        }
    }

    @Test("unknown, expired, revoked and malformed tokens are refused alike")
    func refused() async throws {
        try await World.with(.sqlite) { world async throws in
            let expired = try await Self.token(world)
            world.clock.advance(by: .hours(1))
            let revoked = try await Self.token(world)
            try await world.enrollment().revokeToken(revoked.record.id, by: world.author)
            let unknown = EnrollmentToken.generate(random: .system).text
            for token in [expired.value, revoked.value, unknown, Secret(""), Secret("ce_short")] {
                let refused = await #expect(throws: ServiceError.self) {
                    _ = try await Self.register(world, "a", name: "a", token: token)
                }
                #expect(refused?.code == .unauthenticated)
                #expect(refused?.detail == "invalid_or_missing_bootstrap_token")
            }
        }
    }

    @Test("a token may fix name and id")
    func fixed() async throws {
        try await World.with(.sqlite) { world async throws in
            let token = try await Self.token(world, name: "edge", id: "edge-1", uses: 2)
            #expect(
                await refusal { _ = try await Self.register(world, "other", name: "x", token: token.value) }
                    == .unauthenticated
            )
            let agent = try await Self.register(world, nil, name: "ignored", token: token.value).agent
            #expect(agent.id.text == "edge-1")
            #expect(agent.name == "edge")
        }
    }

    @Test("the operator's bootstrap token works, an empty one lets nobody in")
    func bootstrapToken() async throws {
        try await World.with(.sqlite) { world async throws in
            let token = Secret("a-bootstrap-token-of-the-operator")
            _ = try await Self.register(world, nil, name: "a", token: token, bootstrap: token)
            let code = await refusal {
                _ = try await Self.register(world, nil, name: "b", token: Secret(""), bootstrap: Secret(""))
            }
            #expect(code == .unauthenticated)
        }
    }

    @Test("taken names and ids are 409, reserved and unsafe ids 400, and neither spends the token")
    func conflicts() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.agent("web-01")
            let token = try await Self.token(world)
            func register(_ id: String?, _ name: String) async -> ErrorCode? {
                await refusal { _ = try await Self.register(world, id, name: name, token: token.value) }
            }
            #expect(await register("web-01", "another") == .alreadyExists)
            #expect(await register("web-02", "web-01") == .alreadyExists)
            for id in SentinelAgent.identifiers + ["../etc", ".hidden", "a b", String(repeating: "x", count: 129)] {
                #expect(await register(id, "new") == .validationFailed, "\(id)")
            }
            #expect(await register("web-02", "") == .validationFailed)
            #expect(await register("web-02", "web-02") == nil)
        }
    }

    @Test("a caller needs agent.edit to register an agent without a token")
    func permission() async throws {
        try await World.with(.sqlite) { world async throws in
            let viewer = Principal(
                actor: Actor(id: "bob", type: .apiKey),
                credentialID: nil,
                roleIDs: ["r-viewer"],
                permissions: BuiltInRole.viewer.permissions
            )
            let code = await refusal {
                _ = try await world.enrollment().register(
                    AgentDraft(id: nil, name: "a", hostname: "h", metadata: AgentMetadata()),
                    by: .principal(viewer),
                    origin: world.origin
                )
            }
            #expect(code == .insufficientPermissions)
        }
    }
}
