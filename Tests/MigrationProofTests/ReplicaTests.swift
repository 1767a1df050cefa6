import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.4, §14.5: several processes on one database")
struct ReplicaTests {
    @Test("eight processes boot at once", arguments: Engine.underTest)
    func eight(engine: Engine) async throws {
        let name =
            engine == .postgres
            ? "eight processes at once: all serve after one migrated"
            : "eight processes at once: one serves, seven exit 69 naming it"
        try await Proof.scenario(name, engine) {
            let installation = try await Installation.make(engine)
            let servers = try (1...8).map { try installation.server("data\($0)") }
            switch engine {
            case .postgres: try await Self.requireAllServe(servers)
            case .sqlite: try await Self.requireOneServes(servers)
            }
            try #require(
                try await installation.appliedVersions() == Ladder.embedded(engine).migrations.map(\.version))
        }
    }

    private static func requireAllServe(_ servers: [Server]) async throws {
        for server in servers { try await server.waitUntilReady() }
        let migrated = servers.filter { $0.process.transcript.contains("migrations applied") }
        try #require(migrated.count == 1, "\(migrated.count) servers migrated")
        try await stop(servers)
    }

    private static func requireOneServes(_ servers: [Server]) async throws {
        let ended = await eventually(within: .seconds(60)) { servers.filter { !$0.process.isRunning }.count == 7 }
        try #require(ended, "\(servers.filter { !$0.process.isRunning }.count) of 8 ended")
        let winner = try #require(servers.first { $0.process.isRunning })
        try await winner.waitUntilReady()
        for server in servers where server !== winner {
            try #require(try await server.waitForExit() == 69)
            try #require(
                server.process.errors.contains("process \(winner.process.processID)"), "\(server.process.errors)")
        }
        try await stop([winner])
    }

    private static func stop(_ servers: [Server]) async throws {
        for server in servers { server.process.send(SIGTERM) }
        for server in servers { try #require(try await server.waitForExit() == 0) }
    }

    /// Rolling upgrade: the older server goes on, the newer migrates and serves, the older comes back. On SQLite they
    /// take turns.
    @Test("releases N and N+1 on one schema", arguments: Engine.underTest)
    func twoReleases(engine: Engine) async throws {
        try await Proof.scenario("expand: what release N writes and reads works on the schema of N+1", engine) {
            let installation = try await Installation.make(engine)
            let count = try Ladder.embedded(engine).migrations.count
            // N is this program, N+1 the same program with the ladder of a release to come.
            let newer = installation.directory.path("newer")
            try Ladder.write(engine, prefix: count, to: newer)
            try "-- certctl:compat-floor \(Version.number)\nSELECT 1;".write(
                toFile: newer + "/" + Ladder.nextVersion(engine, "tomorrow") + ".up.sql", atomically: true,
                encoding: .utf8)
            let newerRelease = ["CERTCTL_DATABASE_MIGRATIONS_PATH": newer]
            let first = try installation.server("first")
            try await first.waitUntilReady()
            if engine == .sqlite { try await Self.stop([first]) }
            let second = try installation.server("second", environment: newerRelease)
            try await second.waitUntilReady()
            try #require(second.process.transcript.contains("migrations applied"))
            if engine == .postgres {
                try #require(try await first.get("/ready").status == 200)
                try await Self.stop([first])
            } else {
                try await Self.stop([second])
            }
            let back = try installation.server("first")
            try await back.waitUntilReady()
            try await Self.stop(engine == .postgres ? [back, second] : [back])

            // The statements of every release so far, against the newest schema, beside each other.
            for release in 1...count {
                try await installation.run(Rows(engine: engine, tag: "r\(release)").statements(prefix: release))
            }
            let rows = try await installation.with { try await Dump.rows($0) }
            try #require(rows["actor_roles"]?.filter { $0["scope_type"] == "text(\"global\")" }.count == count)
            let check = try await installation.certctl("db", "check", environment: newerRelease)
            try #require(check.status == 0, "\(check.output)")
        }
    }
}
