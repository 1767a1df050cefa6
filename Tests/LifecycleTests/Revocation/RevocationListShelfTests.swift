import DatabaseTestSupport
import Domain
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("The shelf of revocation lists: one read for all, one copy of what is the same")
struct RevocationListShelfTests {
    @Test("however many come to a cold shelf, the blocks are read once", arguments: Engine.available)
    func cold(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.revoke("a1", .superseded)
            _ = try await world.press().publish()
            let shelf = RevocationListShelf(database: world.database, time: world.time)
            let (before, began) = (world.database.readCount, ContinuousClock.now)
            let lists = try await withThrowingTaskGroup(of: ShelvedList?.self) { group in
                for _ in 0..<200 {
                    group.addTask { try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(lists.count == 200 && lists.allSatisfy { $0?.row.number == 1 })
            // Whether there is a newer one is asked once a second.
            let seconds = Int((ContinuousClock.now - began) / .seconds(1))
            #expect(world.database.readCount - before <= 1 + seconds)
        }
    }

    @Test("who gives up takes nobody along, and a database that is away is asked again")
    func failures() async throws {
        try await World.with(.sqlite) { world async throws in
            _ = try await world.press().publish()
            let shelf = RevocationListShelf(database: world.database, time: world.time)
            world.database.failReads(true)
            await #expect(throws: FaultyDatabase.Died.self) {
                try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full)
            }
            world.database.failReads(false)
            #expect(try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full) != nil)
            world.clock.advance(by: .seconds(2))
            world.database.failReads(true)
            await #expect(throws: FaultyDatabase.Died.self) {
                try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full)
            }
            world.database.failReads(false)
            #expect(try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full) != nil)
            // A clock that was set back is no reason to serve the old list until it has caught up.
            world.clock.advance(by: .zero - .minutes(10))
            try await world.revoke("a1", .superseded)
            _ = try await world.press().publish()
            #expect(try await shelf.list(of: AuthorityID(soleOf: World.issuer), .full)?.row.number == 2)
        }
    }

    @Test("lists that follow on one another share the blocks that did not change, here and on another replica")
    func shared() async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.database.write { tx in
                for number in 0..<(RevocationListBlocks.capacity + 10) {
                    let new = NewRevocation(
                        id: RevocationID(generatedAt: tx.now, random: .system), issuerID: World.issuer,
                        authorityID: AuthorityID(soleOf: World.issuer),
                        serialNumber: String(0x1000 + number, radix: 16),
                        notAfter: tx.now + .days(30), reason: .superseded, revokedBy: "alice")
                    _ = try RevocationStore().revoke(new, in: tx)
                }
            }
            let press = world.press()
            let replica = RevocationListShelf(database: world.database, time: world.time)
            func both() async throws -> [ShelvedList] {
                world.clock.advance(by: .seconds(2))
                let authority = AuthorityID(soleOf: World.issuer)
                return [
                    try #require(try await press.shelf.list(of: authority, .full)),
                    try #require(try await replica.list(of: authority, .full)),
                ]
            }
            _ = try await press.publish()
            let old = try await both()
            try await world.revoke("abcdef", .keyCompromise)
            _ = try await press.publish()
            let new = try await both()
            for (old, new) in zip(old, new) {
                #expect(old.parts.count == 4 && new.parts.count == 4 && new.row.number == 2)
                #expect(Self.address(old.parts[1]) == Self.address(new.parts[1]), "the full block is the same octets")
                #expect(Self.address(old.parts[2]) != Self.address(new.parts[2]))
                let list = try CertificateRevocationList(der: new.der)
                #expect(list.entries.count == RevocationListBlocks.capacity + 11)
            }
        }
    }

    private static func address(_ octets: [UInt8]) -> UnsafeRawPointer? {
        octets.withUnsafeBytes { $0.baseAddress }
    }
}

extension ShelvedList {
    /// The list as it is served.
    var der: [UInt8] { Array(parts.joined()) }
}
