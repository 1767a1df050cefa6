/// What a list covers (RFC 5280 §5.2.5).
package struct IssuingDistributionPoint: Hashable, Sendable {
    /// The kinds of certificates that a list of ours covers.
    package enum Coverage: String, Sendable, CaseIterable {
        case all, userCertificates, authorities
    }

    let name: DistributionPoint.Name?
    let onlyUserCertificates: Bool
    let onlyAuthorities: Bool
    /// `nil` for all reasons.
    let onlySomeReasons: ReasonFlags?
    /// Whether entries may be for certificates of other issuers.
    let isIndirect: Bool
    let onlyAttributeCertificates: Bool

    /// The point of one of several lists of an issuer: published at `urls`, which its certificates name too.
    package init(urls: [URIName], coverage: Coverage) {
        name = urls.isEmpty ? nil : .full(urls.map { GeneralName($0) })
        onlyUserCertificates = coverage == .userCertificates
        onlyAuthorities = coverage == .authorities
        onlySomeReasons = nil
        isIndirect = false
        onlyAttributeCertificates = false
    }

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("issuingDistributionPoint", limit: 6)
        name = try DistributionPoint.name(fields.next(ifContextTag: 0))
        onlyUserCertificates = try Self.flag(fields.next(ifContextTag: 1))
        onlyAuthorities = try Self.flag(fields.next(ifContextTag: 2))
        onlySomeReasons = try fields.next(ifContextTag: 3).map { field throws(DERError) in try ReasonFlags(field) }
        isIndirect = try Self.flag(fields.next(ifContextTag: 4))
        onlyAttributeCertificates = try Self.flag(fields.next(ifContextTag: 5))
        try fields.end()
        let scopes = [onlyUserCertificates, onlyAuthorities, onlyAttributeCertificates]
        guard scopes.count(where: \.self) <= 1 else {
            throw DERError("issuingDistributionPoint limits the list to two kinds of certificates")
        }
    }

    /// What ``init(urls:coverage:)`` can say.
    var der: [UInt8] {
        let names: [[UInt8]] = if case .full(let names) = name { names.map(\.der) } else { [] }
        return DERWriter.sequence(
            names.isEmpty ? [] : DERWriter.explicit(0, DERWriter.element(0xA0, parts: names)),
            onlyUserCertificates ? DERWriter.implicit(1, [0xFF]) : [],
            onlyAuthorities ? DERWriter.implicit(2, [0xFF]) : [])
    }

    private static func flag(_ node: DERNode?) throws(DERError) -> Bool {
        try node?.booleanContent("issuingDistributionPoint flag") ?? false
    }

    /// Whether it leaves nothing out and takes nothing in.
    var isUnlimited: Bool {
        !onlyUserCertificates && !onlyAuthorities && onlySomeReasons == nil && !isIndirect && !onlyAttributeCertificates
    }

    /// Whether a certificate, an authority or not, is of a kind that the list covers.
    func covers(authority: Bool) -> Bool {
        !onlyAttributeCertificates && !(authority ? onlyUserCertificates : onlyAuthorities)
    }
}
