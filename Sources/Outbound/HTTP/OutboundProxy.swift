/// The proxy that the environment names for a host (`HTTPS_PROXY`, `NO_PROXY`).
package struct OutboundProxy: Hashable, Sendable {
    package let host: String
    package let port: Int

    /// `nil` when the environment names none or exempts `url`.
    /// - Throws: ``OutboundProxyError`` when the value is no `http://host:port`.
    package init?(environment: [String: String], for url: HTTPSURL) throws(OutboundProxyError) {
        let value = environment["HTTPS_PROXY"] ?? environment["https_proxy"] ?? ""
        guard !value.isEmpty else { return nil }
        let exempt = environment["NO_PROXY"] ?? environment["no_proxy"] ?? ""
        for entry in exempt.split(separator: ",") where Self.exempts(entry, host: url.host) { return nil }
        let address = value.hasPrefix("http://") ? String(value.dropFirst(7)) : value
        guard !address.contains("@"), let parsed = try? HTTPSURL("https://\(address)"), parsed.basePath.isEmpty else {
            throw OutboundProxyError()
        }
        host = parsed.host
        port = address.hasSuffix(":\(parsed.port)") || address.hasSuffix(":\(parsed.port)/") ? parsed.port : 8080
    }

    private static func exempts(_ raw: Substring, host: String) -> Bool {
        var entry = raw.drop { $0 == " " }
        while entry.last == " " { entry.removeLast() }
        let name = entry.lowercased()
        if name == "*" { return true }
        let suffix = name.hasPrefix(".") ? name : "." + name
        return !name.isEmpty && (host == name || host.hasSuffix(suffix))
    }
}

/// `HTTPS_PROXY` cannot be used.
package struct OutboundProxyError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String { "HTTPS_PROXY must have the form http://host:port, without credentials" }
}
