import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.4, §14.5: every state of the ladder leads to its head, and back")
struct UpgradeTests {
    @Test("each earlier state with its rows is upgraded by the real program", arguments: Engine.underTest)
    func upgrades(engine: Engine) async throws {
        let count = try Ladder.count(engine)
        _ = try await Proof.scenario(
            "upgrade from every earlier state, loaded with rows", engine, note: { (states: Int) in "\(states) states" }
        ) {
            let fresh = try await Installation.make(engine)
            try await fresh.migrate()
            let head = try await fresh.with { try await Dump.quickSchema($0) }
            for prefix in 1..<count {
                let installation = try await Installation.make(engine)
                try await installation.migrate(prefix: prefix)
                try await installation.run(Rows(engine: engine).statements(prefix: prefix))
                let before = try await installation.with { try await Dump.rows($0) }
                try await installation.migrate()
                let after = try await installation.with { try await Dump.rows($0) }
                try Dump.requireKept(before, in: after)
                let schema = try await installation.with { try await Dump.quickSchema($0) }
                try #require(schema == head, "from \(prefix): \(Set(schema).symmetricDifference(head))")
                // What the newest release writes goes into a database that grew just as well.
                try await installation.run(Rows(engine: engine, tag: "n").statements(prefix: count))
                let check = try await installation.certctl("db", "check", "--full")
                try #require(check.status == 0, "from \(prefix): \(check.output)")
            }
            return count - 1
        }
    }

    @Test("every down file restores the state before, twice if need be; then up again", arguments: Engine.underTest)
    func downAndUp(engine: Engine) async throws {
        let migrations = try Ladder.embedded(engine).migrations
        try await Proof.scenario("every down file, then up again", engine) {
            let installation = try await Installation.make(engine)
            var states = [try await Self.state(installation)]
            for prefix in 1...migrations.count {
                try await installation.migrate(prefix: prefix)
                try await installation.run(Self.newRows(engine, at: prefix))
                states.append(try await Self.state(installation))
            }
            for (index, migration) in migrations.enumerated().reversed() {
                let outcome = try await installation.certctl("db", "down", "1", "--yes")
                try #require(outcome.status == 0, "\(migration.version): \(outcome.errors)")
                try #require(outcome.output.contains("taken back \(migration.version)"))
                try #require(outcome.errors.contains(migration.dataLoss) && outcome.errors.contains("backup"))
                let state = try await Self.state(installation)
                try #require(
                    state == states[index],
                    "down of \(migration.version): \(Set(state).symmetricDifference(states[index]).sorted())")
                guard index > 0 else { continue }
                try await Self.repeatDown(migration, on: installation)
                try #require(try await Self.state(installation) == states[index], "\(migration.version) twice")
            }
            try await installation.migrate()
            try #require(try await Self.state(installation) == states.last)
        }
    }

    @Test("nobody goes down by accident", arguments: Engine.underTest)
    func downNeedsConsent(engine: Engine) async throws {
        try await Proof.scenario("db down without consent changes nothing", engine) {
            let installation = try await Installation.make(engine)
            try await installation.migrate()
            let refused = try await installation.certctl("db", "down", "1")
            try #require(refused.status == 2 && refused.errors.contains("--yes"), "\(refused.errors)")
            let count = try Ladder.count(engine)
            let tooMany = try await installation.certctl("db", "down", "99", "--yes")
            try #require(tooMany.status == 1 && tooMany.errors.contains("1 to \(count)"), "\(tooMany.errors)")
            try #require(try await installation.appliedVersions().count == count)
        }
    }

    /// Runs a down file over a schema that has taken it already.
    private static func repeatDown(_ migration: Migration, on installation: Installation) async throws {
        let statements = try StatementSplitter.split(try #require(migration.down), for: installation.engine)
        try await installation.with { database in
            try await database.migrate { connection in
                try connection.begin()
                for statement in statements { try connection.run(statement.text) }
                try connection.commit()
            }
        }
    }

    /// The rows that the release of one migration added.
    private static func newRows(_ engine: Engine, at prefix: Int) -> [String] {
        let rows = Rows(engine: engine)
        return Array(rows.statements(prefix: prefix).dropFirst(rows.statements(prefix: prefix - 1).count))
    }

    private static func state(_ installation: Installation) async throws -> [String] {
        try await Dump.schema(installation, withLedger: false)
    }
}
