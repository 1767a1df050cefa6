package import ArgumentParser
import Domain
import ServerRuntime
package import Settings

/// `certctl server`: the control plane.
package struct ServerCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Run the control plane: API, CA, scheduler.",
        discussion: "Every setting is also a flag; certctl config template lists them."
    )

    @Argument(parsing: .captureForPassthrough, help: "Flags of settings, --migrate-only, --check-upgrade.")
    var arguments: [String] = []

    package init() {}

    package func run() async throws { throw ExitCode(await Self.perform(arguments)) }

    /// Runs the server to its end.
    ///
    /// - Returns: The exit status of the process.
    package static func perform(_ arguments: [String], host: SettingHost = .current()) async -> Int32 {
        if arguments.contains("--help") || arguments.contains("-h") {
            StandardOutput.write(
                """
                USAGE: certctl server [--migrate-only | --check-upgrade] [settings]

                  --migrate-only     bring the database up to date and end
                  --check-upgrade    say what a start would change: migrations and how long they take, settings, agents


                """ + SettingFlags.help(for: .server))
            return ExitStatus.success.rawValue
        }
        let flags: [FlagValue]
        let rest: [String]
        do {
            (flags, rest) = try SettingFlags.extract(from: arguments, for: .server)
        } catch {
            StandardError.write("certctl server: \(error)")
            return ExitStatus.usage.rawValue
        }
        if rest == ["--migrate-only"] { return await DBMigrate.perform(flags: flags, host: host) }
        if rest == ["--check-upgrade"] { return await checkUpgrade(flags: flags, host: host) }
        if let stranger = rest.first {
            StandardError.write("certctl server: unknown argument \(stranger); see certctl server --help")
            return ExitStatus.usage.rawValue
        }
        do {
            let load: ConfigurationLoader = { () throws(InvalidConfiguration) in
                try SettingsLoader.load(ServerConfiguration.self, flags: flags, host: host)
            }
            let loaded = try load()
            for warning in loaded.warnings { StandardError.write("warning: \(warning)") }
            try await ServerProgram(loaded, load: load, tell: { StandardError.write($0) }).run()
            return ExitStatus.success.rawValue
        } catch {
            return report(error)
        }
    }

    /// Says what a start would do; the settings have to be valid for it.
    private static func checkUpgrade(flags: [FlagValue], host: SettingHost) async -> Int32 {
        do {
            let loaded = try SettingsLoader.load(ServerConfiguration.self, flags: flags, host: host)
            let tool = try await SchemaTool(loaded.configuration.database, for: .inspection)
            do {
                for line in try await UpgradeCheck(tool, settings: loaded.warnings).lines { StandardOutput.write(line) }
                await tool.close()
                return ExitStatus.success.rawValue
            } catch {
                await tool.close()
                throw error
            }
        } catch {
            return report(error)
        }
    }

    /// Every refusal says what is wrong and what to do; the status says what kind it is.
    static func report(_ error: any Error) -> Int32 {
        switch error {
        case let error as InvalidConfiguration:
            StandardError.write(error.description)
            return error.exitCode
        case let error as StartUpFailure:
            StandardError.write("certctl: \(error)")
            return error.status.rawValue
        default:
            StandardError.write("certctl: \(error)")
            return ExitStatus.failure.rawValue
        }
    }
}
