/// The base URL of a control plane: always https, without credentials, query or fragment.
package struct ServerURL: Hashable, Sendable, CustomStringConvertible {
    /// As written, without a trailing slash.
    package let text: String
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let port: Int

    /// `nil` unless `text` has the form `https://host[:port][/path]`.
    package init?(_ text: String) {
        guard text.lowercased().hasPrefix("https://"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        let rest = text.dropFirst(8)
        guard !rest.contains(where: { "?#@\\\"<>".contains($0) }) else { return nil }
        let authority = rest.prefix { $0 != "/" }
        guard let (host, port) = Self.split(authority) else { return nil }
        self.host = host
        self.port = port
        var trimmed = text[...]
        while trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
        self.text = String(trimmed)
    }

    /// As browsers write it (RFC 6454 §6.2).
    package var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host.lowercased()
        return port == 443 ? "https://\(name)" : "https://\(name):\(port)"
    }

    private static func split(_ authority: Substring) -> (host: String, port: Int)? {
        let host: Substring
        let tail: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            tail = authority[authority.index(after: end)...]
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
        } else {
            host = authority.prefix { $0 != ":" }
            tail = authority.dropFirst(host.count)
            guard host.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_" }) else {
                return nil
            }
        }
        guard !host.isEmpty else { return nil }
        if tail.isEmpty { return (String(host), 443) }
        guard tail.hasPrefix(":"), let port = Int(tail.dropFirst()), (1...65_535).contains(port) else { return nil }
        return (String(host), port)
    }

    /// Whether the host is this machine.
    package var isLoopback: Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host == "::1" || host.hasPrefix("127.")
    }

    package var description: String { text }
}

extension ValueGrammar where Value == ServerURL {
    package static let serverURL = Self(
        kind: "url",
        expectation: "an https:// URL with a host (plaintext and other schemes are refused)",
        text: { ServerURL($0) },
        render: { $0.text }
    )
}
