import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import TestSupport
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §6.4, §6.5: a nonce is used for an account as it is stored now, and once")
struct KnownStandingTests {
    private static let id = ValidationStage.profile
    private static let key = ACMEAccountKey(thumbprint: "thumb-one", jwk: ["kty": "EC"], spkiSHA256: "spki-one")

    /// One server that has seen an account of ours, and its nonces.
    private struct Server: Sendable {
        let stage: ValidationStage
        let accounts: ACMEAccountFlow
        let nonces: ACMENonces
        let account: ACMEAccount

        func standing() throws -> ACMEStanding {
            try #require(accounts.standing(of: account.id, under: KnownStandingTests.id))
        }

        /// Whether a request that rests on what was known may go on.
        func isRedeemed(_ standing: ACMEStanding) async throws -> Bool {
            try await nonces.redeem(nonces.issue(), while: standing)
        }

        /// As a request does that can't rest on it.
        func see() async throws { _ = try await accounts.profile(KnownStandingTests.id, with: account.id) }
    }

    private static func with(_ engine: Engine, _ body: (Server) async throws -> Void) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let world = stage.world
            let accounts = ACMEAccountFlow(world.context, sealer: world.sealer, plan: ValidationStage.plan())
            let profile = try #require(try await accounts.profile(id, with: nil).profile)
            let account = try await accounts.register(key, ACMERegistration(), under: profile, from: world.origin)
                .account
            let nonces = ACMENonces(
                database: world.database, sealer: world.sealer, time: world.context.time, random: world.context.random,
                lifetime: { .minutes(5) })
            #expect(accounts.standing(of: account.id, under: id) == nil, "nobody has read it yet")
            let server = Server(stage: stage, accounts: accounts, nonces: nonces, account: account)
            try await server.see()
            try await body(server)
        }
    }

    private static func change(
        _ server: Server, _ edit: @escaping @Sendable (inout ProfileFields) -> Void
    ) async throws {
        try await server.stage.world.database.write { tx in
            var fields = try ProfileStore().get(id, in: tx).fields
            edit(&fields)
            _ = try ProfileStore().update(id, fields, expecting: nil, in: tx)
        }
    }

    @Test("a nonce serves one request, whichever way it is used first", arguments: Engine.available)
    func once(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let standing = try server.standing()
            let first = server.nonces.issue()
            #expect(try await server.nonces.redeem(first, while: standing))
            #expect(try await !server.nonces.redeem(first, while: standing))
            #expect(try await !server.nonces.redeem(first))
            let second = server.nonces.issue()
            #expect(try await server.nonces.redeem(second))
            #expect(try await !server.nonces.redeem(second, while: standing))
            #expect(try await !server.nonces.redeem("AAAA", while: standing))
            let contested = server.nonces.issue()
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { try await server.nonces.redeem(contested, while: standing) } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners == 1)
        }
    }

    @Test("every change of the account is seen, at the same moment too, and uses no nonce", arguments: Engine.available)
    func account(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let id = server.account.id
            let store = ACMEAccountStore()
            let changes: [@Sendable (any Transaction) throws -> ACMEAccount?] = [
                { tx in try store.update(id, contact: ["mailto:a@b.test"], termsAgreed: nil, in: tx) },
                { tx in
                    try store.replaceKey(of: id, thumbprint: "thumb-two", jwk: ["kty": "OKP"], old: "thumb-one", in: tx)
                },
                { tx in try store.end(id, as: .deactivated, in: tx) },
            ]
            for (number, change) in changes.enumerated() {
                let standing = try server.standing()
                #expect(try await server.isRedeemed(standing))
                let nonce = server.nonces.issue()
                #expect(try await server.stage.world.database.write { tx in try change(tx) != nil })
                #expect(try await !server.nonces.redeem(nonce, while: standing))
                try await server.see()
                // It was not used up by the request that it did not serve.
                #expect(try await server.nonces.redeem(nonce))
                #expect((server.accounts.standing(of: id, under: Self.id) == nil) == (number == 2))
            }
        }
    }

    @Test("so is every change of the profile, whoever made it", arguments: Engine.available)
    func profile(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let standing = try server.standing()
            try await Self.change(server) { $0.acmeOrdersPerHour = 7 }
            #expect(try await !server.isRedeemed(standing))
            try await server.see()
            #expect(try server.standing().profile.fields.acmeOrdersPerHour == 7)
            #expect(try await server.isRedeemed(try server.standing()))
            let last = try server.standing()
            try await Self.change(server) { $0.enabled = false }
            #expect(try await !server.isRedeemed(last))
            try await server.see()
            #expect(server.accounts.standing(of: server.account.id, under: Self.id) == nil)
        }
    }

    @Test("an account is nothing under another profile", arguments: Engine.available)
    func foreign(engine: Engine) async throws {
        try await Self.with(engine) { server async throws in
            let other = ProfileID(stored: "prof-other")
            #expect(server.accounts.standing(of: server.account.id, under: other) == nil)
            try await server.stage.world.database.write { tx in
                let fields = try ProfileStore().get(Self.id, in: tx).fields
                var copy = fields
                copy.name = "other"
                _ = try ProfileStore().insert(other, copy, in: tx)
            }
            _ = try await server.accounts.profile(other, with: server.account.id)
            #expect(server.accounts.standing(of: server.account.id, under: other) == nil)
        }
    }
}
