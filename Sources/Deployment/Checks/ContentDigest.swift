import Crypto
import Encoding

/// SHA-256 in lower-case hexadecimal: how contents, paths and certificates are compared.
package enum ContentDigest {
    package static func of(_ octets: [UInt8]) -> String { Hex.encode(SHA256.hash(data: octets)) }
    package static func of(_ text: String) -> String { of(Array(text.utf8)) }
}
