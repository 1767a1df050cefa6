/// Where syslog messages go: `tls://host[:6514]`, or `tcp://host[:601]` to a relay on the same machine.
package struct SyslogLocation: Hashable, Sendable {
    package let host: String
    package let port: Int
    package let isEncrypted: Bool

    /// `nil` unless `text` has one of the two forms; in the clear only to a loopback address.
    package init?(_ text: String) {
        let defaultPort: Int
        let rest: Substring
        if text.hasPrefix("tls://") {
            (isEncrypted, defaultPort, rest) = (true, 6514, text.dropFirst(6))
        } else if text.hasPrefix("tcp://") {
            (isEncrypted, defaultPort, rest) = (false, 601, text.dropFirst(6))
        } else {
            return nil
        }
        // The grammar of host and port is that of a server's URL.
        guard !rest.contains("/"), let url = ServerURL("https://\(rest)") else { return nil }
        host = url.host
        port = rest.hasSuffix(":\(url.port)") ? url.port : defaultPort
        guard isEncrypted || AddressForm.isLoopback(host) else { return nil }
    }

    package var text: String {
        let authority = host.contains(":") ? "[\(host)]" : host
        return "\(isEncrypted ? "tls" : "tcp")://\(authority):\(port)"
    }
}

extension ValueGrammar where Value == SyslogLocation {
    package static let syslogLocation = Self(
        kind: "url",
        expectation: "tls://host:port, or tcp://host:port for a loopback address",
        text: { SyslogLocation($0) },
        render: { $0.text }
    )
}
