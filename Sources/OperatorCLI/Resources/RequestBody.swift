import Encoding

/// Reads request bodies from files, standard input and `key=value` options.
enum RequestBody {
    /// JSON from a file, or from standard input for `-`.
    static func json(at path: String, _ session: Session) throws(CLIFailure) -> JSONValue {
        let octets: [UInt8]
        if path == "-" {
            var lines: [String] = []
            while let line = session.console.readLine() { lines.append(line) }
            octets = Array(lines.joined(separator: "\n").utf8)
        } else {
            guard let read = try LocalFiles.read(path, fileSystem: session.environment.fileSystem) else {
                throw .file(message: "\(path): no such file", isPermission: false)
            }
            octets = read
        }
        do {
            return try JSONValue(parsing: octets)
        } catch {
            throw .usage("\(path == "-" ? "standard input" : path) is not JSON: \(error)")
        }
    }

    /// Text from a file, or from standard input for `-`.
    static func text(at path: String, _ session: Session) throws(CLIFailure) -> String {
        if path == "-" {
            var lines: [String] = []
            while let line = session.console.readLine() { lines.append(line) }
            return lines.joined(separator: "\n") + "\n"
        }
        guard let octets = try LocalFiles.read(path, fileSystem: session.environment.fileSystem) else {
            throw .file(message: "\(path): no such file", isPermission: false)
        }
        return String(decoding: octets, as: UTF8.self)
    }

    /// An object from a JSON text on the line, or from the file behind `@`.
    static func object(_ text: String, option: String) throws(CLIFailure) -> JSONValue {
        let octets: [UInt8]
        if text.hasPrefix("@") {
            guard let read = try LocalFiles.read(String(text.dropFirst())) else {
                throw .file(message: "\(text.dropFirst()): no such file", isPermission: false)
            }
            octets = read
        } else {
            octets = Array(text.utf8)
        }
        let value: JSONValue
        do { value = try JSONValue(parsing: octets) } catch { throw .usage("--\(option) is not JSON: \(error)") }
        guard value.objectValue != nil else { throw .usage("--\(option) is not a JSON object") }
        return value
    }

    /// `key=value`: text, unless the value reads as a number, a boolean, null, an array or an object in JSON.
    static func field(_ text: String) throws(CLIFailure) -> (key: String, value: JSONValue) {
        let (key, value) = try pair(text, option: "field")
        if let json = try? JSONValue(parsing: value), json.stringValue == nil { return (key, json) }
        return (key, .string(value))
    }

    static func pair(_ text: String, option: String) throws(CLIFailure) -> (key: String, value: String) {
        guard let separator = text.firstIndex(of: "="), separator != text.startIndex else {
            throw .usage("--\(option) \"\(TerminalText.line(text))\" is not of the form key=value")
        }
        return (String(text[..<separator]), String(text[text.index(after: separator)...]))
    }
}
