package import Domain

extension RevocationReason {
    /// The CRLReason of RFC 5280 §5.3.1; 7 is not used.
    package var code: UInt8 {
        switch self {
        case .unspecified: 0
        case .keyCompromise: 1
        case .caCompromise: 2
        case .affiliationChanged: 3
        case .superseded: 4
        case .cessationOfOperation: 5
        case .certificateHold: 6
        case .removeFromCRL: 8
        case .privilegeWithdrawn: 9
        case .aaCompromise: 10
        }
    }

    package init?(code: UInt8) {
        guard let reason = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = reason
    }

    init(_ node: DERNode) throws(DERError) {
        guard node.has(.enumerated), let code = try node.primitive("reasonCode").first,
            try node.primitive("reasonCode").count == 1, let reason = RevocationReason(code: code)
        else { throw DERError("reasonCode is not a reason of RFC 5280") }
        self = reason
    }
}
