package import Encoding

/// The canonical text of a JSON value (RFC 8785): equal values give equal octets, in every language.
package enum CanonicalJSON {
    package static func text(of value: JSONValue) -> String {
        String(decoding: octets(of: value), as: UTF8.self)
    }

    package static func octets(of value: JSONValue) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(512)
        write(value, to: &octets)
        return octets
    }

    private static func write(_ value: JSONValue, to octets: inout [UInt8]) {
        switch value {
        case .null: octets += "null".utf8
        case .bool(let flag): octets += (flag ? "true" : "false").utf8
        case .integer(let number): octets += String(number).utf8
        case .number(let number): octets += text(of: number).utf8
        case .string(let text): write(text, to: &octets)
        case .array(let elements):
            octets.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { octets.append(UInt8(ascii: ",")) }
                write(element, to: &octets)
            }
            octets.append(UInt8(ascii: "]"))
        case .object(let object):
            octets.append(UInt8(ascii: "{"))
            // RFC 8785 §3.2.3: by UTF-16 code units.
            let members = object.members.sorted { $0.key.utf16.lexicographicallyPrecedes($1.key.utf16) }
            for (index, member) in members.enumerated() {
                if index > 0 { octets.append(UInt8(ascii: ",")) }
                write(member.key, to: &octets)
                octets.append(UInt8(ascii: ":"))
                write(member.value, to: &octets)
            }
            octets.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to octets: inout [UInt8]) {
        octets.append(UInt8(ascii: "\""))
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "\""): octets += "\\\"".utf8
            case UInt8(ascii: "\\"): octets += "\\\\".utf8
            case 0x08: octets += "\\b".utf8
            case 0x09: octets += "\\t".utf8
            case 0x0A: octets += "\\n".utf8
            case 0x0C: octets += "\\f".utf8
            case 0x0D: octets += "\\r".utf8
            case 0..<0x20: octets += "\\u00\(Hex.encode([octet]))".utf8
            default: octets.append(octet)
            }
        }
        octets.append(UInt8(ascii: "\""))
    }

    /// `Number::toString` of ECMAScript, from the shortest digits that round-trip.
    private static func text(of number: Double) -> String {
        guard number != 0, number.isFinite else { return "0" }
        let sign = number < 0 ? "-" : ""
        let (digits, point) = shortestDigits(of: number.magnitude)
        let count = digits.count
        switch point {
        case count...21: return sign + digits + String(repeating: "0", count: point - count)
        case 1..<max(2, count) where point <= 21: return sign + digits.prefix(point) + "." + digits.dropFirst(point)
        case -5...0: return sign + "0." + String(repeating: "0", count: -point) + digits
        default:
            let exponent = point - 1
            let fraction = count > 1 ? "." + digits.dropFirst() : ""
            return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + String(exponent.magnitude)
        }
    }

    /// The significant digits, and where the decimal point stands after the first of them.
    private static func shortestDigits(of number: Double) -> (digits: String, point: Int) {
        let parts = number.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let exponent = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
        let whole = mantissa[0]
        let fraction = mantissa.count == 2 ? mantissa[1] : ""
        let all = whole + fraction
        let leadingZeros = all.prefix { $0 == "0" }.count
        var digits = all.dropFirst(leadingZeros)
        while digits.last == "0" { digits.removeLast() }
        return (String(digits), whole.count - leadingZeros + exponent)
    }
}
