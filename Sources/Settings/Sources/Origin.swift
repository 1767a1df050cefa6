/// Where the effective value of a setting came from.
package enum Origin: Hashable, Sendable, CustomStringConvertible {
    case fallback
    case file(path: String, line: Int?)
    case environment(String)
    case environmentFile(String)
    case credential(String)
    case flag(String)

    /// The form that `certctl config show --origin` prints.
    package var description: String {
        switch self {
        case .fallback: "default"
        case .file(let path, let line): line.map { "file:\(path):\($0)" } ?? "file:\(path)"
        case .environment(let name): "env:\(name)"
        case .environmentFile(let path): "env-file:\(path)"
        case .credential(let path): "credential:\(path)"
        case .flag(let name): "flag:--\(name)"
        }
    }
}

/// A value as one source gave it.
struct RawSetting: Sendable {
    let content: RawContent
    let origin: Origin
}

/// A value given on the command line.
package struct FlagValue: Hashable, Sendable {
    /// How the value reached the program.
    package enum Form: Hashable, Sendable {
        /// As an argument, which every user of the host can see.
        case argument
        /// As the name of a file that holds it.
        case file
        /// Through standard input or a prompt; `text` is the value.
        case standardInput
    }

    /// The key of the setting.
    package let key: String
    /// The flag as it was written, without hyphens.
    package let flag: String
    package let text: String
    package let form: Form

    package init(key: String, flag: String, text: String, form: Form = .argument) {
        self.key = key
        self.flag = flag
        self.text = text
        self.form = form
    }
}
