package import Domain
import Encoding

/// The serial number of a certificate (RFC 5280 §4.1.2.2).
///
/// Positive and at most 20 octets *as encoded*: a magnitude whose top bit is set costs one more octet in DER,
/// so 20 such octets are refused.
package struct SerialNumber: Hashable, Sendable, CustomStringConvertible {
    /// Big-endian, no leading zero octet, never empty.
    package let magnitude: [UInt8]

    package init(_ octets: some Sequence<UInt8>) throws(SerialNumberError) {
        let magnitude = Array(octets.drop { $0 == 0 })
        guard let first = magnitude.first else { throw .notPositive }
        let encodedLength = magnitude.count + (first >= 0x80 ? 1 : 0)
        guard encodedLength <= 20 else { throw .tooLong(octets: encodedLength) }
        self.magnitude = magnitude
    }

    /// Hexadecimal of either case; `0x`, colons, spaces and leading zeros are taken away.
    package init(hex text: some StringProtocol) throws(SerialNumberError) {
        var digits = Array(text.utf8)
        if digits.starts(with: Array("0x".utf8)) || digits.starts(with: Array("0X".utf8)) { digits.removeFirst(2) }
        digits.removeAll { $0 == 0x3A || $0 == 0x20 }
        guard digits.count <= 128 else { throw .tooLong(octets: digits.count / 2) }
        if !digits.count.isMultiple(of: 2) { digits.insert(0x30, at: 0) }
        guard !digits.isEmpty, let octets = Hex.decode(String(decoding: digits, as: UTF8.self)) else {
            throw .notHexadecimal
        }
        try self.init(octets)
    }

    /// 159 random bits in 20 octets; drawn again in the case, never yet seen, that all are zero.
    package static func random(_ random: RandomSource) -> SerialNumber {
        while true {
            var octets = random.bytes(20)
            octets[0] &= 0x7F
            let magnitude = Array(octets.drop { $0 == 0 })
            if !magnitude.isEmpty { return SerialNumber(unchecked: magnitude) }
        }
    }

    private init(unchecked magnitude: [UInt8]) { self.magnitude = magnitude }

    /// Lower-case hexadecimal without leading zeros: the one spelling in database, API and audit.
    package var hex: String {
        let text = Hex.encode(magnitude)
        return text.first == "0" ? String(text.dropFirst()) : text
    }

    package var description: String { hex }
}

/// Why a number cannot be the serial of a certificate.
package enum SerialNumberError: Error, Hashable, Sendable, CustomStringConvertible {
    case notPositive
    case tooLong(octets: Int)
    case notHexadecimal

    package var description: String {
        switch self {
        case .notPositive: "serial number must be positive"
        case .tooLong(let octets): "serial number takes \(octets) octets; RFC 5280 allows 20"
        case .notHexadecimal: "serial number must be hexadecimal"
        }
    }
}
