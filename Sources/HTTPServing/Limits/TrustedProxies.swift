package import Domain

/// Networks whose `X-Forwarded-For` is believed (specification, security §11.6).
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]

    package init(ranges: [AddressRange]) { self.ranges = ranges }

    /// The client behind trusted proxies: the right-most hop that is not one of them.
    package func client(peer: String, forwardedFor: String?) -> String {
        guard let forwardedFor, !ranges.isEmpty, isTrusted(peer) else { return peer }
        var client = peer
        for hop in forwardedFor.split(separator: ",").reversed() {
            let address = String(hop.drop { $0 == " " }.prefix { $0 != " " })
            guard AddressRange.octets(address) != nil else { return client }
            client = address
            if !isTrusted(address) { break }
        }
        return client
    }

    package func isTrusted(_ address: String) -> Bool { ranges.contains { $0.contains(address) } }
}
