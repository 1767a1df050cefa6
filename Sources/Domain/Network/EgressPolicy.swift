/// Entries of an allow-list: networks and addresses, and names with everything below them.
package struct EgressAllowance: Sendable, Hashable {
    package private(set) var ranges: [AddressRange] = []
    /// Lower case, without a leading or trailing dot.
    package private(set) var names: [String] = []

    package init(_ entries: [String] = []) {
        for entry in entries {
            if let range = AddressRange(entry) { ranges.append(range) } else { names.append(EgressPolicy.plain(entry)) }
        }
    }

    func covers(name: String) -> Bool {
        let name = EgressPolicy.plain(name)
        return names.contains { name == $0 || name.hasSuffix(".\($0)") }
    }
}

/// Why a connection is not made.
package struct EgressRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Where connections of this process may go (specification, security §13).
///
/// A name is judged by every address that it has: one that is refused refuses the name. An entry of an allow-list that
/// names a network opens it whatever it is, short of ``AddressReach/forbidden``; one that names a host opens private
/// addresses only, because whoever holds the name decides about its addresses.
package struct EgressPolicy: Sendable {
    private let blocksPrivate: Bool
    private let allowances: [EgressPurpose: EgressAllowance]

    package init(blocksPrivate: Bool = false, allowances: [EgressPurpose: EgressAllowance] = [:]) {
        self.blocksPrivate = blocksPrivate
        self.allowances = allowances
    }

    /// `nil` when a host may be asked for at all.
    package func refusal(ofName host: String, for purpose: EgressPurpose) -> EgressRefusal? {
        guard Self.metadataNames.contains(Self.plain(host)) else { return nil }
        return EgressRefusal(description: "\(host) is a metadata service, which is never connected to")
    }

    /// `nil` when a connection to the address of `host` may be made.
    ///
    /// - `octets`: Four or sixteen; IPv4-mapped addresses as they are.
    package func refusal(of octets: [UInt8], host: String, for purpose: EgressPurpose) -> EgressRefusal? {
        let reach = AddressReach(of: octets)
        let allowance = allowances[purpose] ?? EgressAllowance()
        switch reach {
        case .forbidden: break
        case _ where purpose.open.contains(reach) && !(reach == .private && blocksPrivate): return nil
        case _ where allowance.ranges.contains { $0.contains(octets: octets) }: return nil
        case .private where allowance.covers(name: host): return nil
        default: break
        }
        let remedy =
            reach == .forbidden ? "" : purpose.allowListSetting.map { "; an entry of \($0) can allow it" } ?? ""
        return EgressRefusal(description: "\(host) is or has \(reach.words)\(remedy)")
    }

    /// What can be said about a host without asking for its addresses.
    package func staticRefusal(ofHost host: String, for purpose: EgressPurpose) -> EgressRefusal? {
        if let refusal = refusal(ofName: host, for: purpose) { return refusal }
        let name = Self.plain(host)
        let isOwn = name == "localhost" || name.hasSuffix(".localhost")
        guard let octets = isOwn ? [127, 0, 0, 1] : AddressRange.octets(host) else { return nil }
        return refusal(of: octets, host: host, for: purpose)
    }

    private static let metadataNames: Set<String> = [
        "metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal",
    ]

    static func plain(_ host: String) -> String {
        var name = host.lowercased()[...]
        while name.hasSuffix(".") { name = name.dropLast() }
        while name.hasPrefix(".") { name = name.dropFirst() }
        return String(name)
    }
}
