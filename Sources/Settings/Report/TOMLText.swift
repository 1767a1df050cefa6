/// Writes TOML: strings, lists, and entries grouped into tables.
package enum TOMLText {
    /// One or more lines that belong under the table of `key`.
    struct Entry {
        let key: String
        let line: String
    }

    /// A basic string (TOML 1.0), with everything escaped that may not stand in one.
    package static func string(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// The value of a setting in the TOML type that suits its grammar.
    static func value(_ text: String, kind: String) -> String {
        switch kind {
        case "bool", "int", "float": text
        case "list": "[" + ListText.items(text).map(string).joined(separator: ", ") + "]"
        default: string(text)
        }
    }

    /// The last part of a dotted key.
    static func leaf(_ key: String) -> String {
        key.split(separator: ".").last.map(String.init) ?? key
    }

    private static func table(_ key: String) -> String {
        key.split(separator: ".").dropLast().joined(separator: ".")
    }

    /// The entries under their tables: keys without a table first, as TOML demands.
    static func document(_ entries: [Entry]) -> String {
        var tables: [String] = [""]
        for entry in entries where !tables.contains(table(entry.key)) { tables.append(table(entry.key)) }
        let sections = tables.compactMap { name -> String? in
            let lines = entries.filter { table($0.key) == name }.map(\.line)
            guard !lines.isEmpty else { return nil }
            return ((name.isEmpty ? [] : ["[\(name)]"]) + lines).joined(separator: "\n")
        }
        return sections.joined(separator: "\n\n")
    }
}
