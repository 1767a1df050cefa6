import DatabaseTestSupport
import Foundation
import Query
import Store
import Testing

@Suite("A ladder has no gaps, no duplicates and no stray files")
struct MigrationLadderTests {
    @Test("files are ordered by number, and the stem is the version")
    func order() throws {
        let ladder = try MigrationLadder(
            engine: .sqlite,
            files: [
                "000002_b.notx.up.sql": "SELECT 2", "000002_b.down.sql": "", "000001_a.up.sql": "SELECT 1",
                "000001_a.down.sql": "SELECT 0",
            ]
        )
        #expect(ladder.migrations.map(\.version) == ["000001_a", "000002_b"])
        #expect(ladder.migrations.map(\.isTransactional) == [true, false])
        #expect(ladder.migrations.map(\.fileName) == ["000001_a.up.sql", "000002_b.notx.up.sql"])
        #expect(ladder.migrations.map(\.down) == ["SELECT 0", ""])
        #expect(ladder.newest == "000002_b")
        // printf 'SELECT 1' | sha256sum
        #expect(
            ladder.migrations.first?.checksum == "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5"
        )
    }

    @Test(
        "wrong names are refused with the name",
        arguments: [
            ["000001_a.up.sql", "000003_c.up.sql"], ["000002_b.up.sql"], ["000001_a.up.sql", "000001_b.up.sql"],
            ["1_a.up.sql"], ["000001-a.up.sql"], ["000001_A.up.sql"], ["000001_.up.sql"], ["000001_a.sql"],
            ["000001_a.up.sql", "000002_b.down.sql"], ["+00001_a.up.sql"],
        ]
    )
    func wrongNames(names: [String]) {
        let error = #expect(throws: MigrationError.self) {
            try MigrationLadder(engine: .sqlite, files: Dictionary(uniqueKeysWithValues: names.map { ($0, "") }))
        }
        #expect(error.map { names.contains($0.subject) } == true)
    }

    @Test("both built-in ladders are sound, with equal versions, and every statement can be read")
    func embedded() throws {
        let ladders = try Engine.allCases.map { try MigrationLadder.embedded(for: $0) }
        #expect(ladders[0].migrations.map(\.version) == ladders[1].migrations.map(\.version))
        #expect(!ladders[0].migrations.isEmpty)
        for ladder in ladders {
            for migration in ladder.migrations {
                let statements = try StatementSplitter.split(migration.up, for: ladder.engine)
                #expect(!statements.isEmpty, "\(ladder.engine) \(migration.version)")
                #expect(try !StatementSplitter.split(migration.down ?? "", for: ladder.engine).isEmpty)
            }
        }
    }

    @Test("a directory can take the place of the built-in ladder")
    func directory() throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let nested = directory + "/sqlite"
        try FileManager.default.createDirectory(atPath: nested, withIntermediateDirectories: true)
        try "SELECT 1;".write(toFile: nested + "/000001_a.up.sql", atomically: true, encoding: .utf8)
        try "notes".write(toFile: nested + "/README.md", atomically: true, encoding: .utf8)
        #expect(try MigrationLadder.directory(directory, for: .sqlite).migrations.map(\.up) == ["SELECT 1;"])
        #expect(try MigrationLadder.directory(nested, for: .sqlite).newest == "000001_a")
        #expect(throws: MigrationError.self) { try MigrationLadder.directory(directory + "/none", for: .sqlite) }
    }
}
