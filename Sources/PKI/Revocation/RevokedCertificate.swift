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

    /// Reads an entry; `issuers` and `current` carry the certificate issuer from entry to entry (§5.3.3).
    init(
        _ node: DERNode, issuers: inout [[GeneralName]], current: inout Int?, unknownCritical: inout [OID]
    ) throws(DERError) {
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
                case .invalidityDate: invalidityDate = try DERTime.parse(DERNode(parsing: value))
                case .certificateIssuer:
                    let sequence = try DERNode(parsing: value)
                    guard sequence.has(.sequence) else { throw DERError("certificateIssuer must be a SEQUENCE") }
                    issuers.append(try GeneralName.list(sequence, "certificateIssuer", limit: 32))
                    current = issuers.count - 1
                default: if item.isCritical, !unknownCritical.contains(item.oid) { unknownCritical.append(item.oid) }
                }
            }
        }
        try fields.end()
        self.reason = reason
        self.invalidityDate = invalidityDate
        issuer = current
    }
}
