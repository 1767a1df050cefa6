/// The programs that have settings of their own.
package enum Program: String, Sendable, CaseIterable {
    case server, agent, cli

    /// Every setting of the program, in the order of its documentation.
    package var settings: [SettingDeclaration] {
        switch self {
        case .server: ServerSettings.all
        case .agent: AgentSettings.all
        case .cli: CLISettings.all
        }
    }

    /// The environment variables that carry secrets of any of the programs.
    package static var secretVariables: Set<String> {
        Set(allCases.flatMap(\.settings).filter(\.isSecret).flatMap(\.environmentNames))
    }

    /// The setting that names the configuration file.
    var fileSetting: SettingDeclaration {
        switch self {
        case .server: ServerSettings.configFile.declaration
        case .agent: AgentSettings.configFile.declaration
        case .cli: CLISettings.config.declaration
        }
    }

    /// The setting that makes unknown variables fatal; the client only warns.
    var strictEnvironment: Setting<Bool>? {
        switch self {
        case .server: ServerSettings.strictEnvironment
        case .agent: AgentSettings.strictEnvironment
        case .cli: nil
        }
    }

    /// Where the file is looked for when no source names one; the first that exists is read.
    func defaultFiles(_ environment: [String: String]) -> [String] {
        let user = UserDirectories(environment).configuration
        switch self {
        case .server: return [user.map { "\($0)/config.toml" }, "/etc/certctl/certctl.toml"].compactMap(\.self)
        case .agent: return [user.map { "\($0)/agent.toml" }, "/etc/certctl/agent.toml"].compactMap(\.self)
        case .cli: return [user.map { "\($0)/credentials.toml" }].compactMap(\.self)
        }
    }

    /// Names a setting by key, environment name or flag.
    package func setting(named name: String) -> SettingDeclaration? {
        let flag = name.drop { $0 == "-" }
        return settings.first {
            $0.key == name || $0.environmentNames.contains(name) || $0.flagNames.contains(String(flag))
        }
    }
}

/// The directories of the XDG base directory specification that certctl uses.
package struct UserDirectories: Sendable {
    /// `$XDG_CONFIG_HOME/certctl`; `nil` without a home directory.
    package let configuration: String?
    /// `$XDG_DATA_HOME/certctl`; `nil` without a home directory.
    package let data: String?

    package init(_ environment: [String: String]) {
        configuration = Self.directory("XDG_CONFIG_HOME", under: ".config", environment)
        data = Self.directory("XDG_DATA_HOME", under: ".local/share", environment)
    }

    /// Relative values are ignored, as the XDG specification asks.
    private static func directory(
        _ variable: String,
        under fallback: String,
        _ environment: [String: String]
    ) -> String? {
        if let base = environment[variable], base.hasPrefix("/") { return "\(base)/certctl" }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return "\(home)/\(fallback)/certctl"
    }
}
