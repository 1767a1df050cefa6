/// An IPv4 or IPv6 network, or a single address.
package struct AddressRange: Sendable, Hashable {
    private let network: [UInt8]
    private let prefixLength: Int

    /// `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let first = parts.first, let network = Self.octets(String(first)) else { return nil }
        let bits = network.count * 8
        guard let length = parts.count == 2 ? Int(parts[1]) : bits, (0...bits).contains(length) else { return nil }
        self.network = network
        prefixLength = length
    }

    package func contains(_ address: String) -> Bool {
        Self.octets(address).map(contains(octets:)) ?? false
    }

    package func contains(octets: [UInt8]) -> Bool {
        guard octets.count == network.count else { return false }
        for bit in 0..<prefixLength {
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            if octets[bit / 8] & mask != network[bit / 8] & mask { return false }
        }
        return true
    }

    /// Four or sixteen octets; IPv4-mapped IPv6 becomes IPv4, zone identifiers are dropped.
    package static func octets(_ text: String) -> [UInt8]? {
        guard text.contains(":") else { return ipv4(text[...]) }
        let bare = text.prefix { $0 != "%" }
        guard let octets = ipv6(bare) else { return nil }
        let isMapped = octets.prefix(10).allSatisfy { $0 == 0 } && octets[10] == 0xFF && octets[11] == 0xFF
        return isMapped ? Array(octets[12...]) : octets
    }

    private static func isHexadecimal(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x46).contains(octet) || (0x61...0x66).contains(octet)
    }

    /// One spelling for each peer: IPv4-mapped IPv6 as IPv4, without a zone. What is no address stays as it is.
    package static func canonical(_ text: String) -> String {
        guard text.contains(":"), let octets = octets(text) else { return text }
        return octets.count == 4 ? octets.map(String.init).joined(separator: ".") : String(text.prefix { $0 != "%" })
    }

    private static func ipv4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        // No leading zeros: others read them as octal.
        let octets = parts.compactMap { part in
            part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part.count == 1 || part.first != "0")
                ? UInt8(part) : nil
        }
        return octets.count == 4 ? octets : nil
    }

    private static func ipv6(_ text: Substring) -> [UInt8]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, let head = groups(halves[0]) else { return nil }
        guard halves.count == 2 else { return head.count == 16 ? head : nil }
        guard let tail = groups(halves[1]), head.count + tail.count <= 14 else { return nil }
        return head + Array(repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var octets: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(".") {
                guard let last = ipv4(part) else { return nil }
                octets += last
            } else {
                guard part.utf8.count <= 4, part.utf8.allSatisfy(isHexadecimal), let group = UInt16(part, radix: 16)
                else {
                    return nil
                }
                octets += [UInt8(group >> 8), UInt8(group & 0xFF)]
            }
        }
        return octets
    }
}
