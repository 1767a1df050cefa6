extension JSONValue {
    /// The compact text, members in their order.
    package var text: String { String(decoding: octets, as: UTF8.self) }

    /// The compact text in UTF-8.
    package var octets: [UInt8] {
        var writer = JSONWriter(style: .compact)
        writer.write(self, level: 0)
        return writer.octets
    }

    /// The compact text with members sorted by the octets of their keys: equal values give equal texts.
    package var canonicalText: String {
        var writer = JSONWriter(style: .canonical)
        writer.write(self, level: 0)
        return String(decoding: writer.octets, as: UTF8.self)
    }

    /// The text for people: two spaces for each level.
    package var prettyText: String {
        var writer = JSONWriter(style: .pretty)
        writer.write(self, level: 0)
        return String(decoding: writer.octets, as: UTF8.self)
    }
}

private struct JSONWriter {
    enum Style { case compact, canonical, pretty }

    let style: Style
    var octets: [UInt8] = []

    init(style: Style) {
        self.style = style
        octets.reserveCapacity(256)
    }

    mutating func write(_ value: JSONValue, level: Int) {
        switch value {
        case .null: append("null")
        case .bool(let flag): append(flag ? "true" : "false")
        case .integer(let number): octets.append(contentsOf: String(number).utf8)
        case .number(let number): write(number)
        case .string(let text): write(text)
        case .array(let elements): write(elements, level: level)
        case .object(let object): write(object, level: level)
        }
    }

    private mutating func write(_ elements: [JSONValue], level: Int) {
        octets.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { octets.append(UInt8(ascii: ",")) }
            breakLine(level + 1)
            write(element, level: level + 1)
        }
        if !elements.isEmpty { breakLine(level) }
        octets.append(UInt8(ascii: "]"))
    }

    private mutating func write(_ object: JSONObject, level: Int) {
        let members =
            style == .canonical
            ? object.members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            : object.members
        octets.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { octets.append(UInt8(ascii: ",")) }
            breakLine(level + 1)
            write(member.key)
            octets.append(UInt8(ascii: ":"))
            if style == .pretty { octets.append(UInt8(ascii: " ")) }
            write(member.value, level: level + 1)
        }
        if !members.isEmpty { breakLine(level) }
        octets.append(UInt8(ascii: "}"))
    }

    private mutating func breakLine(_ level: Int) {
        guard style == .pretty else { return }
        octets.append(UInt8(ascii: "\n"))
        for _ in 0..<(2 * level) { octets.append(UInt8(ascii: " ")) }
    }

    /// JSON has no infinities and no NaN; they become `null`.
    private mutating func write(_ number: Double) {
        guard number.isFinite else { return append("null") }
        octets.append(contentsOf: number.description.utf8)
    }

    private mutating func write(_ text: String) {
        octets.append(UInt8(ascii: "\""))
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x0A: append("\\n")
            case 0x0D: append("\\r")
            case 0x09: append("\\t")
            case 0..<0x20, 0x7F: append("\\u00\(Hex.encode([octet]))")
            default: octets.append(octet)
            }
        }
        octets.append(UInt8(ascii: "\""))
    }

    private mutating func append(_ text: String) { octets.append(contentsOf: text.utf8) }
}
