/// Why a text cannot be a name in a certificate. Offsets count UTF-8 octets from the start of the text.
package enum NameError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(limit: Int)
    /// A control, bidirectional or zero-width character, which can make a name look like another one.
    case unsafeCharacter(offset: Int, scalar: UInt32)
    case notASCII(offset: Int)
    case forbiddenCharacter(offset: Int)
    case emptyLabel(offset: Int)
    case labelTooLong(offset: Int)
    case hyphenAtLabelEdge(offset: Int)
    case misplacedWildcard
    case numericTopLabel
    case malformedAddress
    case malformedEmail(String)
    case malformedURI(String)
    case malformedPrincipal(String)
    case malformedAttribute(String)

    package var description: String {
        switch self {
        case .empty: "name is empty"
        case .tooLong(let limit): "name is longer than \(limit) octets"
        case .unsafeCharacter(let offset, let scalar):
            "name has the invisible or control character U+\(String(scalar, radix: 16, uppercase: true)) at octet \(offset)"
        case .notASCII(let offset):
            "name has a non-ASCII character at octet \(offset); write internationalised labels in their xn-- form"
        case .forbiddenCharacter(let offset): "name has a character at octet \(offset) that is not allowed there"
        case .emptyLabel(let offset): "name has an empty label at octet \(offset)"
        case .labelTooLong(let offset): "label at octet \(offset) is longer than 63 characters"
        case .hyphenAtLabelEdge(let offset): "label at octet \(offset) starts or ends with a hyphen"
        case .misplacedWildcard: "a wildcard must be the complete left-most label, as in *.example.com"
        case .numericTopLabel: "the last label of a host name must not be a number"
        case .malformedAddress: "not an IPv4 or IPv6 address"
        case .malformedEmail(let reason): "not an e-mail address: \(reason)"
        case .malformedURI(let reason): "not an absolute URI: \(reason)"
        case .malformedPrincipal(let reason): "not a user principal name: \(reason)"
        case .malformedAttribute(let reason): reason
        }
    }

    /// Stable snake_case code for API clients.
    package var code: String {
        switch self {
        case .empty: "required"
        case .tooLong, .labelTooLong: "too_long"
        case .unsafeCharacter: "unsafe_character"
        case .notASCII: "not_ascii"
        case .misplacedWildcard: "invalid_wildcard"
        case .forbiddenCharacter, .emptyLabel, .hyphenAtLabelEdge, .numericTopLabel: "invalid_hostname"
        case .malformedAddress: "invalid_ip"
        case .malformedEmail: "invalid_email"
        case .malformedURI: "invalid_uri"
        case .malformedPrincipal: "invalid_upn"
        case .malformedAttribute: "invalid_attribute"
        }
    }
}

/// Characters that must not occur in any name (issuers §2.8).
package enum UnicodeSafety {
    /// Throws at the first control, bidirectional or zero-width character.
    package static func check(_ text: String) throws(NameError) {
        var offset = 0
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar.value) { throw .unsafeCharacter(offset: offset, scalar: scalar.value) }
            offset += scalar.utf8.count
        }
    }

    /// Throws at the first unsafe character, else at the first one outside printable ASCII.
    static func checkASCII(_ text: String) throws(NameError) {
        guard let offset = text.utf8.enumerated().first(where: { $0.element < 0x20 || $0.element > 0x7E })?.offset
        else { return }
        try check(text)
        throw .notASCII(offset: offset)
    }

    private static func isUnsafe(_ value: UInt32) -> Bool {
        switch value {
        case 0x00...0x1F, 0x7F...0x9F, 0x200B...0x200F, 0x202A...0x202E, 0x2060, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
