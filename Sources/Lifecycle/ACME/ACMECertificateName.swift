import Encoding

/// How ACME clients name a certificate: its authority key identifier and its serial number (RFC 9773 §4.1).
package struct ACMECertificateName: Hashable, Sendable {
    /// The key identifier of the authority.
    package let authorityKeyIdentifier: [UInt8]
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String
    /// As it was written, which is the only spelling that is accepted.
    package let text: String

    /// `nil` for anything but two base64url texts without padding around a dot, the second of a positive number as DER has
    /// it: with a zero in front where the next bit is set, and only there.
    package init?(_ text: String) {
        guard text.utf8.count <= 256 else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let key = Base64URL.decode(parts[0]), let serial = Base64URL.decode(parts[1]),
            !key.isEmpty, (1...20).contains(serial.count), serial[0] < 0x80,
            serial.count == 1 || serial[0] != 0 || serial[1] >= 0x80,
            Base64URL.encode(key) == parts[0], Base64URL.encode(serial) == parts[1]
        else { return nil }
        let digits = Hex.encode(serial).drop { $0 == "0" }
        guard !digits.isEmpty else { return nil }
        authorityKeyIdentifier = key
        serialNumber = String(digits)
        self.text = text
    }
}
