/// An address of the web that a server may redirect to: `http` or `https`, a host, a port, a path (RFC 3986).
package struct WebLocation: Hashable, Sendable, CustomStringConvertible {
    /// Longest that is read.
    static let longest = 2048

    package let isEncrypted: Bool
    /// Lower case; an IPv6 address without brackets.
    package let host: String
    package let port: Int
    /// Path and query; begins with `/`.
    package let path: String

    /// - `path`: Begins with `/`.
    package init(host: String, port: Int, path: String) {
        isEncrypted = false
        self.host = host
        self.port = port
        self.path = path
    }

    /// Where `Location` leads from `base` (RFC 3986 §5.2); `nil` for what is not followed: another scheme, user
    /// information, characters that have no place in an address.
    package init?(_ reference: String, from base: WebLocation) {
        guard (1...Self.longest).contains(reference.utf8.count),
            reference.utf8.allSatisfy({
                (0x21...0x7E).contains($0) && ![0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60].contains($0)
            })
        else { return nil }
        let text = reference.prefix { $0 != "#" }
        let lower = text.lowercased()
        let rest: Substring
        if lower.hasPrefix("http://") {
            isEncrypted = false
            rest = text.dropFirst(7)
        } else if lower.hasPrefix("https://") {
            isEncrypted = true
            rest = text.dropFirst(8)
        } else if text.hasPrefix("//") {
            isEncrypted = base.isEncrypted
            rest = text.dropFirst(2)
        } else {
            // A colon before any slash would be another scheme.
            guard !text.prefix(while: { $0 != "/" && $0 != "?" }).contains(":") else { return nil }
            isEncrypted = base.isEncrypted
            host = base.host
            port = base.port
            path = Self.path(text, from: base.path)
            return
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let (host, port) = Self.authority(rest[..<end]) else { return nil }
        self.host = host
        self.port = port ?? (isEncrypted ? 443 : 80)
        let tail = rest[end...]
        path = tail.hasPrefix("/") ? String(tail) : "/" + tail
    }

    private static func path(_ reference: Substring, from base: String) -> String {
        if reference.hasPrefix("/") { return String(reference) }
        let bare = base.prefix { $0 != "?" }
        if reference.isEmpty { return base }
        if reference.hasPrefix("?") { return String(bare) + reference }
        let folder = bare[...(bare.lastIndex(of: "/") ?? bare.startIndex)]
        return String(folder) + reference
    }

    private static func authority(_ text: Substring) -> (host: String, port: Int?)? {
        guard !text.contains("@") else { return nil }
        var host = text
        var digits: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":"), host.contains(":"),
                host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." })
            else { return nil }
            digits = rest.isEmpty ? nil : rest.dropFirst()
        } else {
            if let colon = text.firstIndex(of: ":") {
                host = text[..<colon]
                digits = text[text.index(after: colon)...]
            }
            guard host.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." || $0 == "_" }) else {
                return nil
            }
        }
        guard !host.isEmpty else { return nil }
        guard let digits, !digits.isEmpty else { return (host.lowercased(), nil) }
        guard digits.count <= 5, digits.allSatisfy(\.isNumber), let port = Int(digits), (1...65535).contains(port)
        else {
            return nil
        }
        return (host.lowercased(), port)
    }

    /// `host` or `[v6]`, as `Host` and an address show it.
    package var shownHost: String { host.contains(":") ? "[\(host)]" : host }

    package var description: String { "\(isEncrypted ? "https" : "http")://\(shownHost):\(port)\(path)" }
}
