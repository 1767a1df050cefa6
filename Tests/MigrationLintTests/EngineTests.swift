import DatabaseTestSupport
import Domain
import Logging
import MigrationLint
import Query
import Store
import Testing

/// The corrected forms on the engines themselves, by the runner itself.
@Suite("What the lint writes runs again and again", .serialized)
struct EngineTests {
    /// One database for each engine; every case empties it.
    @Test("corrected forms run twice with an emptied ledger between", arguments: Engine.available)
    func correctedFormsRunTwice(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        var count = 0
        // Every change of the schema, and a sample of the rest, which differs in what surrounds a statement.
        let sampled = Set(
            (Corpus.text + Corpus.rows + Corpus.locks).enumerated().filter { $0.offset % 2 == 1 }.map(\.element.name))
        for bad in Corpus.all
        where bad.dialect.rawValue == engine.rawValue && !bad.isTextOnly && !sampled.contains(bad.name) {
            guard let corrected = Corrected(bad) else { continue }
            let current = engine == .sqlite ? try await TestDatabase.makeEmpty(engine) : database
            let failure = await Self.runTwice(corrected.files, on: current)
            #expect(failure == nil, "\(bad.name): \(failure ?? "")\n\(corrected.text)")
            if engine == .sqlite { await current.close() } else { try await Self.empty(current) }
            count += 1
        }
        await database.close()
        #expect(count > (engine == .sqlite ? 15 : 70), "\(count) cases ran")
    }

    /// The corpus is not made up: the engines themselves refuse these files in a second run.
    @Test("the bad forms fail in the second run", arguments: Engine.available)
    func badFormsFail(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        var count = 0
        for bad in Corpus.all where bad.dialect.rawValue == engine.rawValue && bad.fails {
            let current = engine == .sqlite ? try await TestDatabase.makeEmpty(engine) : database
            let failure = await Self.runTwice(bad.ladder.files, on: current)
            #expect(failure != nil, "\(bad.name)")
            if engine == .sqlite { await current.close() } else { try await Self.empty(current) }
            count += 1
        }
        await database.close()
        #expect(count > (engine == .sqlite ? 8 : 50), "\(count) cases ran")
    }

    /// The error of the first or the second run.
    static func runTwice(_ files: [LintFile], on database: any MigratableDatabase) async -> String? {
        do {
            let texts = Dictionary(files.map { ($0.name, $0.text) }, uniquingKeysWith: { first, _ in first })
            let ladder = try MigrationLadder(engine: database.engine, files: texts)
            var log = Logger(label: "test")
            log.logLevel = .critical
            let runner = MigrationRunner(
                database: database, ladder: ladder, binaryVersion: "0.0.0", time: .system, log: log)
            try await runner.migrate()
            try await database.migrate { try $0.run("DELETE FROM schema_migrations") }
            try await runner.migrate()
            return nil
        } catch {
            return "\(error)"
        }
    }

    fileprivate static func empty(_ database: any MigratableDatabase) async throws {
        try await database.migrate { connection in
            try connection.run("DROP SCHEMA public CASCADE")
            try connection.run("CREATE SCHEMA public")
        }
    }
}

extension EngineTests {
    /// What the lint lets pass is right to pass.
    @Test("the good forms run twice", arguments: Engine.available)
    func goodFormsRunTwice(engine: Engine) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        for (name, dialect, sql) in GoodTests.good
        where dialect.rawValue == engine.rawValue {
            let files =
                BadCase.pair(dialect, "000001_base", base(dialect), isTransactional: true)
                + BadCase.pair(dialect, "000002_good", sql, isTransactional: !sql.contains("CONCURRENTLY"))
            let current = engine == .sqlite ? try await TestDatabase.makeEmpty(engine) : database
            let failure = await Self.runTwice(files, on: current)
            #expect(failure == nil, "\(name): \(failure ?? "")")
            if engine == .sqlite { await current.close() } else { try await Self.empty(current) }
        }
        await database.close()
    }
}
