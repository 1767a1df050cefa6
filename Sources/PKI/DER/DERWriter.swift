/// DER encoding, inside out: every function returns a complete element.
///
/// Certificates are small, so the simplicity of composing arrays costs microseconds at most and nothing here
/// can fail.
enum DERWriter {
    static func element(_ tag: UInt8, _ content: some Collection<UInt8>) -> [UInt8] {
        element(identifier: [tag], content)
    }

    /// An element whose tag may take several octets.
    static func element(identifier: [UInt8], _ content: some Collection<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(content.count + identifier.count + 5)
        out.append(contentsOf: identifier)
        appendLength(content.count, to: &out)
        out.append(contentsOf: content)
        return out
    }

    static func element(_ tag: UInt8, parts: [[UInt8]]) -> [UInt8] {
        let count = parts.reduce(0) { $0 + $1.count }
        var out: [UInt8] = []
        out.reserveCapacity(count + 6)
        out.append(tag)
        appendLength(count, to: &out)
        for part in parts { out.append(contentsOf: part) }
        return out
    }

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(0x30, parts: parts) }
    static func sequence(of parts: [[UInt8]]) -> [UInt8] { element(0x30, parts: parts) }

    /// SET OF, sorted as DER demands (X.690 §11.6).
    static func set(of parts: [[UInt8]]) -> [UInt8] {
        element(0x31, parts: parts.sorted { $0.lexicographicallyPrecedes($1) })
    }

    static func oid(_ oid: OID) -> [UInt8] { element(0x06, oid.content) }
    static func boolean(_ value: Bool) -> [UInt8] { [0x01, 0x01, value ? 0xFF : 0x00] }
    static let null: [UInt8] = [0x05, 0x00]

    /// A non-negative INTEGER from big-endian octets of any length.
    static func integer(magnitude: some Collection<UInt8>) -> [UInt8] {
        var content = Array(magnitude.drop { $0 == 0 })
        if (content.first ?? 0x80) >= 0x80 { content.insert(0, at: 0) }
        return element(0x02, content)
    }

    static func integer(_ value: Int) -> [UInt8] {
        integer(magnitude: (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) })
    }

    static func octetString(_ octets: some Collection<UInt8>) -> [UInt8] { element(0x04, octets) }
    static func bitString(_ octets: some Collection<UInt8>) -> [UInt8] { element(0x03, [0] + Array(octets)) }

    /// Named bits, most significant first, trailing zeros removed (X.690 §11.2.2).
    static func namedBits(_ bits: UInt16) -> [UInt8] {
        guard bits != 0 else { return [0x03, 0x01, 0x00] }
        let unused = bits.trailingZeroBitCount
        var octets = [UInt8(bits >> 8)]
        if unused < 8 { octets.append(UInt8(bits & 0xFF)) }
        return element(0x03, [UInt8(unused % 8)] + octets)
    }

    static func utf8String(_ text: String) -> [UInt8] { element(0x0C, Array(text.utf8)) }
    static func printableString(_ text: String) -> [UInt8] { element(0x13, Array(text.utf8)) }
    static func ia5String(_ text: String) -> [UInt8] { element(0x16, Array(text.utf8)) }

    /// Constructed context-specific tag.
    static func explicit(_ number: UInt8, _ parts: [UInt8]...) -> [UInt8] { element(0xA0 | number, parts: parts) }
    /// Primitive context-specific tag.
    static func implicit(_ number: UInt8, _ content: some Collection<UInt8>) -> [UInt8] {
        element(0x80 | number, content)
    }

    /// Identifier and length of an element whose content of `count` octets is written elsewhere.
    static func header(_ tag: UInt8, _ count: Int) -> [UInt8] {
        var out: [UInt8] = [tag]
        appendLength(count, to: &out)
        return out
    }

    private static func appendLength(_ count: Int, to out: inout [UInt8]) {
        if count < 0x80 {
            out.append(UInt8(count))
            return
        }
        let octetCount = (Int.bitWidth - count.leadingZeroBitCount + 7) / 8
        out.append(0x80 | UInt8(octetCount))
        for index in (0..<octetCount).reversed() { out.append(UInt8(truncatingIfNeeded: count >> (8 * index))) }
    }
}
