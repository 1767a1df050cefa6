/// Where the list of revoked certificates is to be found, and for what (RFC 5280 §4.2.1.13).
struct DistributionPoint: Hashable, Sendable {
    /// The names under which the list is published; a name relative to the issuer of the list is made complete.
    enum Name: Hashable, Sendable {
        case full([GeneralName])
        case relative([DistinguishedName.Attribute])
    }

    let name: Name?
    /// `nil` for all reasons.
    let reasons: ReasonFlags?
    /// Who signs the list; empty when it is the issuer of the certificate.
    let crlIssuer: [GeneralName]

    init(name: Name?, reasons: ReasonFlags?, crlIssuer: [GeneralName]) {
        self.name = name
        self.reasons = reasons
        self.crlIssuer = crlIssuer
    }

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("distribution point", limit: 3)
        name = try Self.name(fields.next(ifContextTag: 0))
        reasons = try fields.next(ifContextTag: 1).map { field throws(DERError) in try ReasonFlags(field) }
        crlIssuer =
            try fields.next(ifContextTag: 2).map { field throws(DERError) in
                try GeneralName.list(field, "cRLIssuer", limit: 32)
            } ?? []
        try fields.end()
        guard name != nil || !crlIssuer.isEmpty else {
            throw DERError("distribution point has neither a name nor a cRLIssuer")
        }
    }

    /// `DistributionPointName` inside its EXPLICIT tag.
    static func name(_ node: DERNode?) throws(DERError) -> Name? {
        guard let choice = try node?.explicit("distribution point name") else { return nil }
        switch choice.contextTag {
        case 0: return .full(try GeneralName.list(choice, "full name", limit: 32))
        case 1:
            return .relative(try DistinguishedName.attributes(choice.elements("name relative to issuer", limit: 16)))
        default: throw DERError("distribution point name has an unknown tag")
        }
    }

    /// `CRLDistributionPoints`; at least one.
    static func list(_ node: DERNode) throws(DERError) -> [DistributionPoint] {
        var points: [DistributionPoint] = []
        for element in try node.sequence("cRLDistributionPoints", limit: 32).remaining {
            points.append(try DistributionPoint(element))
        }
        guard !points.isEmpty else { throw DERError("cRLDistributionPoints is empty") }
        return points
    }

    /// The text of each URI among the names.
    var urls: [String] {
        guard case .full(let names) = name else { return [] }
        return names.filter { $0.form == .uniformResourceIdentifier }.compactMap {
            String(validating: $0.octets, as: UTF8.self)
        }
    }
}

extension DistributionPoint.Name {
    /// The complete names, a relative one below `issuer` (RFC 5280 §4.2.1.13).
    func names(relativeTo issuer: DistinguishedName) -> [GeneralName] {
        switch self {
        case .full(let names): names
        case .relative(let attributes): [GeneralName(issuer.appending(attributes))]
        }
    }
}

/// Bits of `ReasonFlags` (RFC 5280 §4.2.1.13), most significant first as in the BIT STRING.
struct ReasonFlags: OptionSet, Hashable, Sendable {
    let rawValue: UInt16

    init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Bits 1 to 8; bit 0 is unused.
    static let all = ReasonFlags(rawValue: 0x7F80)

    /// The content of an IMPLICIT BIT STRING.
    init(_ node: DERNode) throws(DERError) {
        let (_, octets) = try node.namedBitsContent("reasons")
        guard octets.count <= 2 else { throw DERError("reasons has more bits than are defined") }
        let first = UInt16(octets.first ?? 0) << 8
        let flags = ReasonFlags(rawValue: first | UInt16(octets.dropFirst().first ?? 0))
        self = flags.intersection(.all)
    }
}
