extension JSONValue {
    /// Parses one complete JSON text in UTF-8 (RFC 8259), without byte-order mark.
    package init(parsing octets: [UInt8], limits: JSONLimits = .request) throws(JSONSyntaxError) {
        self = try octets.withUnsafeBufferPointer { (buffer) throws(JSONSyntaxError) in
            var parser = JSONParser(text: buffer, limits: limits)
            return try parser.parseText()
        }
    }

    package init(parsing text: String, limits: JSONLimits = .request) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A recursive-descent parser; the depth limit bounds its recursion.
private struct JSONParser {
    private let text: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private var depth = 0

    init(text: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.text = text
        self.limits = limits
    }

    mutating func parseText() throws(JSONSyntaxError) -> JSONValue {
        skipSpace()
        guard position < text.count else { throw failure(.emptyText) }
        let value = try parseValue()
        skipSpace()
        guard position == text.count else { throw failure(.trailingContent) }
        return value
    }

    private mutating func parseValue() throws(JSONSyntaxError) -> JSONValue {
        switch try peek() {
        case UInt8(ascii: "{"): return try parseObject()
        case UInt8(ascii: "["): return try parseArray()
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseLiteral("true", .bool(true))
        case UInt8(ascii: "f"): return try parseLiteral("false", .bool(false))
        case UInt8(ascii: "n"): return try parseLiteral("null", .null)
        case UInt8(ascii: "-"), 0x30...0x39: return try parseNumber()
        case let octet: throw failure(.unexpectedOctet(octet))
        }
    }

    private mutating func parseObject() throws(JSONSyntaxError) -> JSONValue {
        try enter()
        var members: [JSONObject.Member] = []
        var seen: Set<String> = []
        skipSpace()
        if try peek() == UInt8(ascii: "}") {
            leave()
            return .object(JSONObject())
        }
        while true {
            skipSpace()
            let start = position
            guard try peek() == UInt8(ascii: "\"") else { throw failure(.unexpectedOctet(text[position])) }
            let key = try parseString()
            guard seen.insert(key).inserted else { throw JSONSyntaxError(offset: start, reason: .duplicateMember(key)) }
            skipSpace()
            try expect(UInt8(ascii: ":"))
            skipSpace()
            members.append(JSONObject.Member(key: key, value: try parseValue()))
            if try endsSequence(with: UInt8(ascii: "}"), count: members.count) { break }
        }
        return .object(JSONObject(distinctMembers: members))
    }

    private mutating func parseArray() throws(JSONSyntaxError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        skipSpace()
        if try peek() == UInt8(ascii: "]") {
            leave()
            return .array([])
        }
        while true {
            skipSpace()
            elements.append(try parseValue())
            if try endsSequence(with: UInt8(ascii: "]"), count: elements.count) { break }
        }
        return .array(elements)
    }

    /// After an element: consumes the comma, or the closing octet and says so.
    private mutating func endsSequence(with close: UInt8, count: Int) throws(JSONSyntaxError) -> Bool {
        guard count <= limits.elements else { throw failure(.tooManyElements(limit: limits.elements)) }
        skipSpace()
        let octet = try peek()
        if octet == close {
            leave()
            return true
        }
        try expect(UInt8(ascii: ","))
        return false
    }

    private mutating func parseString() throws(JSONSyntaxError) -> String {
        let start = position
        position += 1
        let first = position
        while position < text.count {
            let octet = text[position]
            if octet == UInt8(ascii: "\"") {
                let raw = UnsafeBufferPointer(rebasing: text[first..<position])
                position += 1
                return try decoded(raw, start: start)
            }
            if octet == UInt8(ascii: "\\") { return try parseEscapedString(start: start, first: first) }
            guard octet >= 0x20 else { throw failure(.controlCharacter(octet)) }
            position += 1
        }
        throw failure(.unexpectedEnd)
    }

    /// The slow way, from the first escape on.
    private mutating func parseEscapedString(start: Int, first: Int) throws(JSONSyntaxError) -> String {
        var octets = Array(text[first..<position])
        while position < text.count {
            let octet = text[position]
            position += 1
            switch octet {
            case UInt8(ascii: "\""):
                return try octets.withUnsafeBufferPointer { (buffer) throws(JSONSyntaxError) in
                    try decoded(buffer, start: start)
                }
            case UInt8(ascii: "\\"):
                let scalar = try parseEscape()
                octets.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            case 0..<0x20:
                throw JSONSyntaxError(offset: position - 1, reason: .controlCharacter(octet))
            default:
                octets.append(octet)
            }
        }
        throw failure(.unexpectedEnd)
    }

