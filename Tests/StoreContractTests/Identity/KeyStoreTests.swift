import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Security §2.2, §2.5, §3.1: API keys, grants and the first administrator")
struct KeyStoreTests {
    private let keys = KeyStore()
    private let grants = GrantStore()

    private static func key(_ name: String, token: String?, hash: String = Unique.hex64()) -> NewAPIKey {
        NewAPIKey(
            id: Unique.id(),
            name: name,
            tokenID: token,
            hash: KeyHash(hex: hash, algorithm: .hmacSHA256),
            createdBy: "test"
        )
    }

    @Test("a key is found by its public part or its hash, and keeps no more than the hash", arguments: Engine.available)
    func lookup(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let hash = KeyHash(hex: Unique.hex64(), algorithm: .hmacSHA256)
            let new = Self.key("ops", token: "abc123", hash: hash.hex)
            try await database.write { [keys] tx in
                try keys.insert(new, in: tx)
                #expect(try keys.candidate(tokenID: "abc123", in: tx)?.hash == hash)
                #expect(try keys.candidate(hash: hash, in: tx)?.key.id == new.id)
                #expect(try keys.candidate(hash: KeyHash(hex: hash.hex, algorithm: .sha256), in: tx) == nil)
                #expect(try keys.candidate(tokenID: "other", in: tx) == nil)
                #expect(try keys.find(name: "ops", in: tx)?.isUsable(at: tx.now) == true)
            }
            await #expect(throws: StoreError.alreadyExists(.key, field: "name")) {
                try await database.write { [keys] in try keys.insert(Self.key("ops", token: nil), in: $0) }
            }
        }
    }

    @Test("use is noted at most once a minute", arguments: Engine.available)
    func useNotes(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let new = Self.key("ops", token: nil)
            try await database.write { [keys] tx in
                try keys.insert(new, in: tx)
                #expect(try keys.noteUse(of: new.id, from: "192.0.2.1", in: tx))
                #expect(try !keys.noteUse(of: new.id, from: "192.0.2.2", in: tx))
                #expect(try keys.find(new.id, in: tx)?.lastUsedAddress == "192.0.2.1")
                try tx.execute("UPDATE api_keys SET last_used_at = \(tx.now - .seconds(60))")
                #expect(try keys.noteUse(of: new.id, from: "192.0.2.2", in: tx))
            }
        }
    }

    @Test("rotation overlaps; revocation ends both tokens and the grants of the name", arguments: Engine.available)
    func rotationAndRevocation(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let new = Self.key("ops", token: "old")
            let actor = Actor(id: "ops", type: .apiKey)
            try await database.write { [keys, grants] tx in
                try keys.insert(new, in: tx)
                try grants.grant(Unique.id(), role: "r-admin", to: actor, by: "test", in: tx)
                let hash = KeyHash(hex: Unique.hex64(), algorithm: .hmacSHA256)
                let end = tx.now + .minutes(5)
                _ = try keys.rotate(new.id, tokenID: "new", hash: hash, overlapEnd: end, in: tx)
                #expect(try keys.candidate(tokenID: "new", in: tx)?.acceptedUntil == nil)
                #expect(try keys.candidate(tokenID: "old", in: tx)?.acceptedUntil == end)
                #expect(try keys.candidate(tokenID: "old", in: tx)?.hash.hex == new.hash.hex)
                #expect(try keys.revoke(new.id, in: tx)?.revokedAt == tx.now)
                #expect(try keys.revoke(new.id, in: tx) == nil)
                #expect(try keys.candidate(tokenID: "old", in: tx) == nil)
                #expect(try keys.candidate(tokenID: "new", in: tx)?.key.isUsable(at: tx.now) == false)
                #expect(try grants.grants(of: actor, in: tx).isEmpty)
                try keys.insert(Self.key("ops", token: "again"), in: tx)
                #expect(try keys.active(limit: 10, in: tx).map(\.tokenID) == ["again"])
            }
        }
    }

    @Test("grants count until they expire, once each, and only for what exists", arguments: Engine.available)
    func grantRules(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let actor = Seed.operatorActor
            try await database.write { [grants] tx in
                #expect(try grants.grant(Unique.id(), role: "r-viewer", to: actor, by: "x", in: tx))
                #expect(try !grants.grant(Unique.id(), role: "r-viewer", to: actor, by: "x", in: tx))
                let scope = GrantScope.issuer(seed.issuer)
                #expect(try grants.grant(Unique.id(), role: "r-viewer", to: actor, scope: scope, by: "x", in: tx))
                #expect(try !grants.grant(Unique.id(), role: "r-viewer", to: actor, scope: scope, by: "x", in: tx))
                let past = tx.now - .seconds(1)
                try grants.grant(Unique.id(), role: "r-admin", to: actor, expiresAt: past, by: "x", in: tx)
                #expect(try grants.grants(of: actor, in: tx).map(\.roleID) == ["r-viewer", "r-viewer"])
                #expect(try !grants.hasAdministrator(in: tx))
                let held = try grants.holdings(of: actor, in: tx)
                #expect(held.entitlements.count == 38 && held.roleIDs == ["r-viewer"])
                #expect(Set(held.entitlements.map(\.scope)) == [.global, scope])
                #expect(try grants.revoke(role: "r-viewer", from: actor, scope: .global, in: tx) == 1)
                #expect(try grants.grants(of: actor, in: tx).map(\.scope) == [scope])
                #expect(try grants.revoke(role: "r-viewer", from: actor, in: tx) == 1)
            }
            let unknown = StoreError.unknownReferences([
                .init(field: "role_id", id: "r-no"), .init(field: "scope_id", id: "prof-no"),
            ])
            await #expect(throws: unknown) {
                try await database.write { [grants] tx in
                    try grants.grant(
                        Unique.id(),
                        role: "r-no",
                        to: actor,
                        scope: .profile(ProfileID(stored: "prof-no")),
                        by: "x",
                        in: tx
                    )
                }
            }
        }
    }

    @Test("of many who claim the first administrator, one succeeds, for ever", arguments: Engine.available)
    func bootstrap(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let latch = BootstrapStore()
            let won = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<6 {
                    group.addTask { [keys, grants] in
                        try await database.write { tx in
                            guard try latch.close(by: "admin\(index)", in: tx) else { return false }
                            let new = Self.key("admin\(index)", token: nil)
                            try keys.insert(new, in: tx)
                            let actor = Actor(id: new.name, type: .apiKey)
                            try grants.grant(
                                Unique.id(),
                                role: GrantStore.adminRole,
                                to: actor,
                                by: "bootstrap",
                                source: .bootstrap,
                                in: tx
                            )
                            try latch.note(key: new.id, in: tx)
                            return true
                        }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(won == 1)
            try await database.write { [keys, grants] tx in
                #expect(try !latch.isOpen(in: tx))
                let admin = try #require(try keys.active(limit: 5, in: tx).first)
                _ = try keys.revoke(admin.id, in: tx)
                #expect(try !grants.hasAdministrator(in: tx))
                #expect(try !latch.isOpen(in: tx), "the latch never reopens")
                #expect(try !latch.close(by: "late", in: tx))
            }
        }
    }

    @Test("while an administrator exists the latch is not consumed", arguments: Engine.available)
    func bootstrapWithAdministrator(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let latch = BootstrapStore()
            try await database.write { [grants] tx throws in
                try grants.grant(Unique.id(), role: "r-admin", to: Seed.operatorActor, by: "env", source: .env, in: tx)
                #expect(try !latch.isOpen(in: tx))
                #expect(try !latch.close(by: "late", in: tx))
                let row = try tx.row("SELECT consumed_by FROM bootstrap_state")
                #expect(try row?.optionalText("consumed_by") == nil)
            }
        }
    }
}
