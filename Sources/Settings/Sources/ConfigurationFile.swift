import TOMLKit

/// The settings of one TOML file, flattened to dotted keys.
package struct ConfigurationFile: Sendable {
    package struct Entry: Sendable {
        package let key: String
        /// `nil` for kinds that no setting has: dates, tables within arrays.
        package let content: RawContent?
        /// Counted from 1; `nil` where the key was written in a form that cannot be located.
        package let line: Int?

        /// The value as a source in text form would spell it.
        package var text: String? { content?.shown }
    }

    /// The text is not TOML.
    package struct SyntaxError: Error, Hashable, Sendable {
        package let line: Int
        package let column: Int
        package let reason: String
    }

    package let path: String
    package let entries: [Entry]

    package init(path: String, text: String) throws(SyntaxError) {
        self.path = path
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            let position = error.source.begin
            throw SyntaxError(line: position.line, column: position.column, reason: error.description)
        } catch {
            throw SyntaxError(line: 1, column: 1, reason: "not a TOML document")
        }
        let lines = KeyLines(text)
        entries = withExtendedLifetime(root) {
            Self.flatten(root, prefix: "").map { key, content in
                Entry(key: key, content: content, line: lines[key])
            }
        }
    }

    private static func flatten(_ table: TOMLTable, prefix: String) -> [(String, RawContent?)] {
        var flat: [(String, RawContent?)] = []
        for key in table.keys.sorted() {
            guard let value = table[key] else { continue }
            let path = prefix.isEmpty ? key : "\(prefix).\(key)"
            if let inner = value.table {
                flat.append(contentsOf: flatten(inner, prefix: path))
            } else {
                flat.append((path, content(value)))
            }
        }
        return flat
    }

    private static func content(_ value: any TOMLValueConvertible) -> RawContent? {
        switch value.type {
        case .string: value.string.map(RawContent.text)
        case .int: value.int.map { RawContent.integer(Int64($0)) }
        case .double: value.double.map(RawContent.number)
        case .bool: value.bool.map(RawContent.bool)
        case .array: value.array.flatMap(items)
        case .table, .date, .time, .dateTime: nil
        }
    }

    private static func items(_ array: TOMLArray) -> RawContent? {
        var items: [String] = []
        for element in array {
            guard let text = element.string ?? element.int.map(String.init) else { return nil }
            items.append(text)
        }
        return .list(items)
    }
}

/// Finds the line on which each dotted key of a TOML text is assigned: the parser does not tell.
struct KeyLines {
    private var lines: [String: Int] = [:]

    subscript(key: String) -> Int? { lines[key] }

    init(_ text: String) {
        var table = ""
        var closing: String?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = ListText.trimmed(String(line))
            if let delimiter = closing {
                if trimmed.contains(delimiter) { closing = nil }
                continue
            }
            if trimmed.hasPrefix("#") || trimmed.isEmpty { continue }
            if trimmed.hasPrefix("["), let end = trimmed.firstIndex(of: "]") {
                table = Self.dotted(String(trimmed[trimmed.index(after: trimmed.startIndex)..<end]))
                continue
            }
            guard let separator = trimmed.firstIndex(of: "=") else { continue }
            let key = Self.dotted(String(trimmed[..<separator]))
            lines[table.isEmpty ? key : "\(table).\(key)"] = index + 1
            closing = Self.openDelimiter(of: String(trimmed[trimmed.index(after: separator)...]))
        }
    }

    /// The delimiter that ends a multi-line string which starts in `value`.
    private static func openDelimiter(of value: String) -> String? {
        let start = ListText.trimmed(value)
        for delimiter in ["\"\"\"", "'''"] where start.hasPrefix(delimiter) {
            return start.dropFirst(3).contains(delimiter) ? nil : delimiter
        }
        return nil
    }

    private static func dotted(_ text: String) -> String {
        text.split(separator: ".").map { part in
            ListText.trimmed(String(part)).filter { $0 != "\"" && $0 != "'" }
        }.joined(separator: ".")
    }
}
