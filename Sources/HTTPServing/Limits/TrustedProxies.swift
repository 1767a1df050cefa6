package import Domain

/// Networks whose `X-Forwarded-For` is believed (specification, security §11.6).
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]

    package init(ranges: [AddressRange]) { self.ranges = ranges }

    /// The client behind trusted proxies: the right-most hop that is not one of them, in one spelling.
    ///
    /// Only `X-Forwarded-For` counts: a proxy that writes it passes on whatever `Forwarded` a client made up.
    package func client(peer: String, forwardedFor: String?) -> String {
        var client = AddressRange.canonical(peer)
        guard let forwardedFor, !ranges.isEmpty, isTrusted(peer) else { return client }
        for hop in forwardedFor.split(separator: ",").suffix(Self.mostHops).reversed() {
            let address = String(hop.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
            guard AddressRange.octets(address) != nil else { return client }
            client = AddressRange.canonical(address)
            if !isTrusted(address) { break }
        }
        return client
    }

    private static let mostHops = 64

    package func isTrusted(_ address: String) -> Bool { ranges.contains { $0.contains(address) } }
}
