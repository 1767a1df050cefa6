import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite("server settings: which migrations there are, and who applies them", .tags(.slow))
struct StorageMigrationTests {
    @Test(
        "check waits for another process to migrate, off refuses until somebody has",
        .enabled(if: EngineUnderTest.available.contains(.postgres)))
    func modes() async throws {
        let url = try #require(try await EngineUnderTest.postgres.makeDatabaseURL())
        let directory = try TemporaryDirectory("modes")
        let inside = PostgresInspection(url: url, logs: directory.url)
        func environment(_ mode: String) throws -> [String: String] {
            ControlPlane.environment(
                in: try TemporaryDirectory("mode"),
                EngineUnderTest.postgres.environment.merging([
                    "CERTCTL_DATABASE_URL": url, "CERTCTL_MIGRATIONS": mode,
                ]) { $1 })
        }
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        let off = try environment("off")
        let refused = try await ControlPlane.refusal(off, logs: directory.url)
        #expect(refused.outcome.status == 69, "\(refused.outcome)")
        #expect(refused.outcome.errors.contains("certctl db migrate"), "\(refused.outcome.errors)")
        #expect(try await inside.number(tables) == 0)

        let waiting = try ChildProgram(
            ControlPlane.binary, ["server"], environment: try environment("check"), logs: directory.url)
        let isConnected = try await eventually {
            try await inside.number("SELECT count(*) FROM \(PostgresInspection.pool)") > 0
        }
        // Longer than the migrations take.
        try await Task.sleep(for: .milliseconds(500))
        #expect(isConnected && waiting.isRunning, "\(waiting.transcript)")
        #expect(try await inside.number(tables) == 0 && !waiting.output.contains("\"ready\""))
        let migrated = try await runProgram(
            ControlPlane.binary, ["db", "migrate"],
            environment: try environment("auto").filter { $0.key != "CERTCTL_CONFIG_ENCRYPTION_KEY" },
            logs: directory.url)
        #expect(migrated.status == 0, "the schema needs no key: \(migrated)")
        let isReady = await eventually { waiting.output.contains("\"ready\"") }
        #expect(isReady, "\(waiting.transcript)")
        await waiting.stop()

        let accepting = try ChildProgram(ControlPlane.binary, ["server"], environment: off, logs: directory.url)
        let isAccepted = await eventually { accepting.output.contains("\"ready\"") }
        #expect(isAccepted, "\(accepting.transcript)")
        await accepting.stop()
    }

    @Test("auto applies what is there; a directory of migrations takes the place of the built-in ones")
    func directory() async throws {
        let files = try TemporaryDirectory("migrations")
        let version = try Self.extendLadder(in: files)
        let server = try await ControlPlane.start(
            environment: ["CERTCTL_DATABASE_MIGRATIONS_PATH": files.url.path])
        #expect(await server.process.stop() == 0)
        func status(_ settings: [String: String]) async throws -> ProgramOutcome {
            try await runProgram(
                ControlPlane.binary, ["db", "status"], environment: server.environment.merging(settings) { $1 },
                logs: server.directory.url)
        }
        let own = try await status([:])
        #expect(own.output.contains("applied     \(version)"), "\(own)")
        let builtIn = try await status(["CERTCTL_DATABASE_MIGRATIONS_PATH": ""])
        #expect(builtIn.output.contains("unknown     \(version)"), "\(builtIn)")
        try FileManager.default.removeItem(at: files.url)
        let missing = try await ControlPlane.refusal(server.environment, logs: server.directory.url)
        #expect(missing.outcome.status == 1, "\(missing.outcome)")
        #expect(missing.outcome.errors.contains("CERTCTL_DATABASE_MIGRATIONS_PATH"), "\(missing.outcome.errors)")
    }

    /// The SQLite ladder of this source tree with one more step.
    private static func extendLadder(in files: TemporaryDirectory) throws -> String {
        let ladder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/CAssets/migrations/sqlite")
        try FileManager.default.copyItem(at: ladder, to: files.url.appending(path: "sqlite"))
        let names = try FileManager.default.contentsOfDirectory(atPath: ladder.path)
        let next = names.filter { $0.hasSuffix(".up.sql") }.count + 1
        let version = String(repeating: "0", count: 6 - "\(next)".count) + "\(next)_probe"
        try "CREATE TABLE probe (id INTEGER PRIMARY KEY) STRICT;\n".write(
            toFile: files.path("sqlite/\(version).up.sql"), atomically: true, encoding: .utf8)
        try "DROP TABLE probe;\n".write(
            toFile: files.path("sqlite/\(version).down.sql"), atomically: true, encoding: .utf8)
        return version
    }
}