    private func decoded(_ octets: UnsafeBufferPointer<UInt8>, start: Int) throws(JSONSyntaxError) -> String {
        guard octets.count <= limits.stringLength else {
            throw JSONSyntaxError(offset: start, reason: .stringTooLong(limit: limits.stringLength))
        }
        guard let string = String(validating: octets, as: UTF8.self) else {
            throw JSONSyntaxError(offset: start, reason: .invalidUTF8)
        }
        return string
    }

    private mutating func parseEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let octet = try peek()
        position += 1
        switch octet {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(octet)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try parseUnicodeEscape()
        default: throw JSONSyntaxError(offset: position - 1, reason: .invalidEscape)
        }
    }

    private mutating func parseUnicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = position
        let unit = try parseHexUnit()
        if let scalar = Unicode.Scalar(UInt32(unit)) { return scalar }
        guard unit < 0xDC00, position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
            text[position + 1] == UInt8(ascii: "u")
        else { throw JSONSyntaxError(offset: start, reason: .loneSurrogate) }
        position += 2
        let low = try parseHexUnit()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
        else { throw JSONSyntaxError(offset: start, reason: .loneSurrogate) }
        return scalar
    }

    private mutating func parseHexUnit() throws(JSONSyntaxError) -> UInt16 {
        guard position + 4 <= text.count else { throw failure(.unexpectedEnd) }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            let octet = text[position]
            let digit: UInt8
            switch octet {
            case 0x30...0x39: digit = octet - 0x30
            case 0x41...0x46: digit = octet - 0x41 + 10
            case 0x61...0x66: digit = octet - 0x61 + 10
            default: throw failure(.invalidEscape)
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    private mutating func parseNumber() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        let malformed = JSONSyntaxError(offset: start, reason: .invalidNumber)
        if text[position] == UInt8(ascii: "-") { position += 1 }
        let integerStart = position
        guard skipDigits() > 0 else { throw malformed }
        if text[integerStart] == UInt8(ascii: "0"), position - integerStart > 1 { throw malformed }
        var isInteger = true
        if position < text.count, text[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard skipDigits() > 0 else { throw malformed }
        }
        if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard skipDigits() > 0 else { throw malformed }
        }
        // 400 digits are more than any double needs; the bound keeps conversion cheap.
        guard position - start <= 400 else { throw malformed }
        let digits = String(decoding: UnsafeBufferPointer(rebasing: text[start..<position]), as: UTF8.self)
        let outOfRange = JSONSyntaxError(offset: start, reason: .numberOutOfRange)
        if isInteger {
            guard let number = Int64(digits), number.magnitude <= 1 << 53 else { throw outOfRange }
            return .integer(number)
        }
        guard let number = Double(digits), number.magnitude <= 0x1p53 else { throw outOfRange }
        return .number(number)
    }

    /// How many digits were passed over.
    private mutating func skipDigits() -> Int {
        let start = position
        while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
        return position - start
    }

    private mutating func parseLiteral(
        _ literal: StaticString, _ value: JSONValue
    ) throws(JSONSyntaxError) -> JSONValue {
        let start = position
        for index in 0..<literal.utf8CodeUnitCount {
            guard position < text.count else { throw failure(.unexpectedEnd) }
            guard text[position] == literal.utf8Start[index] else {
                throw JSONSyntaxError(offset: start, reason: .invalidLiteral)
            }
            position += 1
        }
        return value
    }

    private mutating func enter() throws(JSONSyntaxError) {
        guard depth < limits.depth else { throw failure(.tooDeep(limit: limits.depth)) }
        depth += 1
        position += 1
    }

    private mutating func leave() {
        depth -= 1
        position += 1
    }

    private mutating func expect(_ octet: UInt8) throws(JSONSyntaxError) {
        let found = try peek()
        guard found == octet else { throw failure(.unexpectedOctet(found)) }
        position += 1
    }

    private func peek() throws(JSONSyntaxError) -> UInt8 {
        guard position < text.count else { throw failure(.unexpectedEnd) }
        return text[position]
    }

    private mutating func skipSpace() {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func failure(_ reason: JSONSyntaxError.Reason) -> JSONSyntaxError {
        JSONSyntaxError(offset: position, reason: reason)
    }
}
