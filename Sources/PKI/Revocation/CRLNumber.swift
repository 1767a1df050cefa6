/// The number of a certificate revocation list (RFC 5280 §5.2.3): not negative, at most 20 octets.
package struct CRLNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Big-endian without leading zeros; empty for zero.
    let magnitude: [UInt8]

    package init(_ value: UInt64) {
        magnitude = Array((0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }.drop { $0 == 0 })
    }

    init(_ node: DERNode) throws(DERError) {
        let content = try node.integer("cRLNumber")
        guard let first = content.first, first < 0x80, content.count <= 20 else {
            throw DERError("cRLNumber is negative or longer than 20 octets")
        }
        magnitude = Array(content.drop { $0 == 0 })
    }

    /// `nil` beyond 62 bits, from where nobody can go on counting.
    package var integer: Int? {
        guard magnitude.count <= 8 else { return nil }
        let value = magnitude.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return value < 1 << 62 ? Int(value) : nil
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.magnitude.count == right.magnitude.count
            ? left.magnitude.lexicographicallyPrecedes(right.magnitude) : left.magnitude.count < right.magnitude.count
    }

    /// Decimal up to 64 bits, hexadecimal beyond.
    package var description: String {
        magnitude.count <= 8
            ? String(magnitude.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            : "0x" + magnitude.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    var der: [UInt8] { magnitude.isEmpty ? DERWriter.integer(0) : DERWriter.integer(magnitude: magnitude) }
}
