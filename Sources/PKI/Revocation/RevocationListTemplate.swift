package import Domain

/// An entry of a list that is to be made.
package struct RevocationListEntry: Hashable, Sendable {
    package let serialNumber: SerialNumber
    package let revocationDate: Timestamp
    package let reason: RevocationReason
    /// Since when the key is known or suspected to be compromised.
    package let invalidityDate: Timestamp?

    package init(
        serialNumber: SerialNumber, revocationDate: Timestamp, reason: RevocationReason = .unspecified,
        invalidityDate: Timestamp? = nil
    ) {
        self.serialNumber = serialNumber
        self.revocationDate = revocationDate
        self.reason = reason
        self.invalidityDate = invalidityDate
    }

    /// The element of revokedCertificates. `unspecified` is left out, as RFC 5280 §5.3.1 wants it.
    package var der: [UInt8] {
        var extensions: [[UInt8]] = []
        if reason != .unspecified {
            let code = DERWriter.element(0x0A, [reason.code])
            extensions.append(CertificateExtension(oid: .reasonCode, isCritical: false, value: code).der)
        }
        if let invalidityDate {
            let time = DERTime.encodeGeneralized(invalidityDate)
            extensions.append(CertificateExtension(oid: .invalidityDate, isCritical: false, value: time).der)
        }
        return DERWriter.sequence(
            DERWriter.integer(magnitude: serialNumber.magnitude), DERTime.encode(revocationDate),
            extensions.isEmpty ? [] : DERWriter.sequence(of: extensions))
    }
}

/// Everything that goes into a certificate revocation list (RFC 5280 §5), decided; encoding it decides nothing more.
package struct RevocationListTemplate: Sendable {
    package let issuer: DistinguishedName
    package let thisUpdate: Timestamp
    package let nextUpdate: Timestamp
    package let number: CRLNumber
    /// The algorithm of the issuer's key.
    package let signatureAlgorithm: SignatureAlgorithm
    /// The subject key identifier of the issuer.
    package let authorityKeyIdentifier: [UInt8]

    /// In the order in which they are written.
    package var entries: [RevocationListEntry] = []
    /// Makes it a delta list, to be combined with the complete list of this number or a later one.
    package var baseNumber: CRLNumber?
    /// `nil` for a list of every certificate of the issuer.
    package var issuingDistributionPoint: IssuingDistributionPoint?
    /// Where the delta lists to this complete list are.
    package var freshestCRL: [URIName] = []

    package init(
        issuer: DistinguishedName, updates: (this: Timestamp, next: Timestamp), number: CRLNumber,
        signatureAlgorithm: SignatureAlgorithm, authorityKeyIdentifier: [UInt8]
    ) {
        self.issuer = issuer
        thisUpdate = updates.this
        nextUpdate = updates.next
        self.number = number
        self.signatureAlgorithm = signatureAlgorithm
        self.authorityKeyIdentifier = authorityKeyIdentifier
    }

    /// The `TBSCertList` of RFC 5280 §5.1. Throws when relying parties would have to refuse the list.
    package func tbsCertList() throws(CRLError) -> TBSCertList {
        try check()
        let revoked = entries.isEmpty ? [] : DERWriter.element(0x30, parts: entries.map(\.der))
        let der = DERWriter.sequence(
            DERWriter.integer(1), signatureAlgorithm.der, issuer.der, DERTime.encode(thisUpdate),
            DERTime.encode(nextUpdate), revoked,
            DERWriter.explicit(0, DERWriter.sequence(of: extensions.map(\.der))))
        return TBSCertList(der: der, signatureAlgorithm: signatureAlgorithm)
    }

    func check() throws(CRLError) {
        guard !issuer.isEmpty else { throw CRLError("issuer is empty") }
        guard thisUpdate < nextUpdate else { throw CRLError("nextUpdate is not after thisUpdate") }
        if let baseNumber {
            guard baseNumber < number else { throw CRLError("a delta list needs a number above that of its base") }
            guard freshestCRL.isEmpty else { throw CRLError("a delta list names no delta lists") }
        } else {
            guard !entries.contains(where: { $0.reason == .removeFromCRL }) else {
                throw CRLError("only delta lists have entries with the reason removeFromCRL")
            }
        }
        guard Set(entries.map(\.serialNumber)).count == entries.count else {
            throw CRLError("a serial number is listed twice")
        }
    }

    /// In an order that never varies.
    var extensions: [CertificateExtension] {
        var list = [
            ExtensionEncoding.authorityKeyIdentifier(authorityKeyIdentifier),
            CertificateExtension(oid: .cRLNumber, isCritical: false, value: number.der),
        ]
        if let baseNumber {
            list.append(CertificateExtension(oid: .deltaCRLIndicator, isCritical: true, value: baseNumber.der))
        }
        if let point = issuingDistributionPoint {
            list.append(CertificateExtension(oid: .issuingDistributionPoint, isCritical: true, value: point.der))
        }
        if !freshestCRL.isEmpty {
            let points = ExtensionEncoding.crlDistributionPoints(freshestCRL.map(\.text)).value
            list.append(CertificateExtension(oid: .freshestCRL, isCritical: false, value: points))
        }
        return list
    }
}

/// An encoded list that lacks its signature.
package struct TBSCertList: Sendable {
    package let der: [UInt8]
    package let signatureAlgorithm: SignatureAlgorithm

    /// The complete `CertificateList`.
    package func listDER(signature: [UInt8]) -> [UInt8] {
        DERWriter.sequence(der, signatureAlgorithm.der, DERWriter.bitString(signature))
    }
}
