import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import TestSupport
import Testing

@Suite("RFC 5280 §5.2.4: delta lists complete whatever list a relying party still holds")
struct DeltaListTests {
    private func switchDelta(_ isOn: Bool, _ world: World) async throws {
        var change = IssuerChange()
        change.config = .set(["crl_delta": .bool(isOn)])
        _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
    }

    private func entries(_ list: CertificateRevocationList) -> [String: RevocationReason] {
        Dictionary(uniqueKeysWithValues: list.entries.map { ($0.serialNumber?.hex ?? "", $0.reason) })
    }

    @Test("number, base, entries, holds that end", arguments: Engine.available)
    func content(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await switchDelta(true, world)
            let press = world.press(publicURL: "http://pki.example")
            try await world.revoke("a1", .superseded)
            // The first complete list has nothing before it; another follows at once, and the delta list with it.
            #expect(try await press.publish() == 1)
            #expect(try await press.publish() == 2)
            #expect(try await press.publish() == 0)
            var delta = try await press.list(.delta)
            #expect(delta.isDelta && delta.entries.isEmpty)
            #expect(delta.baseNumber == CRLNumber(1) && delta.number == CRLNumber(2))
            try await world.revoke("b2", .certificateHold)
            try await world.revoke("c3", .keyCompromise)
            #expect(try await press.publish() == 2)
            delta = try await press.list(.delta)
            #expect(entries(delta) == ["b2": .certificateHold, "c3": .keyCompromise])
            try await world.release("b2")
            #expect(try await world.press(publicURL: "http://pki.example").publish() == 2)
            delta = try await press.list(.delta)
            let full = try await press.list()
            #expect(entries(delta) == ["b2": .removeFromCRL, "c3": .keyCompromise])
            #expect(delta.number == full.number && delta.baseNumber == CRLNumber(1))
            let chain = try await world.connector().authorityChain()
            #expect(delta.verifySignature(with: try #require(chain.first).subjectPublicKey))
            // PostgreSQL goes by its own clock.
            guard engine == .sqlite else { return }
            // When nobody can hold the first list any more, the base moves on.
            world.clock.advance(by: .hours(25))
            #expect(try await press.publish() == 2)
            delta = try await press.list(.delta)
            #expect(delta.baseNumber == CRLNumber(4) && delta.entries.isEmpty)
        }
    }

    @Test("switched off, it is gone; a crash between the two lists is mended")
    func switching() async throws {
        try await World.with(.sqlite) { world async throws in
            try await switchDelta(true, world)
            let press = world.press(publicURL: "http://pki.example")
            for _ in 0..<2 { _ = try await press.publish() }
            try await world.revoke("a1", .superseded)
            _ = try await press.publish()
            try await world.database.write { tx in
                _ = try tx.execute("DELETE FROM crl_cache WHERE scope = 'delta'")
            }
            #expect(try await press.publish() == 1)
            #expect(entries(try await press.list(.delta)) == ["a1": .superseded])
            try await switchDelta(false, world)
            #expect(try await press.publish() == 0)
            let shelf = RevocationListShelf(database: world.database, time: world.time)
            #expect(try await shelf.list(of: AuthorityID(soleOf: World.issuer), .delta) == nil)
        }
    }

    @Test("shards have no delta lists")
    func shards() async throws {
        try await World.with(.sqlite) { world async throws in
            var change = IssuerChange()
            change.config = .set(["crl_delta": true, "crl_partitions": 4])
            await #expect(throws: ServiceError.self) {
                try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            }
        }
    }
}
