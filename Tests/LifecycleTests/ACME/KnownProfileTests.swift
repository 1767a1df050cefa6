import DatabaseTestSupport
import Domain
import Encoding
import Query
import Store
import Testing

@testable import Lifecycle

@Suite("A profile that was read before is the one that is stored now")
struct KnownProfileTests {
    private static func with(
        _ engine: Engine, _ body: (ValidationStage, ACMEAccountFlow) async throws -> Void
    ) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let world = stage.world
            try await body(
                stage, ACMEAccountFlow(world.context, sealer: world.sealer, plan: ValidationStage.plan()))
        }
    }

    private static func seen(_ accounts: ACMEAccountFlow) async throws -> ProfileFields? {
        let (profile, _) = try await accounts.profile(ValidationStage.profile, with: nil)
        return profile?.fields
    }

    private static func change(
        _ stage: ValidationStage, _ edit: @escaping @Sendable (inout ProfileFields) -> Void
    ) async throws -> ProfileFields {
        try await stage.world.database.write { tx in
            var fields = try ProfileStore().get(ValidationStage.profile, in: tx).fields
            edit(&fields)
            return try ProfileStore().update(ValidationStage.profile, fields, expecting: nil, in: tx).fields
        }
    }

    @Test("every change is seen by the next request, whoever made it", arguments: Engine.available)
    func changes(engine: Engine) async throws {
        try await Self.with(engine) { stage, accounts async throws in
            let first = try #require(try await Self.seen(accounts))
            #expect(try await Self.seen(accounts) == first)
            for limit in 1...3 {
                let changed = try await Self.change(stage) { $0.acmeOrdersPerHour = limit }
                #expect(try await Self.seen(accounts) == changed)
                #expect(changed.acmeOrdersPerHour == limit)
            }
            _ = try await Self.change(stage) { $0.enabled = false }
            #expect(try await Self.seen(accounts) == nil)
            _ = try await Self.change(stage) { $0.enabled = true }
            #expect(try await Self.seen(accounts)?.acmeOrdersPerHour == 3)

            // What is taken back was never there.
            struct Refused: Error {}
            await #expect(throws: Refused.self) {
                try await stage.world.database.write { tx in
                    var fields = try ProfileStore().get(ValidationStage.profile, in: tx).fields
                    fields.acmeOrdersPerHour = 99
                    _ = try ProfileStore().update(ValidationStage.profile, fields, expecting: nil, in: tx)
                    throw Refused()
                }
            }
            #expect(try await Self.seen(accounts)?.acmeOrdersPerHour == 3)
            #expect(try await accounts.profile(ProfileID(stored: "prof-none"), with: nil).profile == nil)
        }
    }

    @Test("an account is found beside its profile, and none where there is none", arguments: Engine.available)
    func account(engine: Engine) async throws {
        try await Self.with(engine) { stage, accounts async throws in
            let id = ValidationStage.profile
            let profile = try #require(try await accounts.profile(id, with: nil).profile)
            let key = ACMEAccountKey(thumbprint: "thumb", jwk: ["kty": "EC"], spkiSHA256: "spki")
            let opened = try await accounts.register(key, ACMERegistration(), under: profile, from: stage.world.origin)
                .account
            for _ in 0..<2 {
                let found = try await accounts.profile(id, with: opened.id)
                #expect(found.account == opened)
                #expect(found.profile?.id == id)
            }
            let jwk = try opened.jwk()
            #expect(jwk == ["kty": "EC"])
            let other = try await accounts.profile(id, with: ACMEAccountID(stored: "acct-none"))
            #expect(other.account == nil)
            #expect(other.profile != nil)
        }
    }
}
