/// The base URL of a server that is spoken to over TLS only (specification, targets §1.2).
package struct HTTPSURL: Hashable, Sendable, CustomStringConvertible {
    /// Lower case; an IPv6 address stands without brackets.
    package let host: String
    package let port: Int
    /// Empty, or a path that begins with `/` and does not end with one.
    package let basePath: String

    package init(_ text: String) throws(HTTPSURLError) {
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .malformed("it holds white space or non-ASCII characters")
        }
        guard let separator = text.firstRange(of: "://") else { throw .noScheme }
        let scheme = text[..<separator.lowerBound].lowercased()
        if scheme == "http" { throw .plainHTTP }
        guard scheme == "https" else { throw .otherScheme(scheme) }
        let rest = text[separator.upperBound...]
        guard !rest.contains("?"), !rest.contains("#") else { throw .malformed("it has a query or a fragment") }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        (host, port) = try Self.parseAuthority(rest[..<slash])
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        guard !path.split(separator: "/").contains(where: { $0 == ".." || $0 == "." }) else {
            throw .malformed("its path has . or .. components")
        }
        basePath = path
    }

    private static func parseAuthority(_ authority: Substring) throws(HTTPSURLError) -> (String, Int) {
        guard !authority.contains("@") else { throw .userInformation }
        let host: Substring
        let rest: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else {
                throw .malformed("the bracket around the IPv6 address is not closed")
            }
            host = authority[authority.index(after: authority.startIndex)..<end]
            rest = authority[authority.index(after: end)...]
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
                throw .malformed("the text in brackets is not an IPv6 address")
            }
        } else {
            let colon = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<colon]
            rest = authority[colon...]
            guard host.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." || $0 == "_" }) else {
                throw .malformed("the host name has forbidden characters")
            }
        }
        guard !host.isEmpty else { throw .noHost }
        if rest.isEmpty { return (host.lowercased(), 443) }
        guard rest.hasPrefix(":"), let port = Int(rest.dropFirst()), (1...65535).contains(port) else {
            throw .malformed("the port is not a number from 1 to 65535")
        }
        return (host.lowercased(), port)
    }

    /// `host` or `host:port`, as a URL or an endpoint shows it.
    package var authority: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return port == 443 ? shown : "\(shown):\(port)"
    }

    /// The absolute URL of `path`, which begins with `/` and may carry a query.
    package func text(of path: String) -> String { "https://\(authority)\(basePath)\(path)" }

    package var description: String { "https://\(authority)\(basePath)" }
}

/// Why a text is no base URL of a control plane.
package enum HTTPSURLError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case noScheme
    case plainHTTP
    case otherScheme(String)
    case userInformation
    case noHost
    case malformed(String)

    package var description: String {
        switch self {
        case .empty: "the URL is empty; write https://host:port"
        case .noScheme: "the URL has no scheme; write https:// before the host"
        case .plainHTTP: "http:// would send the credential in the clear; only https:// is accepted"
        case .otherScheme(let scheme): "the scheme \(scheme) is not supported; only https:// is accepted"
        case .userInformation: "the URL holds user information before an @; pass the credential separately"
        case .noHost: "the URL names no host"
        case .malformed(let why): "the URL cannot be used: \(why)"
        }
    }
}
