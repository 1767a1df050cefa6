/// Collects the raw values of one program from all sources; a later source replaces an earlier one.
struct SettingSources {
    let program: Program
    let host: SettingHost
    private(set) var violations: [SettingViolation] = []
    private(set) var warnings: [String] = []
    private(set) var file: String?
    private var fromFile: [String: RawSetting] = [:]
    private var fromEnvironment: [String: RawSetting] = [:]
    private var fromFlags: [String: RawSetting] = [:]

    init(program: Program, host: SettingHost) {
        self.program = program
        self.host = host
    }

    var values: [String: RawSetting] {
        fromFile.merging(fromEnvironment) { $1 }.merging(fromFlags) { $1 }
    }

    // MARK: Environment

    mutating func readEnvironment() {
        for setting in program.settings {
            var found: [(name: String, raw: RawSetting?)] = []
            for name in setting.environmentNames {
                if let text = variable(name) {
                    found.append((name, RawSetting(content: .text(text), origin: .environment(name))))
                }
                let fileName = "\(name)_FILE"
                if setting.hasFileVariant, let path = variable(fileName) {
                    found.append((fileName, secretFile(path, for: setting, named: fileName)))
                }
            }
            if found.count > 1 {
                let names = found.map(\.name).joined(separator: " and ")
                violations.append(
                    SettingViolation(subject: setting.environmentName, message: "set only one of \(names)")
                )
            }
            if let raw = found.first?.raw {
                fromEnvironment[setting.key] = raw
            } else if found.isEmpty, let raw = credential(of: setting) {
                fromEnvironment[setting.key] = raw
            }
        }
    }

