import DatabaseTestSupport
import Domain
import Foundation
import Query
import Store
import TestSupport
import Testing

@Suite("Domain §14.5: kill -9 between any two statements, then boot")
struct CrashTests {
    /// For each file of the ladder a process is killed before its first effect, its second and so on to the last, each
    /// on what the one before left behind; then the file is applied. In the middle of each file a copy of the wreck is
    /// booted by the real program.
    @Test("a migration that dies leaves the step before it", arguments: Engine.underTest)
    func crashes(engine: Engine) async throws {
        _ = try await Proof.scenario(
            "kill -9 between any two statements, then boot", engine,
            note: { (killed: Int) in "\(killed) processes killed" }
        ) {
            let installation = try await Installation.make(engine)
            let ladder = try Ladder.embedded(engine)
            let head = try await Self.head(engine)
            var killed = 0
            for (index, migration) in ladder.migrations.enumerated() {
                let statements = try StatementSplitter.split(migration.up, for: engine).count
                killed += try await Self.kill(
                    installation, migration, expecting: Array(ladder.migrations.prefix(index).map(\.version)),
                    bootAt: statements / 2 + 1, head: head
                )
            }
            try #require(try await installation.with { try await Dump.quickSchema($0) } == head)
            let server = try installation.server()
            try await server.waitUntilReady()
            try #require(try await server.stop() == 0)
            return killed
        }
    }

    /// Kills before each effect of one file; how many processes died.
    private static func kill(
        _ installation: Installation,
        _ migration: Migration,
        expecting applied: [String],
        bootAt middle: Int,
        head: [String]
    ) async throws -> Int {
        let before = try await installation.with { try await Dump.quickSchema($0) }
        var effect = 0
        while effect < 500 {
            let child = try ChildProgram(
                Installation.programs.appending(path: "MigrationCrash").path,
                [installation.databaseURL, "\(effect)"], logs: installation.directory.url
            )
            let status = try #require(await child.waitForExit(timeout: .seconds(30)))
            if status == 0 { break }
            try #require(status == SIGKILL, "\(migration.version), effect \(effect): \(child.transcript)")
            try await installation.with { database in
                try #require(try await Ladder.runner(database).status().applied.map(\.version) == applied)
                guard migration.isTransactional, effect > 0 else { return }
                let schema = try await Dump.quickSchema(database)
                try #require(
                    Self.withoutLedger(schema) == Self.withoutLedger(before), "\(migration.version), effect \(effect)")
            }
            if effect == middle { try await boot(installation.copy(), head: head) }
            effect += 1
        }
        try #require(effect >= 3, "\(migration.version) was killed at \(effect) places only")
        try #require(try await installation.appliedVersions() == applied + [migration.version])
        return effect
    }

    private static func boot(_ wreck: Installation, head: [String]) async throws {
        try await wreck.migrate()
        try #require(try await wreck.with { try await Dump.quickSchema($0) } == head)
    }

    /// The ledger is made before the first step, and for good.
    private static func withoutLedger(_ schema: [String]) -> [String] {
        schema.filter { !$0.contains("schema_migrations") }
    }

    private static func head(_ engine: Engine) async throws -> [String] {
        let installation = try await Installation.make(engine)
        try await installation.migrate()
        return try await installation.with { try await Dump.quickSchema($0) }
    }
}
