/// What there is to say about the settings of a program, from their declarations.
package struct SettingManual: Sendable {
    private let program: Program

    package init(_ program: Program) { self.program = program }

    /// Everything about one setting, or `nil` with a suggestion when no setting has that name.
    package func explanation(of name: String) -> Result<String, UnknownSetting> {
        guard let setting = program.setting(named: name) else {
            let names = program.settings.flatMap { [$0.key, $0.environmentName] + $0.flagNames.map { "--\($0)" } }
            return .failure(
                UnknownSetting(
                    name: name,
                    program: program,
                    suggestion: NearestName.suggestion(for: name, among: names)
                )
            )
        }
        return .success(Self.text(of: setting))
    }

    private static func text(of setting: SettingDeclaration) -> String {
        var environment = setting.environmentNames.joined(separator: ", ")
        if setting.hasFileVariant { environment += ", \(setting.environmentName)_FILE" }
        let flags = setting.flagNames.map { "--\($0)" }.joined(separator: ", ")
        var lines = [
            setting.key,
            "  \(setting.help)",
            "",
            "  type         \(setting.kind): \(setting.expectation)",
            "  default      \(setting.fallbackText ?? "none")",
            "  environment  \(environment)",
            "  flag         \(flags.isEmpty ? "none" : flags)",
            "  reload       \(setting.reload == .hot ? "while running" : "needs a restart")",
        ]
        if let credential = setting.names.credential { lines.append("  credential   \(credential) (systemd)") }
        if !setting.names.inFile { lines.append("  file         cannot be set in the file") }
        return lines.joined(separator: "\n")
    }

    /// A TOML file with every setting, its meaning and its default, all commented out.
    package var template: String {
        let entries = program.settings.filter(\.names.inFile).map { setting in
            let leaf = TOMLText.leaf(setting.key)
            var lines = ["", "# \(setting.help)", "# \(setting.kind): \(setting.expectation)."]
            if setting.isFallbackDerived || setting.fallbackText == nil {
                lines.append("# Default: \(setting.fallbackText ?? "none").")
                lines.append("# \(leaf) = \(setting.kind == "list" ? "[]" : "\"\"")")
            } else {
                lines.append("# \(leaf) = \(TOMLText.value(setting.fallbackText ?? "", kind: setting.kind))")
            }
            return TOMLText.Entry(key: setting.key, line: lines.joined(separator: "\n"))
        }
        return "# Settings of the certctl \(program.rawValue). Lines are examples with the defaults.\n"
            + "# Environment (CERTCTL_…) and flags win over this file.\n" + TOMLText.document(entries) + "\n"
    }
}

/// A name that no setting of the program has.
package struct UnknownSetting: Error, Hashable, Sendable, CustomStringConvertible {
    package let name: String
    package let program: Program
    package let suggestion: String?

    package var description: String {
        "the \(program.rawValue) has no setting \"\(name)\"" + (suggestion.map { "; did you mean \($0)?" } ?? "")
    }
}
