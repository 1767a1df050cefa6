package import Domain
import Foundation
import Logging
import PostgresDriver
package import Query
import SQLiteDriver
import Store
import Synchronization
import TestSupport

extension Engine {
    /// The engines that this run tests: SQLite always, PostgreSQL when it is installed, unless `CERTCTL_TEST_ENGINES`
    /// leaves one out. In a run that leaves nothing out a PostgreSQL that is missing fails every test that wants it.
    package static var available: [Engine] {
        available(
            chosen: ProcessInfo.processInfo.environment["CERTCTL_TEST_ENGINES"],
            isPostgresInstalled: PostgresCluster.programs != nil, isComplete: TestRun.isComplete
        )
    }

    /// - `chosen`: The names, separated by anything; `nil` means all.
    package static func available(chosen: String?, isPostgresInstalled: Bool, isComplete: Bool) -> [Engine] {
        let installed: [Engine] = isPostgresInstalled || isComplete ? [.sqlite, .postgres] : [.sqlite]
        guard let chosen else { return installed }
        return installed.filter { chosen.contains($0.rawValue) }
    }
}

/// Databases for tests: one each, never shared.
package enum TestDatabase {
    /// A new database with the whole schema. Close it when the test ends, or use ``with(_:time:_:)``.
    ///
    /// SQLite lives in memory, and its transactions read `time`; PostgreSQL has its own clock.
    package static func make(_ engine: Engine, time: TimeSource = .system) async throws -> any MigratableDatabase {
        switch engine {
        case .sqlite:
            let database = try SQLiteDatabase(inMemory: SQLiteConfiguration(), time: time)
            try await migrate(database, time: time)
            return database
        case .postgres:
            let cluster = try PostgresCluster.shared()
            try await Template.shared.prepare(in: cluster)
            return try await makePostgres(template: Template.name)
        }
    }

    /// A new database without any table.
    package static func makeEmpty(_ engine: Engine, time: TimeSource = .system) async throws -> any MigratableDatabase {
        switch engine {
        case .sqlite: try SQLiteDatabase(inMemory: SQLiteConfiguration(), time: time)
        case .postgres: try await makePostgres(template: "template0")
        }
    }

    /// Runs `body` with a database that has the whole schema, and closes it afterwards.
    package static func with<Result>(
        _ engine: Engine,
        time: TimeSource = .system,
        _ body: (any MigratableDatabase) async throws -> Result
    ) async throws -> Result {
        let database = try await make(engine, time: time)
        do {
            let result = try await body(database)
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }

    /// The URL of a new database on the shared server, for tests that open it themselves.
    package static func makePostgresURL(template: String = "template0") async throws -> Secret {
        let cluster = try PostgresCluster.shared()
        let name = "test_\(counter.add(1, ordering: .relaxed).newValue)"
        try await cluster.administer("CREATE DATABASE \(name) TEMPLATE \(template)")
        return cluster.url(database: name)
    }

    /// A new database with the whole schema that another process opens too, by its path or URL. Close it when the test
    /// ends; SQLite lives in `directory`.
    package static func makeShared(
        _ engine: Engine, in directory: String
    ) async throws -> (database: any MigratableDatabase, location: String) {
        let location =
            switch engine {
            case .sqlite: directory + "/shared.db"
            case .postgres: try await makePostgresURL().withText { $0 }
            }
        let database = try open(engine, at: location)
        try await migrate(database, time: .system)
        return (database, location)
    }

    /// Opens what ``makeShared(_:in:)`` made.
    package static func open(_ engine: Engine, at location: String) throws -> any MigratableDatabase {
        switch engine {
        case .sqlite: return try SQLiteDatabase(path: location, time: .system)
        case .postgres:
            return try PostgresDatabase(patient(PostgresConfiguration(url: Secret(location)), connections: 4))
        }
    }

    /// A directory that the caller removes.
    package static func makeDirectory() throws -> String {
        let path = NSTemporaryDirectory() + "/certctl-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static let counter = Atomic(0)

    private static func makePostgres(template: String) async throws -> any MigratableDatabase {
        try PostgresDatabase(
            patient(PostgresConfiguration(url: try await makePostgresURL(template: template)), connections: 8))
    }

    /// Fifty transactions of a test share few connections with the rest of the suite on a busy machine: who waits is not
    /// refused, as a server would rather do after two seconds. What is refused when has tests of its own.
    private static func patient(_ given: PostgresConfiguration, connections: Int) -> PostgresConfiguration {
        var configuration = given
        configuration.maxConnections = connections
        configuration.checkoutWait = .seconds(60)
        configuration.connectTimeout = .seconds(30)
        return configuration
    }

    fileprivate static func migrate(_ database: any MigratableDatabase, time: TimeSource) async throws {
        var log = Logger(label: "test")
        log.logLevel = .error
        let runner = MigrationRunner(
            database: database,
            ladder: try MigrationLadder.embedded(for: database.engine),
            binaryVersion: "0.0.0",
            time: time,
            log: log
        )
        try await runner.migrate()
    }
}

/// The migrated database that those of the tests are copied from, made once.
private actor Template {
    static let shared = Template()
    static let name = "certctl_template"

    private var preparation: Task<Void, any Error>?

    func prepare(in cluster: PostgresCluster) async throws {
        let preparation =
            self.preparation
            ?? Task {
                try await cluster.administer("CREATE DATABASE \(Self.name) TEMPLATE template0")
                let database = try PostgresDatabase(PostgresConfiguration(url: cluster.url(database: Self.name)))
                try await TestDatabase.migrate(database, time: .system)
                await database.close()
            }
        self.preparation = preparation
        try await preparation.value
    }
}
