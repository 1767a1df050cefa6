import DatabaseTestSupport
import Domain
import Foundation
import Logging
import PostgresDriver
import Query
import SQLiteDriver
import Store
import TestSupport
import Testing

/// One database with the real programs around it.
final class Installation: Sendable {
    let engine: Engine
    let directory: TemporaryDirectory
    let databaseURL: String

    static let sealingKey = "0123456789abcdef-0123456789abcdef-tests"

    private init(engine: Engine, directory: TemporaryDirectory, databaseURL: String) {
        self.engine = engine
        self.directory = directory
        self.databaseURL = databaseURL
    }

    /// An empty database.
    static func make(_ engine: Engine) async throws -> Installation {
        let directory = try TemporaryDirectory("proof")
        let url =
            switch engine {
            case .sqlite: "sqlite:" + directory.path("proof.db")
            case .postgres: try await TestDatabase.makePostgresURL().withText { $0 }
            }
        return Installation(engine: engine, directory: directory, databaseURL: url)
    }

    /// The file behind the URL of an SQLite installation.
    var file: String { directory.path("proof.db") }

    /// A copy of the database as it lies there; nothing may have it open.
    func copy() async throws -> Installation {
        switch engine {
        case .sqlite:
            let copy = try await Installation.make(.sqlite)
            for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: file + suffix) {
                try FileManager.default.copyItem(atPath: file + suffix, toPath: copy.file + suffix)
            }
            return copy
        case .postgres:
            let name = String(databaseURL.split(separator: "/").last ?? "")
            return Installation(
                engine: engine, directory: try TemporaryDirectory("proof"),
                databaseURL: try await TestDatabase.makePostgresURL(template: name).withText { $0 }
            )
        }
    }

    // MARK: - Programs

    static let programs: URL = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [Bundle.main.bundleURL, beside, root.appending(path: ".build/debug")]
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0.appending(path: "certctl").path) }
            ?? root.appending(path: ".build/debug")
    }()

    static let certctl = programs.appending(path: "certctl").path

    /// What every program of this installation is started with.
    func environment(_ extra: [String: String] = [:]) -> [String: String] {
        [
            "HOME": directory.url.path, "CERTCTL_DATABASE_URL": databaseURL, "CERTCTL_LOG_FORMAT": "json",
            "CERTCTL_CONFIG_ENCRYPTION_KEY": Self.sealingKey, "CERTCTL_DATA_DIR": directory.path("data"),
            "CERTCTL_SERVER_PORT": "\(LoopbackPort.unused())",
        ].merging(extra) { _, given in given }
    }

    func certctl(_ arguments: String..., environment extra: [String: String] = [:]) async throws -> ProgramOutcome {
        try await runProgram(Self.certctl, arguments, environment: environment(extra), logs: directory.url)
    }

    /// `certctl db migrate`, which must succeed.
    @discardableResult
    func migrate(environment extra: [String: String] = [:]) async throws -> ProgramOutcome {
        let outcome = try await certctl("db", "migrate", environment: extra)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }

    // MARK: - The database itself

    /// Opens the database beside or without a program.
    func open() throws -> any MigratableDatabase {
        switch engine {
        case .sqlite: try SQLiteDatabase(path: file, time: .system)
        case .postgres: try PostgresDatabase(PostgresConfiguration(url: Secret(databaseURL)))
        }
    }

    func with<Result>(_ body: (any MigratableDatabase) async throws -> Result) async throws -> Result {
        let database = try open()
        do {
            let result = try await body(database)
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }

    /// Runs statements, each by itself.
    func run(_ statements: [String]) async throws {
        try await with { database in
            try await database.migrate { connection in for statement in statements { try connection.run(statement) } }
        }
    }

    /// Applies the first `count` migrations, as an earlier release would have.
    func migrate(prefix count: Int) async throws {
        _ = try await with { try await Ladder.runner($0, prefix: count).migrate() }
    }

    func appliedVersions() async throws -> [String] {
        try await with { try await Ladder.runner($0).status().applied.map(\.version) }
    }

    /// A server of this installation; several have a data directory each.
    func server(_ name: String = "data", environment extra: [String: String] = [:]) throws -> Server {
        try Server(
            directory: directory, dataDirectory: directory.path(name),
            environment: environment(["CERTCTL_DATA_DIR": directory.path(name)]).merging(extra) { $1 }
        )
    }
}

/// The built-in ladder and its prefixes.
enum Ladder {
    static func embedded(_ engine: Engine) throws -> MigrationLadder { try MigrationLadder.embedded(for: engine) }

    static func count(_ engine: Engine) throws -> Int { try embedded(engine).migrations.count }

    /// A file name for the release that comes after this one.
    static func nextVersion(_ engine: Engine, _ name: String) throws -> String {
        let digits = String(try count(engine) + 1)
        return String(repeating: "0", count: 6 - digits.count) + digits + "_" + name
    }

    static func files(_ engine: Engine, prefix count: Int? = nil) throws -> [String: String] {
        let migrations = try embedded(engine).migrations
        var files: [String: String] = [:]
        for migration in migrations.prefix(count ?? migrations.count) {
            files[migration.fileName] = migration.up
            files[migration.version + ".down.sql"] = migration.down
        }
        return files
    }

    static func runner(
        _ database: any MigratableDatabase,
        prefix count: Int? = nil,
        version: String = Version.number
    ) throws -> MigrationRunner {
        let ladder = try MigrationLadder(engine: database.engine, files: files(database.engine, prefix: count))
        return runner(database, ladder, version: version)
    }

    static func runner(
        _ database: any MigratableDatabase, _ ladder: MigrationLadder, version: String = Version.number
    ) -> MigrationRunner {
        var log = Logger(label: "proof")
        log.logLevel = .critical
        return MigrationRunner(database: database, ladder: ladder, binaryVersion: version, time: .system, log: log)
    }

    /// Writes a prefix as files, for `CERTCTL_DATABASE_MIGRATIONS_PATH`.
    static func write(_ engine: Engine, prefix count: Int, to directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (name, text) in try files(engine, prefix: count) {
            try text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
        }
    }
}
