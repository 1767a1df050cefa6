package import Domain

/// One entry of a certificate revocation list (RFC 5280 §5.3).
package struct RevokedCertificate: Sendable {
    /// Content of the INTEGER as received: lists may hold serial numbers that certctl would not accept.
    let serial: ArraySlice<UInt8>
    package let revocationDate: Timestamp
    package let reason: RevocationReason
    package let invalidityDate: Timestamp?
    /// Position among the certificate issuers that an indirect list names; `nil` for the issuer of the list.
    let issuer: Int?

    /// The serial number, `nil` when it is not one that certctl accepts.
    package var serialNumber: SerialNumber? {
        guard let first = serial.first, first < 0x80 else { return nil }
        return try? SerialNumber(serial)
    }

    init(_ node: DERNode, _ context: inout RevocationEntryContext) throws(DERError) {
        var fields = try node.sequence("revoked certificate", limit: 3)
        serial = try fields.next().integer("userCertificate")
        revocationDate = try DERTime.parse(fields.next())
        var reason = RevocationReason.unspecified
        var invalidityDate: Timestamp?
        if !fields.isEmpty {
            var seen: Set<OID> = []
            for element in try fields.next().sequence("entry extensions", limit: 16).remaining {
                let item = try CertificateExtension(element)
                guard seen.insert(item.oid).inserted else { throw DERError("extension \(item.oid) occurs twice") }
                let value = item.value[...]
                switch item.oid {
                case .reasonCode: reason = try RevocationReason(DERNode(parsing: value))
                case .invalidityDate: invalidityDate = try Self.invalidityDate(DERNode(parsing: value))
                case .certificateIssuer: try context.turn(to: item.value)
                default: context.note(unknown: item.oid, isCritical: item.isCritical)
                }
            }
        }
        try fields.end()
        self.reason = reason
        self.invalidityDate = invalidityDate
        issuer = context.current
    }
}

extension RevokedCertificate {
    private static func invalidityDate(_ node: DERNode) throws(DERError) -> Timestamp {
        guard node.has(.generalizedTime) else { throw DERError("invalidityDate must be GeneralizedTime") }
        return try DERTime.parse(node)
    }
}

/// What the entries of one list share: the certificate issuer holds from entry to entry (RFC 5280 §5.3.3).
struct RevocationEntryContext {
    /// Most different certificate issuers of one list.
    static let maximumIssuers = 1000

    /// The names of each certificate issuer, once however often the list changes between them.
    private(set) var issuers: [[GeneralName]] = []
    private(set) var current: Int?
    /// A few are enough to refuse the list and to say why.
    private(set) var unknownCritical: [OID] = []
    /// The first extension that certctl does not understand, critical or not.
    private(set) var firstUnknown: OID?
    private var positions: [[UInt8]: Int] = [:]

    mutating func turn(to value: [UInt8]) throws(DERError) {
        if let known = positions[value] {
            current = known
            return
        }
        guard issuers.count < Self.maximumIssuers else {
            throw DERError("more than \(Self.maximumIssuers) certificate issuers")
        }
        let sequence = try DERNode(parsing: value[...])
        guard sequence.has(.sequence) else { throw DERError("certificateIssuer must be a SEQUENCE") }
        issuers.append(try GeneralName.list(sequence, "certificateIssuer", limit: 32))
        positions[value] = issuers.count - 1
        current = issuers.count - 1
    }

    mutating func note(unknown oid: OID, isCritical: Bool) {
        firstUnknown = firstUnknown ?? oid
        if isCritical, unknownCritical.count < 16, !unknownCritical.contains(oid) { unknownCritical.append(oid) }
    }
}
