package import ArgumentParser
import Crypto
import Domain
import Encoding
import ServerRuntime
package import Settings

/// `certctl config`: what the settings of a program are, and where they come from.
package struct ConfigCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show, check and explain settings.",
        discussion: "Settings come from defaults, a TOML file, the environment and flags; later ones win.",
        subcommands: [ConfigShow.self, ConfigCheck.self, ConfigExplain.self, ConfigTemplate.self]
    )

    package init() {}
}

/// Which program's settings a `config` verb is about.
package struct ConfigSubject: ParsableArguments {
    @Option(name: .customLong("for"), help: "The program: server, agent or cli.")
    var program: Program = .server

    @Option(name: .customLong("config"), help: "The file to read in place of the usual one.")
    var file: String?

    package init() {}
}

extension Program: ExpressibleByArgument {}
extension ReportFormat: ExpressibleByArgument {}

/// A configuration without its program's type.
struct LoadedSettings {
    let effective: [EffectiveSetting]
    let warnings: [String]
    let file: String?
    /// `nil` for another program.
    var server: ServerConfiguration?

    /// Loads as the program itself would; violations go to standard error and end the process with 78 or 77.
    init(_ subject: ConfigSubject) throws {
        let host = SettingHost.current()
        do {
            switch subject.program {
            case .server:
                let loaded = try SettingsLoader.load(
                    ServerConfiguration.self, flags: Self.flags(subject), host: host)
                self.init(loaded)
                server = loaded.configuration
            case .agent:
                self.init(try SettingsLoader.load(AgentConfiguration.self, flags: Self.flags(subject), host: host))
            case .cli: self.init(try SettingsLoader.load(CLIConfiguration.self, flags: Self.flags(subject), host: host))
            }
        } catch {
            StandardError.write(error.description)
            throw ExitCode(error.exitCode)
        }
    }

    private init<Content>(_ loaded: LoadedConfiguration<Content>) {
        effective = loaded.effective
        warnings = loaded.warnings
        file = loaded.file
    }

    private static func flags(_ subject: ConfigSubject) -> [FlagValue] {
        let key = subject.program == .cli ? "config" : "config_file"
        return subject.file.map { [FlagValue(key: key, flag: "config", text: $0)] } ?? []
    }
}

/// `certctl config show`.
struct ConfigShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print every effective value; secrets as fingerprints."
    )

    @OptionGroup var subject: ConfigSubject
    @Flag(help: "Add where each value came from.") var origin = false
    @Flag(help: "Leave out settings that have their default.") var changed = false
    @Option(name: [.customShort("o"), .long], help: "table, json or toml.") var format: ReportFormat = .table

    func run() throws {
        let loaded = try LoadedSettings(subject)
        for warning in loaded.warnings { StandardError.write("warning: \(warning)") }
        let report = ConfigurationReport(loaded.effective, onlyChanged: changed, showsOrigin: origin) { octets in
            Hex.encode(Array(SHA256.hash(data: octets)))
        }
        StandardOutput.write(report.text(format))
    }
}

/// `certctl config check`.
struct ConfigCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validate the configuration; exit 0 when it is valid, 78 when not."
    )

    @OptionGroup var subject: ConfigSubject

    func run() throws {
        let loaded = try LoadedSettings(subject)
        for warning in loaded.warnings { StandardError.write("warning: \(warning)") }
        if let server = loaded.server { try check(server) }
        StandardOutput.write("configuration of the \(subject.program.rawValue): valid (\(loaded.file ?? "no file"))")
    }
}

extension ConfigCheck {
    /// Everything that a start would refuse before it opens a socket, and what it would report as a risk.
    private func check(_ server: ServerConfiguration) throws {
        for flag in server.risks.flags { StandardError.write("risk: \(flag.rawValue): \(flag.meaning)") }
        let violations = StaticGuards.violations(server)
        guard violations.isEmpty else {
            let refusal = InvalidConfiguration(program: .server, violations: violations)
            StandardError.write(refusal.description)
            throw ExitCode(refusal.exitCode)
        }
    }
}

/// `certctl config explain NAME`.
struct ConfigExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Print type, default and meaning of one setting."
    )

    @Option(name: .customLong("for"), help: "The program: server, agent or cli.") var program: Program = .server
    @Argument(help: "A key, a CERTCTL_ variable, or a flag without its dashes.") var name: String

    func run() throws {
        switch SettingManual(program).explanation(of: name) {
        case .success(let text): StandardOutput.write(text)
        case .failure(let unknown):
            StandardError.write("error: \(unknown)")
            throw ExitCode(2)
        }
    }
}

/// `certctl config template`.
struct ConfigTemplate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Print a commented TOML file with every setting."
    )

    @Option(name: .customLong("for"), help: "The program: server, agent or cli.") var program: Program = .server

    func run() throws {
        guard program != .cli else {
            StandardError.write(
                "error: the client's file holds contexts; write it with: certctl setup, certctl contexts")
            throw ExitCode(2)
        }
        StandardOutput.write(String(SettingManual(program).template.dropLast()))
    }
}
