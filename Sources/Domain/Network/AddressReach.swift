/// Where an address leads, from harmless to never (specification, security §13; RFC 6890).
package enum AddressReach: Int, Sendable, Comparable, CaseIterable {
    /// The Internet.
    case global
    /// RFC 1918, RFC 6598 and unique local addresses.
    case `private`
    /// This host.
    case local
    /// Link-local, documentation, benchmarks, protocols of their own, and what is not assigned.
    case reserved
    /// Nobody's address, everybody's address, and the metadata services of clouds: no setting allows them.
    case forbidden

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// In the words of an error message.
    package var words: String {
        switch self {
        case .global: "a public address"
        case .private: "a private address"
        case .local: "a loopback address"
        case .reserved: "a reserved address"
        case .forbidden: "an address that is never connected to"
        }
    }

    /// - Parameter octets: Four or sixteen.
    package init(of octets: [UInt8]) {
        switch octets.count {
        case 4: self = Self.v4(octets)
        case 16: self = Self.v6(octets)
        default: self = .forbidden
        }
    }

    // MARK: IPv4

    private static func v4(_ octets: [UInt8]) -> AddressReach {
        if metadata4.contains(octets) { return .forbidden }
        return first(of: ranges4, containing: octets) ?? .global
    }

    private static let metadata4: [[UInt8]] = [
        [169, 254, 169, 254], [169, 254, 170, 2], [169, 254, 169, 253], [169, 254, 169, 123], [100, 100, 100, 200],
        [168, 63, 129, 16], [192, 0, 0, 192],
    ]

    private static let ranges4 = table([
        ("0.0.0.0/8", .forbidden), ("10.0.0.0/8", .private), ("100.64.0.0/10", .private), ("127.0.0.0/8", .local),
        ("169.254.0.0/16", .reserved), ("172.16.0.0/12", .private), ("192.0.0.0/24", .reserved),
        ("192.0.2.0/24", .reserved), ("192.88.99.0/24", .reserved), ("192.168.0.0/16", .private),
        ("198.18.0.0/15", .reserved), ("198.51.100.0/24", .reserved), ("203.0.113.0/24", .reserved),
        ("224.0.0.0/4", .forbidden), ("255.255.255.255/32", .forbidden), ("240.0.0.0/4", .reserved),
    ])

    // MARK: IPv6

    private static func v6(_ octets: [UInt8]) -> AddressReach {
        let own = octets == metadata6 ? .forbidden : first(of: ranges6, containing: octets) ?? .reserved
        return embedded(in: octets).map { max(own, v4($0)) }.max() ?? own
    }

    private static let metadata6: [UInt8] = [0xFD, 0, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54]

    /// The first that matches counts.
    private static let ranges6 = table([
        ("::/128", .forbidden), ("::1/128", .local), ("64:ff9b::/96", .global), ("2001::/32", .global),
        ("2001::/23", .reserved), ("2001:db8::/32", .reserved), ("2002::/16", .global), ("3fff::/20", .reserved),
        ("2000::/3", .global), ("fc00::/7", .private), ("ff00::/8", .forbidden),
    ])

    /// IPv4 addresses to which a gateway, a tunnel or the host itself would forward what is sent to an IPv6 address.
    private static func embedded(in octets: [UInt8]) -> [[UInt8]] {
        var found: [[UInt8]] = []
        let tail = Array(octets[12...])
        let head = Array(octets[..<12])
        // IPv4-compatible (deprecated), IPv4-mapped, IPv4-translated (RFC 2765) and NAT64 (RFC 6052, RFC 8215).
        let isTail =
            (head.allSatisfy { $0 == 0 } && octets[12...] != [0, 0, 0, 0] && octets[12...] != [0, 0, 0, 1])
            || head == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] || head == [0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]
            || head == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]
            || Array(octets[..<6]) == [0, 0x64, 0xFF, 0x9B, 0, 1]
        if isTail { found.append(tail) }
        // 6to4 (RFC 3056).
        if octets[0] == 0x20, octets[1] == 0x02 { found.append(Array(octets[2..<6])) }
        // Teredo (RFC 4380): the server, and the client in complement.
        if Array(octets[..<4]) == [0x20, 0x01, 0, 0] {
            found.append(Array(octets[4..<8]))
            found.append(tail.map { ~$0 })
        }
        // ISATAP (RFC 5214).
        if [[0, 0, 0x5E, 0xFE], [2, 0, 0x5E, 0xFE]].contains(Array(octets[8..<12])) { found.append(tail) }
        return found
    }

    // MARK: Tables

    private static func table(_ rows: [(String, AddressReach)]) -> [(range: AddressRange, reach: AddressReach)] {
        rows.compactMap { text, reach in AddressRange(text).map { ($0, reach) } }
    }

    private static func first(
        of rows: [(range: AddressRange, reach: AddressReach)], containing octets: [UInt8]
    ) -> AddressReach? {
        rows.first { $0.range.contains(octets: octets) }?.reach
    }
}
