/// Base64 with padding, RFC 4648 §4. Decoding is strict: no white space, canonical padding bits.
package enum Base64 {
    private static let codec = Base64Codec(alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

    package static func encode(_ octets: [UInt8]) -> String {
        String(decoding: codec.encode(octets, padded: true), as: UTF8.self)
    }

    /// The octets, or `nil` when `text` is not the one encoding of them.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        codec.decode(Array(text.utf8), padded: true)
    }

    /// Same as ``decode(_:)-(StringProtocol)`` for text that is already octets.
    package static func decode(_ text: [UInt8]) -> [UInt8]? { codec.decode(text, padded: true) }
}

/// Base64 for URLs and file names, RFC 4648 §5, without padding.
package enum Base64URL {
    private static let codec = Base64Codec(alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    package static func encode(_ octets: [UInt8]) -> String {
        String(decoding: codec.encode(octets, padded: false), as: UTF8.self)
    }

    /// The octets, or `nil` when `text` is not the one unpadded encoding of them.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        codec.decode(Array(text.utf8), padded: false)
    }
}

/// The arithmetic that both alphabets share.
struct Base64Codec: Sendable {
    private static let padding: UInt8 = 0x3D
    private let digits: [UInt8]
    /// Value of each octet, 0xFF outside the alphabet.
    private let values: [UInt8]

    init(alphabet: StaticString) {
        let digits = alphabet.withUTF8Buffer { Array($0) }
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        self.digits = digits
        self.values = values
    }

    func encode(_ octets: [UInt8], padded: Bool) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((octets.count + 2) / 3 * 4)
        var index = 0
        while index < octets.count {
            let present = min(3, octets.count - index)
            var group = UInt32(octets[index]) << 16
            if present > 1 { group |= UInt32(octets[index + 1]) << 8 }
            if present > 2 { group |= UInt32(octets[index + 2]) }
            for position in 0..<4 {
                if position <= present {
                    text.append(digits[Int(group >> UInt32(18 - 6 * position) & 0x3F)])
                } else if padded {
                    text.append(Self.padding)
                }
            }
            index += 3
        }
        return text
    }

    func decode(_ text: [UInt8], padded: Bool) -> [UInt8]? {
        var end = text.count
        if padded {
            guard text.count.isMultiple(of: 4) else { return nil }
            if end > 0, text[end - 1] == Self.padding { end -= 1 }
            if end > 0, end == text.count - 1, text[end - 1] == Self.padding { end -= 1 }
        }
        guard end % 4 != 1 else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(end / 4 * 3 + 2)
        var group: UInt32 = 0
        var digitCount = 0
        for digit in text[..<end] {
            let value = values[Int(digit)]
            guard value != 0xFF else { return nil }
            group = group << 6 | UInt32(value)
            digitCount += 1
            guard digitCount == 4 else { continue }
            octets.append(UInt8(truncatingIfNeeded: group >> 16))
            octets.append(UInt8(truncatingIfNeeded: group >> 8))
            octets.append(UInt8(truncatingIfNeeded: group))
            group = 0
            digitCount = 0
        }
        return finish(group, digitCount: digitCount, into: octets)
    }

    /// Appends the octets of an incomplete group; unused bits must be zero.
    private func finish(_ group: UInt32, digitCount: Int, into octets: [UInt8]) -> [UInt8]? {
        switch digitCount {
        case 0: return octets
        case 2:
            guard group & 0x0F == 0 else { return nil }
            return octets + [UInt8(truncatingIfNeeded: group >> 4)]
        case 3:
            guard group & 0x03 == 0 else { return nil }
            return octets + [UInt8(truncatingIfNeeded: group >> 10), UInt8(truncatingIfNeeded: group >> 2)]
        default: return nil
        }
    }
}
