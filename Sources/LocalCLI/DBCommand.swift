package import ArgumentParser
import Domain
import ServerRuntime
import Settings

/// `certctl db`: the schema of an installation, without a running server.
package struct DBCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "db",
        abstract: "Migrate and check the database.",
        subcommands: [DBMigrate.self, DBStatus.self, DBBackfill.self, DBCheck.self, DBDown.self, DBLint.self]
    )

    package init() {}
}

/// Which database: that of the server's settings, or one that is named.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "The database, in place of CERTCTL_DATABASE_URL.") var url: String?
    @Option(name: .customLong("config"), help: "The configuration file, in place of the usual one.") var file: String?

    var flags: [FlagValue] {
        var flags: [FlagValue] = []
        if let url { flags.append(FlagValue(key: "database.url", flag: "url", text: url)) }
        if let file { flags.append(FlagValue(key: "config_file", flag: "config", text: file)) }
        return flags
    }
}

/// `certctl db migrate`.
struct DBMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Apply pending migrations; needs no key and no TLS files.",
        discussion: "Exits 0 when the schema is up to date, 69 when the database or its lock is not available."
    )

    @OptionGroup var options: DatabaseOptions
    @Flag(help: "Print the SQL that would run and the locks it would take; change and lock nothing.") var dryRun = false

    func run() async throws {
        let perform = dryRun ? Self.rehearse : Self.perform
        throw ExitCode(await perform(options.flags, .current()))
    }

    private static func rehearse(flags: [FlagValue], host: SettingHost) async -> Int32 {
        await DatabaseVerb.perform(for: .inspection, flags: flags, host: host) { schema in
            for line in try await schema.plan() { StandardOutput.write(line) }
            return .success
        }
    }

    static func perform(flags: [FlagValue], host: SettingHost) async -> Int32 {
        await DatabaseVerb.perform(for: .exclusive, flags: flags, host: host) { schema in
            let applied = try await schema.migrate()
            for version in applied { StandardOutput.write("applied \(version)") }
            StandardOutput.write("schema is up to date at \(try await schema.status().current ?? "nothing")")
            return .success
        }
    }
}

/// `certctl db status`.
struct DBStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "List migrations (applied when, how fast, by whom; pending; unknown; drifted), backfills and tables.",
        discussion: "Changes nothing and may run beside the server. Exits 0 whatever it finds."
    )

    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        let status = await DatabaseVerb.perform(for: .inspection, flags: options.flags, host: .current()) { schema in
            let report = try await schema.status()
            for line in report.lines { StandardOutput.write(line) }
            return .success
        }
        throw ExitCode(status)
    }
}

/// `certctl db check`.
struct DBCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check that the schema is this program's, the SQLite file is sound, and the rows make sense.",
        discussion: """
            Changes nothing and may run beside the server, but for --fix on SQLite. Exits 0 when everything is in order, \
            1 when it is not.
            """
    )

    @OptionGroup var options: DatabaseOptions
    @Flag(help: "First repair, in one transaction, the rows of which others say what they should be.") var fix = false
    @Flag(help: "On SQLite also compare every index with its table, which takes longer.") var full = false

    func run() async throws {
        let (isFull, repairs) = (full, fix)
        let use: DatabaseUse = repairs ? .exclusive : .inspection
        let status = await DatabaseVerb.perform(for: use, flags: options.flags, host: .current()) { schema in
            if repairs { for line in try await schema.repair() { StandardOutput.write("FIX  \(line)") } }
            let findings = try await schema.findings(isFull: isFull)
            for finding in findings { StandardOutput.write("FAIL \(finding)") }
            if findings.isEmpty { StandardOutput.write("OK   schema, file and rows") }
            return findings.isEmpty ? .success : .failure
        }
        throw ExitCode(status)
    }
}

/// Loads the settings, opens the schema, and turns errors into exit statuses.
enum DatabaseVerb {
    static func perform(
        for use: DatabaseUse,
        flags: [FlagValue],
        host: SettingHost,
        _ body: (SchemaTool) async throws -> ExitStatus
    ) async -> Int32 {
        do {
            let loaded = try SettingsLoader.load(SchemaConfiguration.self, flags: flags, host: host)
            let tool = try await SchemaTool(loaded.configuration.database, for: use)
            do {
                let status = try await body(tool)
                await tool.close()
                return status.rawValue
            } catch {
                await tool.close()
                throw error
            }
        } catch {
            return ServerCommand.report(error)
        }
    }
}
