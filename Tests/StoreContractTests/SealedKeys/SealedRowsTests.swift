import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Security §10: rows that hold sealed keys, and the first one wins")
struct SealedRowsTests {
    @Test("replicas that start together agree on one sealing key", arguments: Engine.available)
    func sealingKeys(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = SealingKeyStore()
            let first = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<4 {
                    group.addTask {
                        try await database.write { tx in
                            let key = SealingKeyRecord(
                                kekID: "000000000000000\(index)",
                                derivation: .hkdf,
                                salt: nil,
                                checkValue: [1],
                                createdAt: tx.now
                            )
                            return try store.recordFirst(key, in: tx)
                        }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(first == 1)
            let all = try await database.read { try store.all(in: $0) }
            #expect(all.count == 1)
            let active = try await database.read { try store.active(in: $0) }
            #expect(active == all.first)
        }
    }

    @Test("the server's TLS identity is replaced by compare-and-set", arguments: Engine.available)
    func controlPlaneTLS(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = ControlPlaneTLSStore()
            func identity(_ fingerprint: String) -> ControlPlaneTLS {
                ControlPlaneTLS(
                    chainPEM: "pem",
                    sealedPrivateKey: [1, 2],
                    fingerprintSHA256: fingerprint,
                    notAfter: Timestamp(secondsSinceEpoch: 2_000_000_000)
                )
            }
            let (one, two, three) = (identity(Unique.hex64()), identity(Unique.hex64()), identity(Unique.hex64()))
            try await database.write { tx throws in
                #expect(try store.load(in: tx) == nil)
                #expect(try store.replace(nil, with: one, in: tx))
                #expect(try !store.replace(nil, with: two, in: tx))
                #expect(try store.replace(one.fingerprintSHA256, with: two, in: tx))
                #expect(try !store.replace(one.fingerprintSHA256, with: three, in: tx))
                #expect(try store.load(in: tx) == two)
            }
        }
    }

    @Test("an authority and its key are stored once", arguments: Engine.available)
    func authorities(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let id: CAKeyID = Unique.id()
            let new = NewAuthority(
                issuerID: seed.issuer,
                chainPEM: "pem",
                keyDriver: "database",
                keyReference: id.text,
                spkiSHA256: Unique.hex64(),
                notBefore: Timestamp(secondsSinceEpoch: 1),
                notAfter: Timestamp(secondsSinceEpoch: 2)
            )
            try await database.write { tx in
                let key = SealedKey(
                    id: id,
                    algorithm: "ECDSA-P256",
                    spkiSHA256: Unique.hex64(),
                    sealedPKCS8: [4, 5],
                    createdAt: tx.now
                )
                try SealedKeyStore().insert(key, in: tx)
                #expect(try SealedKeyStore().find(id, in: tx) == key)
                try AuthorityStore().insert(new, in: tx)
                #expect(try AuthorityStore().find(seed.issuer, in: tx)?.keyReference == id.text)
                #expect(try AuthorityStore().all(in: tx).count == 1)
            }
            await #expect(throws: StoreError.alreadyExists(.authority, field: "issuer_id")) {
                try await database.write { try AuthorityStore().insert(new, in: $0) }
            }
        }
    }
}
