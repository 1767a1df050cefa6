/// A mailbox for an rfc822Name (RFC 5280 §4.2.1.6): dot-atom local part, ASCII host in lower case.
package struct EmailAddress: Hashable, Sendable, CustomStringConvertible {
    /// Case is kept: RFC 5280 §7.5 compares local parts exactly.
    package let localPart: String
    package let domain: DNSName

    package init(_ text: String) throws(NameError) {
        guard text.utf8.count <= 254 else { throw .tooLong(limit: 254) }
        try UnicodeSafety.checkASCII(text)
        guard let at = text.lastIndex(of: "@") else { throw .malformedEmail("no @") }
        let local = text[..<at]
        guard (1...64).contains(local.utf8.count) else {
            throw .malformedEmail("local part must have 1 to 64 characters")
        }
        guard local.utf8.allSatisfy(Self.isAtomText), local.utf8.first != 0x2E, local.utf8.last != 0x2E,
            !local.contains("..")
        else { throw .malformedEmail("local part must be a dot-atom") }
        let domain = try DNSName(String(text[text.index(after: at)...]))
        guard !domain.isWildcard else { throw .malformedEmail("host must not be a wildcard") }
        localPart = String(local)
        self.domain = domain
    }

    package var description: String { "\(localPart)@\(domain)" }

    /// RFC 5322 §3.2.3, with the dot.
    private static func isAtomText(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D...0x2F, 0x3D, 0x3F, 0x5E...0x60, 0x7B...0x7E: true
        default: false
        }
    }
}
