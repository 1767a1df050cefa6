import Domain
import HostEffects
import Settings

/// The client's credentials file: named contexts, mode 0600, always replaced as a whole.
struct CredentialsFile {
    let path: String
    private(set) var current: String?
    /// Settings of each context by key, in the text form of their grammar.
    private(set) var contexts: [String: [String: String]]

    /// The file at `path`; an absent one has no contexts.
    init(path: String, fileSystem: FileSystem) throws(CLIFailure) {
        self.path = path
        current = nil
        contexts = [:]
        guard let octets = try LocalFiles.read(path, fileSystem: fileSystem) else { return }
        let parsed: ConfigurationFile
        do {
            parsed = try ConfigurationFile(path: path, text: String(decoding: octets, as: UTF8.self))
        } catch {
            throw .configuration("\(path):\(error.line):\(error.column): \(error.reason)")
        }
        let read = CLIContexts(parsed)
        current = read.current
        contexts = read.entries.mapValues { entries in
            Dictionary(entries.compactMap { entry in entry.text.map { (entry.key, $0) } }) { $1 }
        }
    }

    mutating func set(_ name: String, _ values: [String: String]) { contexts[name] = values }

    mutating func use(_ name: String) throws(CLIFailure) {
        guard contexts[name] != nil else {
            let known = contexts.keys.sorted().joined(separator: ", ")
            throw .usage("no context \"\(TerminalText.line(name))\" (there are: \(known.isEmpty ? "none" : known))")
        }
        current = name
    }

    /// Replaces the file; its directory is made with mode 0700 when it does not exist.
    func save(_ environment: CLIEnvironment) throws(CLIFailure) {
        var sections = [current.map { "current_context = \(TOMLText.string($0))" } ?? ""]
        for (name, values) in contexts.sorted(by: { $0.key < $1.key }) {
            let lines = values.sorted { $0.key < $1.key }.map { "\($0.key) = \(TOMLText.string($0.value))" }
            sections.append((["[contexts.\(name)]"] + lines).joined(separator: "\n"))
        }
        let text = sections.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
        do {
            let directory = PathText.parent(of: path)
            if try environment.fileSystem.status(directory) == nil {
                try environment.fileSystem.makePrivateDirectory(directory)
            }
            try AtomicFile.replace(
                path,
                with: Array(text.utf8),
                stamp: environment.time.now.microsecondsSinceEpoch,
                fileSystem: environment.fileSystem
            )
        } catch {
            throw LocalFiles.failure(error)
        }
    }
}
