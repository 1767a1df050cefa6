import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.5: boots of the real server, first and later")
struct BootTests {
    @Test("cold boot, warm boot, and the fresh-database smoke", arguments: Engine.underTest)
    func boots(engine: Engine) async throws {
        let installation = try await Installation.make(engine)
        let versions = try Ladder.embedded(engine).migrations.map(\.version)
        try await Proof.scenario("cold boot on an empty database", engine) {
            let server = try installation.server()
            try await server.waitUntilReady()
            try #require(try await server.stop() == 0, "\(server.process.transcript)")
            try #require(try await installation.appliedVersions() == versions)
        }
        let before = try await Self.ledger(of: installation)
        try await Proof.scenario("warm boot changes nothing", engine) {
            let server = try installation.server()
            try await server.waitUntilReady()
            try #require(!server.process.transcript.contains("migration applied"))
            try #require(try await server.stop() == 0)
            try #require(try await Self.ledger(of: installation) == before)
        }
    }

    /// The order of events that once ended in a crash loop: install, look at it, add a variable, restart.
    @Test("boot again after adding an environment variable", arguments: Engine.underTest)
    func addedVariable(engine: Engine) async throws {
        try await Proof.scenario("boot again with CERTCTL_BOOTSTRAP_TOKEN added", engine) {
            let installation = try await Installation.make(engine)
            let first = try installation.server()
            try await first.waitUntilReady()
            try #require(try await first.get("/health").text("status") == "healthy")
            try #require(try first.setupToken().count >= 32)
            await first.process.killAtOnce()

            let token = "bootstrap-token-0123456789-abcdefghij"
            let second = try installation.server(environment: ["CERTCTL_BOOTSTRAP_TOKEN": token])
            try await second.waitUntilReady()
            try #require(try await second.get("/health").text("status") == "healthy")
            let made = try await second.post("/api/v1/auth/bootstrap", Self.administrator(token, "ops"))
            try #require(made.status == 201, "\(made.body)")
            let again = try await second.post("/api/v1/auth/bootstrap", Self.administrator(token, "other"))
            try #require(again.status == 410, "\(again.body)")
            let key = try #require(made.text("key_value"))
            let metrics = try await second.get("/api/v1/metrics/prometheus", key: key).body
            let count = try Ladder.count(engine)
            try #require(metrics.contains("certctl_schema_version \(count)\n"), "\(metrics)")
            try #require(
                metrics.contains(#"certctl_schema_migration_duration_seconds{version="000007_scoped_role_grants"}"#))
            await second.process.killAtOnce()

            let third = try installation.server(environment: ["CERTCTL_BOOTSTRAP_TOKEN": token])
            try await third.waitUntilReady()
            let late = try await third.post("/api/v1/auth/bootstrap", Self.administrator(token, "third"))
            try #require(late.status == 410, "\(late.body)")
            try #require(try await third.stop() == 0)
            let administrators = try await installation.with { database in
                try await database.read {
                    try $0.rows("SELECT actor_id FROM actor_roles WHERE role_id = 'r-admin'").map {
                        try $0.text("actor_id")
                    }
                }
            }
            try #require(administrators == ["ops"])
        }
    }

    private static func administrator(_ token: String, _ name: String) -> String {
        #"{"token":"\#(token)","actor_name":"\#(name)"}"#
    }

    private static func ledger(of installation: Installation) async throws -> [AppliedMigration] {
        try await installation.with { try await Ladder.runner($0).status().applied }
    }

    @Test("an up-to-date ladder costs a boot one read", arguments: Engine.underTest)
    func warmOverhead(engine: Engine) async throws {
        let note: (Duration) -> String = { "\(Double(Int($0.inSeconds * 100_000)) / 100) ms, median of 21" }
        _ = try await Proof.scenario("warm overhead of an up-to-date ladder", engine, note: note) {
            let installation = try await Installation.make(engine)
            try await installation.migrate()
            return try await installation.with { database in
                var times: [Duration] = []
                for _ in 0..<21 {
                    let start = ContinuousClock.now
                    let applied = try await Ladder.runner(database, Ladder.embedded(engine)).migrate()
                    times.append(ContinuousClock.now - start)
                    try #require(applied.isEmpty)
                }
                let sorted = times.sorted()
                // The budget of operations §7.4. The slower ones tell what else the machine does.
                try #require(sorted[5] < .milliseconds(50), "\(sorted)")
                return sorted[10]
            }
        }
    }
}
