import Foundation
import TestSupport
import Testing

@Suite("certctl db lint: the guard of the migrations, as CI and contributors call it")
struct MigrationLintCommandTests {
    private static func lint(_ arguments: String..., in directory: TemporaryDirectory) async throws -> ProgramOutcome {
        try await runProgram(
            ControlPlane.binary, ["db", "lint"] + arguments, environment: ["HOME": directory.url.path],
            logs: directory.url)
    }

    @Test("the migrations inside the program are clean")
    func embedded() async throws {
        let directory = try TemporaryDirectory("lint")
        let outcome = try await Self.lint(in: directory)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("statements: no findings"))
    }

    @Test("findings are 1 with the corrected form, a wrong call is 2, a missing directory 66")
    func exitStatuses() async throws {
        let directory = try TemporaryDirectory("lint")
        let up = "ALTER TABLE actor_roles ADD CONSTRAINT actor_roles_scope_type_enum CHECK (scope_type <> '');\n"
        try up.write(toFile: directory.path("000001_a.up.sql"), atomically: true, encoding: .utf8)
        try "-- Data loss: none.\n".write(
            toFile: directory.path("000001_a.down.sql"), atomically: true, encoding: .utf8)
        let found = try await Self.lint(directory.url.path, "--engine", "postgres", in: directory)
        #expect(found.status == 1)
        #expect(found.output.contains("postgres/000001_a.up.sql:1:25: add-constraint:"), "\(found.output)")
        #expect(found.output.contains("AND conrelid = 'actor_roles'::regclass"), "\(found.output)")
        let json = try await Self.lint(directory.url.path, "--engine", "postgres", "--format", "json", in: directory)
        #expect(json.status == 1 && json.output.hasPrefix("{\"files\":2,\"statements\":1,\"clean\":false"))
        #expect(try await Self.lint(directory.url.path, in: directory).status == 2)
        #expect(try await Self.lint("--format", "xml", in: directory).status == 2)
        #expect(try await Self.lint(directory.path("nothing"), in: directory).status == 66)
    }

    @Test("a released file that changes is found")
    func released() async throws {
        let directory = try TemporaryDirectory("lint")
        let ladder = directory.path("postgres")
        try FileManager.default.createDirectory(atPath: ladder, withIntermediateDirectories: true)
        for ending in ["up", "down"] {
            try "DROP TABLE IF EXISTS a;\n".write(
                toFile: "\(ladder)/000001_a.\(ending).sql", atomically: true, encoding: .utf8)
        }
        #expect(try await Self.lint(directory.url.path, "--release", in: directory).status == 0)
        #expect(try await Self.lint(directory.url.path, in: directory).status == 0)
        try "DROP TABLE IF EXISTS b;\n".write(toFile: "\(ladder)/000001_a.up.sql", atomically: true, encoding: .utf8)
        let changed = try await Self.lint(directory.url.path, in: directory)
        #expect(changed.status == 1)
        #expect(changed.output.contains("postgres/000001_a.up.sql:1:1: released-edit:"), "\(changed.output)")
        // Whoever changed it cannot release it again.
        #expect(try await Self.lint(directory.url.path, "--release", in: directory).status == 1)
    }
}
