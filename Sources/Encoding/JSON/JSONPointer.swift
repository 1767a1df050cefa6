/// A path into a JSON value (RFC 6901).
package struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package static let root = JSONPointer(text: "")

    package func appending(_ key: String) -> JSONPointer {
        guard key.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
            return JSONPointer(text: "\(text)/\(key)")
        }
        var escaped = "\(text)/"
        for character in key {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.append(character)
            }
        }
        return JSONPointer(text: escaped)
    }

    package func appending(_ index: Int) -> JSONPointer { JSONPointer(text: "\(text)/\(index)") }

    package var description: String { text }
}
