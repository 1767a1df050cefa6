import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §1.5, §12: teams are changed by compare-and-set and deleted only when unused")
struct TeamStoreTests {
    private let teams = TeamStore()

    @Test("what is inserted is read back", arguments: Engine.available)
    func roundTrip(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let id: TeamID = Unique.id()
            let inserted = try await database.write { [teams] in
                try teams.insert(id, TeamFields(name: "Platform", description: "ops"), in: $0)
            }
            let found = try await database.read { [teams] in try teams.get(id, in: $0) }
            #expect(found == inserted)
            #expect(found.name == "Platform" && found.description == "ops" && found.rowVersion == 1)
            #expect(found.createdAt == found.updatedAt)
        }
    }

    @Test("a second team of the same name or id is refused by field", arguments: Engine.available)
    func uniqueness(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let id: TeamID = Unique.id()
            try await database.write { [teams] in try teams.insert(id, TeamFields(name: "A"), in: $0) }
            await #expect(throws: StoreError.alreadyExists(.team, field: "name")) {
                try await database.write { [teams] in try teams.insert(Unique.id(), TeamFields(name: "A"), in: $0) }
            }
            await #expect(throws: StoreError.alreadyExists(.team, field: "id")) {
                try await database.write { [teams] in try teams.insert(id, TeamFields(name: "B"), in: $0) }
            }
            let other: TeamID = Unique.id()
            try await database.write { [teams] in try teams.insert(other, TeamFields(name: "B"), in: $0) }
            await #expect(throws: StoreError.alreadyExists(.team, field: "name")) {
                try await database.write { [teams] tx in
                    try teams.update(other, TeamFields(name: "A"), expecting: nil, in: tx)
                }
            }
        }
    }

    @Test("an update of an old version changes nothing and says where the row stands", arguments: Engine.available)
    func compareAndSet(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let id: TeamID = Unique.id()
            try await database.write { [teams] tx in
                try teams.insert(id, TeamFields(name: "A"), in: tx)
                let second = try teams.update(id, TeamFields(name: "B"), expecting: 1, in: tx)
                #expect(second.rowVersion == 2)
            }
            await #expect(throws: StoreError.stale(.team, id: id.text, current: 2)) {
                try await database.write { [teams] in
                    try teams.update(id, TeamFields(name: "C"), expecting: 1, in: $0)
                }
            }
            await #expect(throws: StoreError.stale(.team, id: id.text, current: 2)) {
                try await database.write { [teams] in try teams.delete(id, expecting: 1, in: $0) }
            }
            await #expect(throws: StoreError.notFound(.team, id: "t-none")) {
                try await database.write { [teams] tx in
                    try teams.update(TeamID(stored: "t-none"), TeamFields(name: "D"), expecting: nil, in: tx)
                }
            }
            let name = try await database.read { [teams] in try teams.get(id, in: $0).name }
            #expect(name == "B")
        }
    }

    @Test("deletion names what is in the way, and works after reassignment", arguments: Engine.available)
    func deletion(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let other: TeamID = Unique.id()
            try await database.write { [teams] tx in
                try teams.insert(other, TeamFields(name: "Other"), in: tx)
                try seed.certificate(in: tx)
                try seed.certificate(in: tx)
            }
            let counts = ["certificates": 2, "owners": 1]
            await #expect(throws: StoreError.inUse(.team, id: Seed.team.text, counts: counts)) {
                try await database.write { [teams] in try teams.delete(Seed.team, expecting: nil, in: $0) }
            }
            let moved = try await database.write { [teams] tx in
                let moved = try teams.reassign(from: Seed.team, to: other, in: tx)
                try teams.delete(Seed.team, expecting: nil, in: tx)
                return [moved.owners, moved.certificates]
            }
            #expect(moved == [1, 2])
            let listed = try await database.read { [teams] in
                try teams.list(.first(TeamFilter(search: "oTHE"), sort: .name), in: $0)
            }
            #expect(listed.rows.map(\.certificateCount) == [2] && listed.rows.map(\.ownerCount) == [1])
            #expect(listed.total == 1)
        }
    }
}
