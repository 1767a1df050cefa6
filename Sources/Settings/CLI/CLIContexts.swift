/// The named contexts of the command line client's credentials file.
///
/// ```toml
/// current_context = "prod"
///
/// [contexts.prod]
/// server.url = "https://certctl.example.com:8443"
/// api_key = "ctk_…"
/// ```
package struct CLIContexts: Sendable {
    /// The context in use unless the command line or the environment names another.
    package let current: String?
    /// The settings of each context, keyed by its name.
    package let entries: [String: [ConfigurationFile.Entry]]
    /// Keys that belong to no context.
    let strangers: [String]

    package init(_ file: ConfigurationFile) {
        var current: String?
        var entries: [String: [ConfigurationFile.Entry]] = [:]
        var strangers: [String] = []
        for entry in file.entries {
            let parts = entry.key.split(separator: ".", maxSplits: 2).map(String.init)
            if entry.key == "current_context", case .text(let name) = entry.content {
                current = name
            } else if parts.count == 3, parts[0] == "contexts" {
                entries[parts[1], default: []].append(
                    ConfigurationFile.Entry(key: parts[2], content: entry.content, line: entry.line)
                )
            } else {
                strangers.append(entry.key)
            }
        }
        self.current = current
        self.entries = entries
        self.strangers = strangers
    }

    /// Whether `name` can name a context: it becomes a bare TOML key.
    package static func isValidName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { octet in
                (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
                    || octet == 0x2D || octet == 0x5F
            }
    }
}
