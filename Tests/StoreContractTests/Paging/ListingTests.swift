import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("REST §5.2: a cursor loses no row and shows none twice")
struct ListingTests {
    private let teams = TeamStore()

    private func page(
        _ database: any Database,
        _ position: KeysetPosition?,
        sort: TeamSort = .createdAt,
        isDescending: Bool = false,
        search: String? = nil
    ) async throws -> Page<TeamListing> {
        let request = ListRequest(
            filter: TeamFilter(search: search),
            sort: sort,
            isDescending: isDescending,
            page: .keyset(after: position, limit: 7),
            total: .none
        )
        return try await database.read { [teams] in try teams.list(request, in: $0) }
    }

    @Test("while others insert, every row of the start is seen once", arguments: Engine.available)
    func completeUnderInserts(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            // One transaction: the same time on every row, so that the identifier alone breaks the tie.
            let expected = try await database.write { [teams] tx in
                try (0..<30).map { index in
                    try teams.insert(Unique.id(), TeamFields(name: "start \(index)"), in: tx).id
                }
            }
            for isDescending in [false, true] {
                var seen: [TeamID] = []
                var position: KeysetPosition?
                repeat {
                    let page = try await page(database, position, isDescending: isDescending)
                    seen += page.rows.map(\.team.id)
                    position = page.nextCursor
                    try await database.write { [teams] tx in
                        try teams.insert(Unique.id(), TeamFields(name: "new \(Unique.number())"), in: tx)
                    }
                } while position != nil && seen.count < 200
                #expect(seen.count == Set(seen).count)
                #expect(Set(expected).isSubset(of: Set(seen)))
            }
        }
    }

    @Test("a cursor of another order or filter is refused", arguments: Engine.available)
    func mismatches(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { [teams] tx in
                for index in 0..<10 { try teams.insert(Unique.id(), TeamFields(name: "n\(index)"), in: tx) }
            }
            let position = try #require(try await page(database, nil).nextCursor)
            await #expect(throws: CursorMismatch(reason: "order")) {
                _ = try await self.page(database, position, sort: .name)
            }
            await #expect(throws: CursorMismatch(reason: "order")) {
                _ = try await self.page(database, position, isDescending: true)
            }
            await #expect(throws: CursorMismatch(reason: "filter")) {
                _ = try await self.page(database, position, search: "n")
            }
        }
    }

    @Test("pages by number and totals agree, and an estimate stops counting", arguments: Engine.available)
    func offsets(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try await database.write { [teams] tx in
                for index in 10..<25 { try teams.insert(Unique.id(), TeamFields(name: "n\(index)"), in: tx) }
            }
            var request = ListRequest(
                filter: TeamFilter(search: "n1"),
                sort: TeamSort.name,
                isDescending: false,
                page: .offset(page: 2, perPage: 4)
            )
            for mode in [TotalMode.exact, .estimate] {
                request.total = mode
                let copy = request
                let page = try await database.read { [teams] in try teams.list(copy, in: $0) }
                #expect(page.rows.map(\.team.name) == ["n14", "n15", "n16", "n17"])
                #expect(page.total == 10 && page.nextCursor == nil)
            }
        }
    }

    static let positions = [
        KeysetPosition(sort: "name", isDescending: true, key: .text("ü\u{0}x"), id: "a", filterDigest: ""),
        KeysetPosition(
            sort: "created_at",
            isDescending: false,
            key: .time(Timestamp(microsecondsSinceEpoch: -5)),
            id: "b",
            filterDigest: "00ff"
        ),
        KeysetPosition(sort: "n", isDescending: false, key: .integer(.min), id: "", filterDigest: "x"),
    ]

    @Test("the octets of a position read back, and nothing else does", arguments: positions)
    func octets(position: KeysetPosition) {
        let octets = position.octets
        #expect(KeysetPosition(octets: octets) == position)
        for count in 0..<octets.count { #expect(KeysetPosition(octets: Array(octets.prefix(count))) == nil) }
        #expect(KeysetPosition(octets: octets + [0]) == nil)
        for index in 0..<3 {
            var broken = octets
            broken[index] = 0xFF
            #expect(KeysetPosition(octets: broken) == nil)
        }
    }
}
