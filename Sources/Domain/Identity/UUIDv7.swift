/// Time-ordered identifiers (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits.
package enum UUIDv7 {
    /// The 36-character lower-case text form.
    package static func text(at now: Timestamp, random: RandomSource) -> String {
        let milliseconds = UInt64(max(0, now.microsecondsSinceEpoch / 1000))
        var octets = random.bytes(16)
        for index in 0..<6 {
            octets[index] = UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * index))
        }
        octets[6] = 0x70 | (octets[6] & 0x0F)
        octets[8] = 0x80 | (octets[8] & 0x3F)
        return format(octets)
    }

    private static func format(_ octets: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, octet) in octets.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(0x2D) }
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 0x0F)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
