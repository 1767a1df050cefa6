import Settings
import Testing

/// A host made of tables: variables and files.
struct Stage {
    var environment: [String: String] = ["HOME": "/home/ada"]
    var files: [String: FileContent] = [:]
    var userID: UInt32 = 1000
    var groups: Set<UInt32> = [1000]

    var host: SettingHost {
        let files = files
        return SettingHost(
            environment: environment,
            files: FileAccess { path in files[path].map { .success($0) } ?? .failure(.missing) },
            effectiveUserID: userID,
            groups: groups
        )
    }

    mutating func file(_ path: String, _ text: String, mode: UInt32 = 0o600) {
        files[path] = FileContent(octets: Array(text.utf8), mode: mode, owner: 1000, group: 1000)
    }

    func load<Content: Configuration>(
        _ type: Content.Type = Content.self,
        flags: [FlagValue] = []
    ) throws(InvalidConfiguration) -> LoadedConfiguration<Content> {
        try SettingsLoader.load(type, flags: flags, host: host)
    }

    func server(_ flags: [FlagValue] = []) throws(InvalidConfiguration) -> ServerConfiguration {
        try load(ServerConfiguration.self, flags: flags).configuration
    }

    /// The lines of a refusal; empty when the configuration is accepted.
    func refusals<Content: Configuration>(_: Content.Type, flags: [FlagValue] = []) -> [String] {
        do {
            _ = try load(Content.self, flags: flags)
            return []
        } catch {
            return error.violations.map(\.description)
        }
    }
}

func flag(_ key: String, _ name: String, _ text: String, _ form: FlagValue.Form = .argument) -> FlagValue {
    FlagValue(key: key, flag: name, text: text, form: form)
}
