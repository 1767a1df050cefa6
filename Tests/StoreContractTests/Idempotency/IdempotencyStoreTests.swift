import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("REST §6.2: a repeated request has one effect and one answer")
struct IdempotencyStoreTests {
    private let store = IdempotencyStore()
    private static let reply = StoredReply(status: 201, headers: ["Location": "/x"], body: [0x7B, 0x7D])

    private static func scope(_ key: String, actor: String = "ops") -> IdempotencyScope {
        IdempotencyScope(
            actor: Actor(id: actor, type: .apiKey),
            method: "POST",
            path: "/api/v1/teams",
            key: key
        )
    }

    @Test("of many at once one works, the others wait for its answer or are told to", arguments: Engine.available)
    func oneEffect(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let digest = Unique.hex64()
            let verdicts = try await withThrowingTaskGroup(of: IdempotencyVerdict.self) { group in
                for _ in 0..<6 {
                    group.addTask { [store] in
                        try await database.write { tx in
                            let scope = Self.scope("key-00001")
                            let verdict = try store.begin(scope, digest: digest, ttl: .hours(24), in: tx)
                            if verdict == .fresh {
                                try TeamStore().insert(Unique.id(), TeamFields(name: "once"), in: tx)
                                try store.finish(scope, reply: Self.reply, in: tx)
                            }
                            return verdict
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.count { $0 == .fresh } == 1)
            #expect(verdicts.count { $0 == .replay(Self.reply) } == 5)
        }
    }

    @Test("another body, another actor, and a request that is still running", arguments: Engine.available)
    func verdicts(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let digest = Unique.hex64()
            try await database.write { [store] tx in
                func begin(_ scope: IdempotencyScope, _ digest: String) throws -> IdempotencyVerdict {
                    try store.begin(scope, digest: digest, ttl: .hours(24), in: tx)
                }
                let scope = Self.scope("key-00001")
                #expect(try begin(scope, digest) == .fresh)
                #expect(try begin(scope, digest) == .inProgress)
                #expect(try begin(scope, Unique.hex64()) == .mismatch)
                #expect(try begin(Self.scope("key-00001", actor: "eve"), digest) == .fresh)
                try store.release(scope, in: tx)
                #expect(try begin(scope, digest) == .fresh, "a released key is free")
                try store.finish(scope, reply: Self.reply, in: tx)
                #expect(try begin(scope, digest) == .replay(Self.reply))
                try store.release(scope, in: tx)
                #expect(try begin(scope, digest) == .replay(Self.reply), "an answer is not released")
                let refusal = StoredReply(status: 409, headers: [:], body: [0x7B, 0x7D])
                try store.refuse(scope, reply: refusal, in: tx)
                #expect(try begin(scope, digest) == .replay(Self.reply), "what had an effect is not refused afterwards")
                let refused = Self.scope("key-00002")
                #expect(try begin(refused, digest) == .fresh)
                try store.refuse(refused, reply: refusal, in: tx)
                #expect(try begin(refused, digest) == .replay(refusal))
                try tx.execute("UPDATE idempotency_keys SET expires_at = \(tx.now - .seconds(1))")
                #expect(try store.purge(limit: 9, in: tx) == 3)
                #expect(try begin(scope, Unique.hex64()) == .fresh, "an expired key is free")
            }
        }
    }

    @Test("a request whose process died is taken over after a while", arguments: Engine.available)
    func abandoned(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let digest = Unique.hex64()
            try await database.write { [store] tx in
                let scope = Self.scope("key-00001")
                #expect(try store.begin(scope, digest: digest, ttl: .hours(24), in: tx) == .fresh)
                try tx.execute("UPDATE idempotency_keys SET started_at = \(tx.now - .seconds(120))")
                #expect(try store.begin(scope, digest: Unique.hex64(), ttl: .hours(24), in: tx) == .mismatch)
                #expect(try store.begin(scope, digest: digest, ttl: .hours(24), in: tx) == .fresh)
                #expect(try store.begin(scope, digest: digest, ttl: .hours(24), in: tx) == .inProgress)
            }
        }
    }
}