    /// A variable that is set to the empty text counts as unset.
    private func variable(_ name: String) -> String? {
        host.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The systemd credential that carries the setting, if this service was given one.
    private mutating func credential(of setting: SettingDeclaration) -> RawSetting? {
        guard let name = setting.credentialName, let directory = variable("CREDENTIALS_DIRECTORY") else { return nil }
        let path = "\(directory)/\(name)"
        if case .failure(.missing) = host.files.contents(path) { return nil }
        guard let text = text(of: path, for: setting, subject: setting.environmentName) else { return nil }
        return RawSetting(content: .text(text), origin: .credential(path))
    }

    private mutating func secretFile(_ path: String, for setting: SettingDeclaration, named subject: String)
        -> RawSetting?
    {
        var path = path
        if !path.hasPrefix("/"), let directory = variable("CREDENTIALS_DIRECTORY") {
            let credential = "\(directory)/\(path)"
            if case .success = host.files.contents(credential) { path = credential }
        }
        return text(of: path, for: setting, subject: subject).map {
            RawSetting(content: .text($0), origin: .environmentFile(path))
        }
    }

    /// The trimmed content of a file that holds one value.
    private mutating func text(of path: String, for setting: SettingDeclaration, subject: String) -> String? {
        switch host.files.contents(path) {
        case .failure(let problem):
            let kind: SettingViolation.Kind = problem == .forbidden ? .permission : .invalid
            violations.append(SettingViolation(subject: subject, message: "\(path) \(problem.text)", kind: kind))
            return nil
        case .success(let content):
            if setting.isSecret, !host.protects(content, at: path) {
                violations.append(
                    SettingViolation(
                        subject: subject,
                        message: "\(path) holds a secret and is open to others (mode "
                            + "\(String(content.mode, radix: 8))); run: chmod 600 \(path)",
                        kind: .permission
                    )
                )
                return nil
            }
            guard let text = String(validating: content.octets, as: UTF8.self).map(ListText.trimmed) else {
                violations.append(SettingViolation(subject: subject, message: "\(path) is not UTF-8 text"))
                return nil
            }
            guard !text.isEmpty else {
                violations.append(SettingViolation(subject: subject, message: "\(path) is empty"))
                return nil
            }
            return text
        }
    }

    // MARK: Flags

    mutating func readFlags(_ flags: [FlagValue]) {
        for flag in flags {
            guard let setting = program.settings.first(where: { $0.key == flag.key }) else { continue }
            if flag.text.isEmpty, setting.kind != "list" {
                violations.append(
                    SettingViolation(subject: setting.environmentName, message: "--\(flag.flag) is empty"))
                continue
            }
            switch flag.form {
            case .file:
                if let text = text(of: flag.text, for: setting, subject: setting.environmentName) {
                    fromFlags[setting.key] = RawSetting(content: .text(text), origin: .flag(flag.flag))
                }
            case .argument, .standardInput:
                if setting.isSecret, flag.form == .argument {
                    warnings.append(
                        "--\(flag.flag): every user of this host can see the value in the process list; "
                            + "use --\(flag.flag)-file or \(setting.environmentName)_FILE"
                    )
                }
                fromFlags[setting.key] = RawSetting(content: .text(flag.text), origin: .flag(flag.flag))
            }
        }
    }

    // MARK: File

    mutating func readFile() {
        let setting = program.fileSetting
        let given = (fromFlags[setting.key] ?? fromEnvironment[setting.key])?.content.shown
        for path in given.map({ [$0] }) ?? program.defaultFiles(host.environment) {
            switch host.files.contents(path) {
            case .failure(.missing) where given == nil: continue
            case .failure(.missing) where program == .cli:
                // The client writes this file itself: an absent one has no contexts yet.
                warnings.append("\(setting.environmentName): \(path) does not exist yet")
                continue
            case .failure(let problem):
                let kind: SettingViolation.Kind = problem == .forbidden ? .permission : .invalid
                violations.append(
                    SettingViolation(subject: setting.environmentName, message: "\(path) \(problem.text)", kind: kind)
                )
            case .success(let content): read(content, at: path)
            }
            file = path
            return
        }
    }

    private mutating func read(_ content: FileContent, at path: String) {
        guard let text = String(validating: content.octets, as: UTF8.self) else {
            violations.append(SettingViolation(subject: path, message: "is not UTF-8 text"))
            return
        }
        let parsed: ConfigurationFile
        do {
            parsed = try ConfigurationFile(path: path, text: text)
        } catch {
            violations.append(SettingViolation(subject: "\(path):\(error.line):\(error.column)", message: error.reason))
            return
        }
        var entries = parsed.entries
        if program == .cli {
            checkOwnerOnly(content, at: path)
            entries = contextEntries(parsed)
        }
        for entry in entries { take(entry, content: content, path: path) }
    }

    private mutating func take(_ entry: ConfigurationFile.Entry, content: FileContent, path: String) {
        let place = entry.line.map { "\(path):\($0)" } ?? path
        guard let setting = program.settings.first(where: { $0.key == entry.key && $0.names.inFile }) else {
            violations.append(SettingViolation(subject: place, message: unknownKey(entry.key)))
            return
        }
        guard let value = entry.content else {
            let expectation = setting.expectation
            violations.append(
                SettingViolation(subject: setting.environmentName, message: "\(place) is not \(expectation)"))
            return
        }
        if value == .text("") { return }
        if setting.isSecret, !host.protects(content, at: path) {
            violations.append(
                SettingViolation(
                    subject: place,
                    message: "the file holds a secret and is open to others (mode \(String(content.mode, radix: 8))); "
                        + "run: chmod 600 \(path)",
                    kind: .permission
                )
            )
        }
        fromFile[setting.key] = RawSetting(content: value, origin: .file(path: path, line: entry.line))
    }

    private func unknownKey(_ key: String) -> String {
        if program.settings.contains(where: { $0.key == key }) {
            return "\"\(key)\" can be set by flag and environment only"
        }
        for other in Program.allCases where other != program && other != .cli {
            if other.settings.contains(where: { $0.key == key }) {
                return "\"\(key)\" is a setting of the \(other.rawValue), not of the \(program.rawValue)"
            }
        }
        let hint = NearestName.suggestion(for: key, among: program.settings.map(\.key))
        return "unknown key \"\(key)\"" + (hint.map { "; did you mean \"\($0)\"?" } ?? "")
    }

    // MARK: Contexts of the command line client

    private mutating func checkOwnerOnly(_ content: FileContent, at path: String) {
        guard content.mode & 0o077 != 0 else { return }
        violations.append(
            SettingViolation(
                subject: path,
                message: "holds credentials and is open to others (mode \(String(content.mode, radix: 8))); "
                    + "run: chmod 600 \(path)",
                kind: .permission
            )
        )
    }

    /// The keys of the chosen context, without their `contexts.<name>.` prefix.
    private mutating func contextEntries(_ parsed: ConfigurationFile) -> [ConfigurationFile.Entry] {
        let contexts = CLIContexts(parsed)
        for entry in contexts.strangers {
            violations.append(SettingViolation(subject: parsed.path, message: "unknown key \"\(entry)\""))
        }
        let key = CLISettings.context.declaration.key
        let asked = (fromFlags[key] ?? fromEnvironment[key])?.content.shown
        guard let name = asked ?? contexts.current else { return [] }
        guard let entries = contexts.entries[name] else {
            let known = contexts.entries.keys.sorted().joined(separator: ", ")
            violations.append(
                SettingViolation(
                    subject: CLISettings.context.declaration.environmentName,
                    message: "\(parsed.path) has no context \"\(name)\" (it has: \(known.isEmpty ? "none" : known))"
                )
            )
            return []
        }
        return entries
    }
}
