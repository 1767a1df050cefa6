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

    // MARK: - Both at work

    /// Release N is this program as it is. N+1 is the same program with the migrations of a release to come, so that N
    /// meets what an older program meets: a schema with steps that it does not have, each of which says that N can run on
    /// it.
    @Test("releases N and N+1 serve one database at the same time", arguments: Engine.underTest)
    func bothServe(engine: Engine) async throws {
        let name = "N and N+1 serve together: each writes, issues, and sees what the other did"
        guard engine == .postgres else {
            return Proof.notApplicable(name, engine, because: "one server at a time")
        }
        try await Proof.scenario(name, engine) {
            let installation = try await Installation.make(engine)
            let older = try installation.server("older")
            try await older.waitUntilReady()
            let key = try await older.administratorKey()
            let newer = try installation.server("newer", environment: try Self.nextRelease(installation))
            try await newer.waitUntilReady()
            try #require(newer.process.transcript.contains("migrations applied"))
            try #require(try await older.get("/ready").status == 200)

            let pair = Pair(servers: [older, newer], key: key, directory: installation.directory)
            try await pair.exchange("beside")
            try await pair.writeTogether(20)
            // Rolled back: the older one starts on the newer schema and goes on.
            try #require(try await older.stop() == 0)
            let back = try installation.server("older")
            try await back.waitUntilReady()
            try await Pair(servers: [newer, back], key: key, directory: installation.directory).exchange("again")
            let status = try await installation.certctl("db", "status")
            for step in try Self.steps(engine) {
                try #require(status.output.contains("unknown     \(step)"), "\(status.output)")
            }
            try await Self.stop([back, newer])
            let check = try await installation.certctl("db", "check")
            // The steps that it does not know, the rule that N+1 has not validated yet, and nothing about rows.
            let kinds = check.output.split(separator: "\n").map { line in
                ["newer release", "managed_certificates_colour_enum"].first { line.contains($0) } ?? String(line)
            }
            try #require(
                kinds == ["newer release", "newer release", "managed_certificates_colour_enum"], "\(check.output)")

            // A step that N cannot run on: what runs goes on, what starts refuses by name.
            try await installation.run([
                "UPDATE schema_migrations SET compat_floor = '99.0.0' WHERE version = '\(try Self.steps(engine)[1])'"
            ])
            let refused = try await installation.certctl("server")
            try #require(refused.status == 1 && refused.errors.contains("99.0.0"), "\(refused.errors)")
        }
    }

    private static func steps(_ engine: Engine) throws -> [String] {
        let count = try Ladder.count(engine)
        return ["labels", "colours"].enumerated().map { offset, name in
            let digits = "\(count + 1 + offset)"
            return String(repeating: "0", count: 6 - digits.count) + digits + "_" + name
        }
    }

    /// The ladder of a release to come, as its directory: steps that expand what N reads and writes.
    private static func nextRelease(_ installation: Installation) throws -> [String: String] {
        let directory = installation.directory.path("next")
        try Ladder.write(installation.engine, prefix: Ladder.count(installation.engine), to: directory)
        let floor = "-- certctl:compat-floor \(Version.number)\n"
        let texts = [
            """
            ALTER TABLE teams ADD COLUMN IF NOT EXISTS motto TEXT NOT NULL DEFAULT '';
            ALTER TABLE managed_certificates ADD COLUMN IF NOT EXISTS colour TEXT;
            CREATE TABLE IF NOT EXISTS labels (
                certificate_id TEXT NOT NULL,
                label TEXT NOT NULL,
                CONSTRAINT labels_pkey PRIMARY KEY (certificate_id, label),
                CONSTRAINT labels_certificate_fkey
                    FOREIGN KEY (certificate_id) REFERENCES managed_certificates (id) ON DELETE CASCADE
            );
            """,
            """
            DO $$
            BEGIN
                IF NOT EXISTS (
                    SELECT 1 FROM pg_constraint
                    WHERE conname = 'managed_certificates_colour_enum' AND conrelid = 'managed_certificates'::regclass
                ) THEN
                    ALTER TABLE managed_certificates ADD CONSTRAINT managed_certificates_colour_enum
                        CHECK (colour IN ('red', 'green')) NOT VALID;
                END IF;
            END
            $$;
            """,
        ]
        for (step, text) in zip(try steps(installation.engine), texts) {
            try (floor + text).write(toFile: "\(directory)/\(step).up.sql", atomically: true, encoding: .utf8)
        }
        return ["CERTCTL_DATABASE_MIGRATIONS_PATH": directory]
    }
}
