import DatabaseTestSupport
import Domain
import Foundation
import PostgresDriver
import Query
import SQLiteDriver
import Store
import Testing

@Suite("A history that does not fit the program is refused with what to do")
struct MigrationHistoryTests {
    private static func make(_ engine: Engine) async throws -> any MigratableDatabase {
        let database = try await TestDatabase.makeEmpty(engine)
        try await MigrationRunnerTests.runner(database).migrate()
        return database
    }

    private static func refusal(
        _ database: any MigratableDatabase,
        files: [String: String]? = nil,
        version: String = "1.2.0"
    ) async throws -> MigrationError? {
        do {
            try await MigrationRunnerTests.runner(database, files: files, version: version).migrate()
            return nil
        } catch let error as MigrationError {
            return error
        }
    }

    @Test("an applied migration whose file has changed", arguments: Engine.available)
    func changedFile(engine: Engine) async throws {
        let database = try await Self.make(engine)
        var files = MigrationRunnerTests.files(engine)
        files["000001_first.up.sql"]? += "\n-- a remark"
        let error = try await Self.refusal(database, files: files)
        #expect(error?.kind == .history && error?.subject == "000001_first")
        #expect(error?.what.contains("SHA-256") == true)
        await database.close()
    }

    @Test("an applied migration that the program does not have", arguments: Engine.available)
    func missingFile(engine: Engine) async throws {
        let database = try await Self.make(engine)
        try await database.write {
            try $0.execute("UPDATE schema_migrations SET version = \("000001_other") WHERE version = \("000001_first")")
        }
        let error = try await Self.refusal(database)
        #expect(error?.kind == .history && error?.subject == "000001_other")
        await database.close()
    }

    @Test("a migration that was skipped", arguments: Engine.available)
    func skipped(engine: Engine) async throws {
        let database = try await Self.make(engine)
        try await database.write {
            try $0.execute("DELETE FROM schema_migrations WHERE version = \("000002_second")")
        }
        let error = try await Self.refusal(database)
        #expect(error?.kind == .history && error?.subject == "000002_second.notx.up.sql")
        await database.close()
    }

    @Test(
        "a newer schema is accepted when it says that this release can use it",
        arguments: [("1.2.0", true), ("1.1.9", true), ("1.10.0", false), ("2.0.0", false), ("v1.2.0-rc1", true)]
    )
    func newerSchema(floor: String, isAccepted: Bool) async throws {
        let database = try await Self.make(.sqlite)
        var files = MigrationRunnerTests.files(.sqlite)
        files["000004_fourth.up.sql"] = "-- certctl:compat-floor \(floor)\nSELECT 1;"
        try await MigrationRunnerTests.runner(database, files: files, version: "3.0.0").migrate()
        let error = try await Self.refusal(database)
        #expect((error == nil) == isAccepted)
        if !isAccepted { #expect(error?.kind == .newerSchema && error?.subject == "000004_fourth") }
        await database.close()
    }

    @Test("modes that apply nothing name what is pending", arguments: Engine.available, [MigrationMode.check, .off])
    func pendingModes(engine: Engine, mode: MigrationMode) async throws {
        let database = try await TestDatabase.makeEmpty(engine)
        let runner = try MigrationRunnerTests.runner(database)
        let error = try await #require(throws: MigrationError.self) { try await runner.run(mode) }
        #expect(error.kind == .pending)
        #expect(error.subject == MigrationRunnerTests.versions.joined(separator: ", "))
        #expect(try await runner.status().applied == [])
        await database.close()
    }

    @Test("mode check goes on when another process has applied what was pending")
    func checkWaits() async throws {
        let database = try await TestDatabase.makeEmpty(.sqlite)
        let waiting = try MigrationRunnerTests.runner(database) { $0.check = .seconds(10) }
        async let checked = waiting.run(.check)
        try await Task.sleep(for: .milliseconds(60))
        try await MigrationRunnerTests.runner(database).migrate()
        _ = try await checked
        await database.close()
    }

    @Test("eight replicas start at once on PostgreSQL: each migration runs once")
    func concurrentReplicas() async throws {
        guard Engine.available.contains(.postgres) else { return }
        let url = try await TestDatabase.makePostgresURL()
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for index in 0..<8 {
                group.addTask {
                    var configuration = PostgresConfiguration(url: url)
                    configuration.applicationName = "certctl/server/\(index)"
                    let database = try PostgresDatabase(configuration)
                    let applied = try await MigrationRunnerTests.runner(database).migrate()
                    await database.close()
                    return applied
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == MigrationRunnerTests.versions)
    }

    @Test("who waits too long for the lock is told who holds it")
    func lockHolder() async throws {
        guard Engine.available.contains(.postgres) else { return }
        var configuration = PostgresConfiguration(url: try await TestDatabase.makePostgresURL())
        configuration.applicationName = "certctl/server/first"
        let first = try PostgresDatabase(configuration)
        let second = try PostgresDatabase(configuration)
        try await Self.whileLocked(first) {
            let runner = try MigrationRunnerTests.runner(second) { $0.lock = .milliseconds(150) }
            let error = try await #require(throws: MigrationError.self) { try await runner.migrate() }
            #expect(error.kind == .locked)
            #expect(error.what.contains("certctl/server/first/migrate"), "\(error)")
        }
        #expect(try await MigrationRunnerTests.runner(second).migrate() == MigrationRunnerTests.versions)
        await first.close()
        await second.close()
    }

    @Test("a second process on an SQLite file is refused at once and told who migrates")
    func fileLock() async throws {
        let directory = try TestDatabase.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/test.db"
        let first = try SQLiteDatabase(path: path, time: .system)
        let second = try SQLiteDatabase(path: path, time: .system)
        try await Self.whileLocked(first) {
            let error = try await #require(throws: MigrationError.self) {
                try await MigrationRunnerTests.runner(second).migrate()
            }
            #expect(error.kind == .locked)
            #expect(error.what.contains("process \(ProcessInfo.processInfo.processIdentifier)"))
        }
        #expect(try await MigrationRunnerTests.runner(second).migrate() == MigrationRunnerTests.versions)
        await first.close()
        await second.close()
    }

    private static func whileLocked(
        _ database: any MigratableDatabase,
        _ body: () async throws -> Void
    ) async throws {
        let gate = Gate()
        let isLocked = Gate()
        let holder = Task {
            try await database.migrate { connection in
                let lock = try connection.tryLock()
                #expect(lock == .acquired)
                isLocked.open()
                gate.wait()
                connection.unlock()
            }
        }
        while !isLocked.isOpened { try await Task.sleep(for: .milliseconds(5)) }
        defer { gate.open() }
        try await body()
        gate.open()
        try await holder.value
    }
}
