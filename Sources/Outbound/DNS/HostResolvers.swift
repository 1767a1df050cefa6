import Domain

/// The name servers that a host is configured with (resolv.conf(5)).
package enum HostResolvers {
    /// What the C library uses at most, too.
    private static let most = 3

    /// Without any, the one of the host itself.
    package static func servers(in text: String) -> [DNSServer] {
        var servers: [DNSServer] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver", AddressRange.octets(String(words[1])) != nil else {
                continue
            }
            servers.append(DNSServer(address: String(words[1])))
        }
        return servers.isEmpty ? [DNSServer(address: "127.0.0.1")] : Array(servers.prefix(most))
    }
}
