import Crypto
import Encoding

/// A SHA-256 value.
package struct LogHash: Hashable, Sendable, CustomStringConvertible {
    package static let length = 32

    package let octets: [UInt8]

    /// `nil` unless there are 32 octets.
    package init?(octets: [UInt8]) {
        guard octets.count == Self.length else { return nil }
        self.octets = octets
    }

    package init?(hex: String) {
        guard let octets = Hex.decode(hex) else { return nil }
        self.init(octets: octets)
    }

    /// The hash of `octets`.
    package init(of octets: [UInt8]) { self.octets = Array(SHA256.hash(data: octets)) }

    package var hex: String { Hex.encode(octets) }
    package var description: String { hex }

    /// RFC 9162 §2.1.1: what stands for a leaf.
    package static func leaf(_ octets: [UInt8]) -> LogHash { LogHash(of: [0x00] + octets) }

    /// RFC 9162 §2.1.1: what stands for two subtrees.
    package static func node(_ left: LogHash, _ right: LogHash) -> LogHash {
        LogHash(of: [0x01] + left.octets + right.octets)
    }

    /// The root of a log without leaves.
    package static let empty = LogHash(of: [])
}
