import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.3: the ledger is lost in whole or in part")
struct LedgerTests {
    @Test("emptied: everything runs again and changes nothing", arguments: Engine.underTest)
    func emptied(engine: Engine) async throws {
        try await Proof.scenario("emptied tracker, full re-run: same schema, data, audit trail", engine) {
            let installation = try await Self.loaded(engine)
            let schema = try await Dump.schema(installation)
            let rows = try await installation.with { try await Dump.rows($0) }
            try #require(rows["audit_events"]?.count == 2 && rows["audit_leaves"]?.count == 2)
            try await installation.run(["DELETE FROM schema_migrations"])
            let outcome = try await installation.migrate()
            for version in try Ladder.embedded(engine).migrations.map(\.version) {
                try #require(outcome.output.contains("applied \(version)"))
            }
            try #require(try await Dump.schema(installation) == schema)
            try #require(try await installation.with { try await Dump.rows($0) } == rows)

            try await installation.run(["DROP TABLE schema_migrations"])
            try await installation.migrate()
            try #require(try await Dump.schema(installation) == schema)
            try #require(try await installation.with { try await Dump.rows($0) } == rows)
        }
    }

    @Test("partly lost: the newest rows are made good, a hole is named with what to do", arguments: Engine.underTest)
    func partial(engine: Engine) async throws {
        try await Proof.scenario("partial tracker: tail re-runs, a hole is refused with its remedy", engine) {
            let installation = try await Self.loaded(engine)
            let schema = try await Dump.schema(installation)
            let rows = try await installation.with { try await Dump.rows($0) }
            try await installation.run(["DELETE FROM schema_migrations WHERE version > '000006'"])
            try await installation.migrate()
            try #require(try await Dump.schema(installation) == schema)

            try await installation.run([
                "DELETE FROM schema_migrations WHERE version IN ('000002_inventory', '000006_baseline_seed')"
            ])
            let refused = try await installation.certctl("server")
            try #require(refused.status == 1, "\(refused.errors)")
            let remedy = "DELETE FROM schema_migrations WHERE version > '000002_inventory'"
            try #require(refused.errors.contains("000002_inventory.up.sql") && refused.errors.contains(remedy))
            let status = try await installation.certctl("db", "status")
            try #require(status.output.contains("drift       000002_inventory"), "\(status.output)")
            try await installation.run([remedy])
            try await installation.migrate()
            try #require(try await Dump.schema(installation) == schema)
            try #require(try await installation.with { try await Dump.rows($0) } == rows)
        }
    }

    @Test("changed file, unknown version, newer schema: each is refused by name", arguments: Engine.underTest)
    func foreignHistory(engine: Engine) async throws {
        try await Proof.scenario("changed checksum, unknown version, schema too new: exit 1 by name", engine) {
            let installation = try await Installation.make(engine)
            let head = try Ladder.files(engine)
            let tomorrow = try Ladder.nextVersion(engine, "tomorrow")
            try await installation.with { database in
                var files = head
                files[tomorrow + ".up.sql"] = "-- certctl:compat-floor \(Version.number)\nSELECT 1;"
                try await Ladder.runner(
                    database, MigrationLadder(engine: engine, files: files), version: "99.1.0"
                ).migrate()
            }
            // The newer release says that this one can run on its schema.
            try await installation.migrate()
            try await installation.run([
                "UPDATE schema_migrations SET compat_floor = '99.0.0' WHERE version = '\(tomorrow)'"
            ])
            try await Self.requireRefusal(installation, naming: [tomorrow, "99.0.0", "99.1.0", "backup"])
            try await installation.run([
                "UPDATE schema_migrations SET version = '000004_other' WHERE version = '\(tomorrow)'"
            ])
            try await Self.requireRefusal(installation, naming: ["000004_other", "does not have its file"])
            try await installation.run([
                "DELETE FROM schema_migrations WHERE version = '000004_other'",
                "UPDATE schema_migrations SET checksum = 'x' WHERE version = '000003_jobs_and_orders'",
            ])
            try await Self.requireRefusal(installation, naming: ["000003_jobs_and_orders", "SHA-256"])
            let status = try await installation.certctl("db", "status")
            try #require(status.status == 0 && status.output.contains("drift       000003_jobs_and_orders"))
        }
    }

    private static func requireRefusal(_ installation: Installation, naming words: [String]) async throws {
        let outcome = try await installation.certctl("server")
        try #require(outcome.status == 1, "\(outcome.errors)")
        for word in words { try #require(outcome.errors.contains(word), "no \(word) in \(outcome.errors)") }
    }

    private static func loaded(_ engine: Engine) async throws -> Installation {
        let installation = try await Installation.make(engine)
        try await installation.migrate()
        let count = try Ladder.embedded(engine).migrations.count
        try await installation.run(Rows(engine: engine).statements(prefix: count))
        // What an operator removes from the seed does not come back either.
        try await installation.run(["DELETE FROM role_permissions WHERE role_id = 'r-viewer'"])
        return installation
    }
}
