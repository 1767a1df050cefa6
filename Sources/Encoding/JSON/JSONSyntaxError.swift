/// Why octets are not an acceptable JSON text, and where.
package struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        case emptyText
        case unexpectedEnd
        case unexpectedOctet(UInt8)
        case trailingContent
        case invalidLiteral
        case invalidNumber
        case numberOutOfRange
        case invalidUTF8
        case invalidEscape
        case loneSurrogate
        case controlCharacter(UInt8)
        case duplicateMember(String)
        case tooDeep(limit: Int)
        case stringTooLong(limit: Int)
        case tooManyElements(limit: Int)
    }

    /// Octets from the beginning of the text.
    package let offset: Int
    package let reason: Reason

    package init(offset: Int, reason: Reason) {
        self.offset = offset
        self.reason = reason
    }

    package var description: String { "\(text) at byte \(offset)" }

    private var text: String {
        switch reason {
        case .emptyText: "there is no JSON value"
        case .unexpectedEnd: "the JSON text ends too early"
        case .unexpectedOctet(let octet): "unexpected \(Self.shown(octet))"
        case .trailingContent: "there is more after the end of the JSON value"
        case .invalidLiteral: "only true, false and null are JSON literals"
        case .invalidNumber: "this is not a JSON number"
        case .numberOutOfRange: "numbers beyond 2^53 cannot be represented exactly and are refused"
        case .invalidUTF8: "the text is not UTF-8"
        case .invalidEscape: "this is not a JSON escape sequence"
        case .loneSurrogate: "an escaped surrogate has no partner"
        case .controlCharacter(let octet): "unescaped control character \(Self.shown(octet)) in a string"
        case .duplicateMember(let key): "member \"\(Self.shown(key))\" occurs twice"
        case .tooDeep(let limit): "values are nested deeper than \(limit) levels"
        case .stringTooLong(let limit): "a string is longer than \(limit) bytes"
        case .tooManyElements(let limit): "an array or object has more than \(limit) elements"
        }
    }

    private static func shown(_ octet: UInt8) -> String {
        (0x21...0x7E).contains(octet) ? "\"\(Character(UnicodeScalar(octet)))\"" : "byte 0x\(Hex.encode([octet]))"
    }

    /// Keys come from the sender: shortened, without control characters.
    private static func shown(_ key: String) -> String {
        String(String.UnicodeScalarView(key.unicodeScalars.prefix(64).map { $0.value < 0x20 ? "." : $0 }))
    }
}

/// Bounds of an acceptable JSON text.
package struct JSONLimits: Hashable, Sendable {
    /// Levels of arrays and objects.
    package var depth: Int
    /// Octets of one decoded string.
    package var stringLength: Int
    /// Elements of one array, members of one object.
    package var elements: Int

    package init(depth: Int = 32, stringLength: Int = 256 * 1024, elements: Int = 100_000) {
        self.depth = depth
        self.stringLength = stringLength
        self.elements = elements
    }

    /// What an API request may hold.
    package static let request = JSONLimits()
}
