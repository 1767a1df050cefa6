/// A validated configuration: its initializer reads every setting of the program once.
package protocol Configuration: Sendable {
    static var program: Program { get }
    init(reading reader: inout SettingReader)
}

/// A configuration with what a person may ask about it.
package struct LoadedConfiguration<Content: Configuration>: Sendable {
    package let configuration: Content
    /// In the order of the program's documentation.
    package let effective: [EffectiveSetting]
    /// One line each: unknown variables, secrets on the command line.
    package let warnings: [String]
    /// The file that was read.
    package let file: String?
}

/// Resolves settings: default, then file, then environment, then flags (specification, operations §3.1).
package enum SettingsLoader {
    /// Loads the configuration of a program.
    ///
    /// - Throws: every violation at once; the caller prints them and exits with ``InvalidConfiguration/exitCode``.
    package static func load<Content: Configuration>(
        _: Content.Type,
        flags: [FlagValue] = [],
        host: SettingHost
    ) throws(InvalidConfiguration) -> LoadedConfiguration<Content> {
        let program = Content.program
        var sources = SettingSources(program: program, host: host)
        sources.readEnvironment()
        sources.readFlags(flags)
        sources.readFile()
        var reader = SettingReader(host: host, values: sources.values, violations: sources.violations)
        let content = Content(reading: &reader)
        let unknown = UnknownVariables.find(in: host.environment)
        var violations = reader.violations
        if let strict = program.strictEnvironment, reader.read(strict) {
            violations.append(contentsOf: unknown.map(\.violation))
        }
        guard violations.isEmpty else {
            throw InvalidConfiguration(program: program, violations: violations)
        }
        let effective = reader.effective
        return LoadedConfiguration(
            configuration: content,
            effective: program.settings.compactMap { effective[$0.key] },
            warnings: sources.warnings + unknown.map(\.violation.description),
            file: sources.file
        )
    }
}

/// Variables that carry our prefix and that no program knows.
struct UnknownVariables {
    let violation: SettingViolation

    /// Prefixes of script hooks and of test harnesses, which the programs do not read.
    private static let exempt = ["CERTCTL_DNS_", "CERTCTL_QA_", "CERTCTL_TEST_", "CERTCTL_E2E_"]

    static func find(in environment: [String: String]) -> [UnknownVariables] {
        var known: Set<String> = []
        for setting in Program.allCases.flatMap(\.settings) {
            known.formUnion(setting.environmentNames)
            if setting.hasFileVariant { known.formUnion(setting.environmentNames.map { "\($0)_FILE" }) }
        }
        let strangers = environment.keys.filter { name in
            name.hasPrefix("CERTCTL_") && !known.contains(name) && !exempt.contains { name.hasPrefix($0) }
        }
        return strangers.sorted().map { name in
            let hint = NearestName.suggestion(for: name, among: known).map { "; did you mean \($0)?" } ?? ""
            return UnknownVariables(
                violation: SettingViolation(
                    subject: name, message: "no such setting, the variable has no effect\(hint)")
            )
        }
    }
}
