/// The flags of a program's settings on a command line.
package enum SettingFlags {
    /// A flag without the value it needs.
    package struct MissingValue: Error, Hashable, CustomStringConvertible {
        package let flag: String
        package var description: String { "flag --\(flag) needs a value" }
    }

    /// Takes the setting flags out of `arguments`, wherever they stand before a lone `--`.
    ///
    /// Flags are written with one or two hyphens, as `--flag value` or `--flag=value`. A `bool` flag without `=`
    /// means true and never takes the next argument. What remains belongs to the program's own parser, which refuses
    /// flags that nobody knows.
    package static func extract(
        from arguments: [String],
        for program: Program
    ) throws(MissingValue) -> (flags: [FlagValue], rest: [String]) {
        let known = flags(of: program)
        var flags: [FlagValue] = []
        var rest: [String] = []
        var position = 0
        while position < arguments.count {
            let argument = arguments[position]
            position += 1
            if argument == "--" {
                rest.append(contentsOf: arguments[(position - 1)...])
                break
            }
            guard let (name, inline) = split(argument), let (setting, form) = known[name] else {
                rest.append(argument)
                continue
            }
            if let inline {
                flags.append(FlagValue(key: setting.key, flag: name, text: inline, form: form))
            } else if setting.kind == "bool" {
                flags.append(FlagValue(key: setting.key, flag: name, text: "true"))
            } else {
                guard position < arguments.count else { throw MissingValue(flag: name) }
                flags.append(FlagValue(key: setting.key, flag: name, text: arguments[position], form: form))
                position += 1
            }
        }
        return (flags, rest)
    }

    /// Every flag by name; a secret also has a `-file` flag, so that it need not stand in the process list.
    private static func flags(of program: Program) -> [String: (SettingDeclaration, FlagValue.Form)] {
        var known: [String: (SettingDeclaration, FlagValue.Form)] = [:]
        for setting in program.settings {
            for name in setting.flagNames {
                known[name] = (setting, .argument)
                if setting.isSecret { known["\(name)-file"] = (setting, .file) }
            }
        }
        return known
    }

    /// Name and inline value of `-name`, `--name` or `--name=value`.
    private static func split(_ argument: String) -> (name: String, inline: String?)? {
        guard argument.hasPrefix("-") else { return nil }
        let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
        guard !body.isEmpty, !body.hasPrefix("-") else { return nil }
        guard let separator = body.firstIndex(of: "=") else { return (String(body), nil) }
        return (String(body[..<separator]), String(body[body.index(after: separator)...]))
    }

    /// The list of flags for a program's help text.
    package static func help(for program: Program) -> String {
        let lines = program.settings.map { setting in
            let value = setting.kind == "bool" ? "" : " <\(setting.kind)>"
            let names = (setting.names.flagAliases + [setting.flagName]).map { "--\($0)" }.joined(separator: ", ")
            let fallback = setting.fallbackText.map { " (default: \($0))" } ?? ""
            return "  \(names)\(value)\n        \(setting.help)\(fallback)"
        }
        return "SETTINGS (also \(program.settings.first?.environmentName ?? "CERTCTL_…") and so on in the environment, "
            + "or keys of the TOML file):\n" + lines.joined(separator: "\n")
    }
}
