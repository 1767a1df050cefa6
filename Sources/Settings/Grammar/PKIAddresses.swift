/// A place to listen at: `host:port`, `[::]:port`, or `:port` for every address.
package struct ListenAddress: Hashable, Sendable {
    package let host: String
    package let port: Int

    package init?(_ text: String) {
        if text.hasPrefix(":") {
            guard let port = Int(text.dropFirst()), (1...65_535).contains(port) else { return nil }
            (host, self.port) = ("::", port)
            return
        }
        // The grammar of host and port is that of a server's URL, whose port may be left out.
        guard !text.contains("/"), let url = ServerURL("https://\(text)"), text.hasSuffix(":\(url.port)") else {
            return nil
        }
        guard AddressForm.isHostName(url.host) else { return nil }
        host = url.host
        port = url.port
    }

    package var text: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ValueGrammar where Value == ListenAddress {
    package static let listenAddress = Self(
        kind: "address",
        expectation: "HOST:PORT, or :PORT for every address of the machine",
        text: { ListenAddress($0) },
        render: { $0.text }
    )
}

/// The origin of the addresses that certificates name: `http://` because relying parties do not fetch revocation over
/// HTTPS, `https://` when the operator insists.
package struct RelyingPartyURL: Hashable, Sendable {
    /// Without a trailing slash.
    package let text: String

    package init?(_ text: String) {
        let isPlain = text.lowercased().hasPrefix("http://")
        // The rest has the grammar of a server's URL.
        guard let url = ServerURL(isPlain ? "https://\(text.dropFirst(7))" : text) else { return nil }
        self.text = isPlain ? "http://\(url.text.dropFirst(8))" : url.text
    }
}

extension ValueGrammar where Value == RelyingPartyURL {
    package static let relyingPartyURL = Self(
        kind: "url",
        expectation: "an http:// or https:// URL with a host, without query or fragment",
        text: { RelyingPartyURL($0) },
        render: { $0.text }
    )
}
