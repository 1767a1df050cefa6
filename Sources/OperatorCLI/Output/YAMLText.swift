package import Encoding

/// Writes YAML 1.2 block style in which no text can be taken for anything but text.
package enum YAMLText {
    /// The document of a value, without a line break at its end.
    package static func document(_ value: JSONValue) -> String {
        switch value {
        case .object(let object) where !object.isEmpty: lines(object, indent: 0).joined(separator: "\n")
        case .array(let items) where !items.isEmpty: lines(items, indent: 0).joined(separator: "\n")
        default: scalar(value)
        }
    }

    private static func lines(_ object: JSONObject, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        return object.flatMap { member in
            let key = "\(margin)\(text(member.key)):"
            switch member.value {
            case .object(let inner) where !inner.isEmpty: return [key] + lines(inner, indent: indent + 2)
            case .array(let items) where !items.isEmpty: return [key] + lines(items, indent: indent + 2)
            default: return ["\(key) \(scalar(member.value))"]
            }
        }
    }

    private static func lines(_ items: [JSONValue], indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        return items.flatMap { item -> [String] in
            let inner: [String]
            switch item {
            case .object(let object) where !object.isEmpty: inner = lines(object, indent: indent + 2)
            case .array(let nested) where !nested.isEmpty: inner = lines(nested, indent: indent + 2)
            default: return ["\(margin)- \(scalar(item))"]
            }
            guard let first = inner.first else { return [] }
            return ["\(margin)- \(first.dropFirst(indent + 2))"] + inner.dropFirst()
        }
    }

    private static func scalar(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool, .integer, .number: value.text
        case .string(let string): text(string)
        case .array: "[]"
        case .object: "{}"
        }
    }

    /// A plain scalar where nothing can misread it, else a double-quoted one.
    static func text(_ string: String) -> String {
        isPlain(string) ? string : TerminalText.escapingInsideStrings(JSONValue.string(string).text)
    }

    private static let reserved: Set<String> = [
        "true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf",
    ]

    private static func isPlain(_ string: String) -> Bool {
        guard let first = string.utf8.first, (0x41...0x5A).contains(first & 0xDF), string.utf8.count <= 200 else {
            return false
        }
        let isSafe = string.utf8.allSatisfy { octet in
            (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet & 0xDF)
                || [0x2D, 0x2E, 0x2F, 0x5F].contains(octet)
        }
        return isSafe && !reserved.contains(string.lowercased())
    }
}
