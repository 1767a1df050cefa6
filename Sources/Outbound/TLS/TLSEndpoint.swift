/// A place where TLS is spoken, and the name to ask for there.
package struct TLSEndpoint: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int
    /// Sent as SNI; `nil` sends the host unless that is an IP address.
    package let serverName: String?

    package init(host: String, port: Int, serverName: String? = nil) {
        self.host = host
        self.port = port
        self.serverName = serverName
    }

    /// Reads `host:port`; an IPv6 address stands in brackets.
    package init?(_ text: String, serverName: String? = nil) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port), text[text.index(after: colon)...].allSatisfy(\.isNumber)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._:".contains($0)) })
        else { return nil }
        self.init(host: host, port: port, serverName: serverName)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
