/// An absolute URI for a uniformResourceIdentifier (RFC 5280 §4.2.1.6, RFC 3986).
package struct URIName: Hashable, Sendable, CustomStringConvertible {
    package static let maximumLength = 2048

    /// Scheme and host in lower case, the rest as given.
    package let text: String
    package let scheme: String
    /// Host of the authority without brackets; `nil` when there is no authority.
    package let host: String?

    package init(_ text: String) throws(NameError) {
        guard text.utf8.count <= Self.maximumLength else { throw .tooLong(limit: Self.maximumLength) }
        try UnicodeSafety.checkASCII(text)
        guard let colon = text.firstIndex(of: ":"), Self.isScheme(text[..<colon]) else {
            throw .malformedURI("it must start with a scheme and a colon")
        }
        try Self.checkCharacters(text)
        scheme = text[..<colon].lowercased()
        let rest = text[text.index(after: colon)...]
        guard !rest.isEmpty else { throw .malformedURI("nothing follows the scheme") }
        guard rest.hasPrefix("//") else {
            host = nil
            self.text = "\(scheme):\(rest)"
            return
        }
        let afterSlashes = rest.dropFirst(2)
        let authority = afterSlashes.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let parts = try Self.split(authority)
        host = parts.host
        self.text = "\(scheme)://\(parts.userInfo)\(parts.hostText)\(parts.port)\(afterSlashes[authority.endIndex...])"
    }

    package var description: String { text }

    /// Whether `text` reads as a URI rather than as a host with a port.
    static func looksLikeURI(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), isScheme(text[..<colon]) else { return false }
        if text[text.index(after: colon)...].hasPrefix("//") { return true }
        return ["urn", "mailto", "tag", "sip", "sips", "did", "info"].contains(text[..<colon].lowercased())
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first | 0x20) else { return false }
        return text.utf8.allSatisfy {
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
        }
    }

    /// Unreserved, reserved and well-formed percent-encoded characters.
    private static func checkCharacters(_ text: String) throws(NameError) {
        let octets = Array(text.utf8)
        for (index, octet) in octets.enumerated() {
            switch octet {
            case 0x25:
                guard index + 2 < octets.count, isHex(octets[index + 1]), isHex(octets[index + 2]) else {
                    throw .malformedURI("incomplete percent-encoding")
                }
            case 0x20, 0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B, 0x7C, 0x7D: throw .forbiddenCharacter(offset: index)
            default: continue
            }
        }
    }

    private static func isHex(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x66).contains(octet | 0x20)
    }

    private struct Authority {
        var userInfo = ""
        var host = ""
        var hostText = ""
        var port = ""
    }

    private static func split(_ authority: Substring) throws(NameError) -> Authority {
        var parts = Authority()
        var rest = authority
        if let at = rest.lastIndex(of: "@") {
            parts.userInfo = String(rest[...at])
            rest = rest[rest.index(after: at)...]
        }
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else { throw .malformedURI("bracket is not closed") }
            let address = try IPAddress(String(rest[rest.index(after: rest.startIndex)..<close]))
            guard address.isIPv6 else { throw .malformedURI("brackets hold an IPv6 address only") }
            parts.host = address.description
            parts.hostText = "[\(address)]"
            rest = rest[rest.index(after: close)...]
        } else {
            let host = rest.prefix { $0 != ":" }
            parts.host = try hostText(String(host))
            parts.hostText = parts.host
            rest = rest[host.endIndex...]
        }
        guard rest.isEmpty || (rest.first == ":" && rest.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) })
        else { throw .malformedURI("port must be a number") }
        parts.port = String(rest)
        return parts
    }

    private static func hostText(_ text: String) throws(NameError) -> String {
        guard !text.isEmpty else { throw .malformedURI("host is empty") }
        if let address = try? IPAddress(text) { return address.description }
        let name = try DNSName(text)
        guard !name.isWildcard else { throw .malformedURI("host must not be a wildcard") }
        return name.text
    }
}
