/// One extension as received.
package struct CertificateExtension: Hashable, Sendable {
    package let oid: OID
    package let isCritical: Bool
    /// Content of the OCTET STRING.
    package let value: [UInt8]

    package init(oid: OID, isCritical: Bool, value: [UInt8]) {
        self.oid = oid
        self.isCritical = isCritical
        self.value = value
    }

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("extension", limit: 3)
        oid = try fields.next().oid("extension identifier")
        isCritical = try fields.next(if: .boolean)?.boolean("critical") ?? false
        value = Array(try fields.next().octetString("extension value"))
        try fields.end()
    }

    var der: [UInt8] {
        DERWriter.sequence(
            DERWriter.oid(oid), isCritical ? DERWriter.boolean(true) : [], DERWriter.octetString(value))
    }
}

/// The basicConstraints extension (RFC 5280 §4.2.1.9).
package struct BasicConstraints: Hashable, Sendable {
    package let isCA: Bool
    package let pathLenConstraint: Int?
}
