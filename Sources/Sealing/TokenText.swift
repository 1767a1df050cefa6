import Domain

/// Base-62 text with a CRC-32 at its end, so that typing errors and leaked tokens are recognised without a
/// database (security §2.2).
enum TokenText {
    static let secretLength = 43
    static let checksumLength = 6
    private static let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// `count` uniform digits: octets of 248 and more are drawn again.
    static func random(_ count: Int, _ random: RandomSource) -> [UInt8] {
        var text: [UInt8] = []
        while text.count < count {
            for octet in random.bytes(count - text.count + 8) where octet < 248 && text.count < count {
                text.append(digits[Int(octet) % 62])
            }
        }
        return text
    }

    static func appendingChecksum(_ text: [UInt8]) -> [UInt8] { text + checksum(text) }

    /// Whether the last six characters are the checksum of those before.
    static func hasValidChecksum(_ text: [UInt8]) -> Bool {
        guard text.count > checksumLength else { return false }
        return ConstantTime.equal(
            checksum(Array(text.dropLast(checksumLength))), Array(text.suffix(checksumLength)))
    }

    static func isBase62(_ text: some Sequence<UInt8>) -> Bool {
        text.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        }
    }

    private static func checksum(_ text: [UInt8]) -> [UInt8] {
        var value = crc32(text)
        var out = [UInt8](repeating: digits[0], count: checksumLength)
        for index in out.indices.reversed() {
            out[index] = digits[Int(value % 62)]
            value /= 62
        }
        return out
    }

    /// CRC-32 of ISO-HDLC (as in zip and PNG).
    static func crc32(_ octets: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for octet in octets {
            crc ^= UInt32(octet)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }
}
