package import Domain

/// What octets that another process sent turned out to be, read in whole: what rules of a key are about.
package enum ReceivedStructure: Sendable {
    /// A certificate that is yet to be signed, an authority's or not.
    case certificate(X509Certificate)
    /// A revocation list, or a delta to one.
    case list(ReceivedUpdates)
    case answer(ReceivedUpdates)
    /// A request for the certificate of the key itself.
    case request
    case test
}

/// From when to when somebody may rely on a list or on an answer.
package struct ReceivedUpdates: Hashable, Sendable {
    /// The earliest there is.
    package let this: Timestamp
    /// The latest there is.
    package let next: Timestamp
}

extension ReceivedStructure {
    /// The extensions that certificates of this product have. Whatever else somebody relies on is not understood here.
    private static let understood: Set<OID> = [
        .basicConstraints, .keyUsage, .extendedKeyUsage, .subjectKeyIdentifier, .authorityKeyIdentifier,
        .subjectAltName, .crlDistributionPoints, .freshestCRL, .authorityInfoAccess, .certificatePolicies,
        .nameConstraints, .tlsFeature, .ocspNoCheck,
    ]
    /// Most answers in one: as many as a request may ask for.
    private static let mostResponses = OCSPRequest.maximumCertificates

    /// A `TBSCertificate` (RFC 5280 §4.1) of version 3, with nothing in it that is not understood.
    static func certificate(
        _ message: [UInt8], _ algorithm: SignatureAlgorithm
    ) throws(ReceivedStructureError) -> X509Certificate {
        let certificate: X509Certificate
        do throws(CertificateError) {
            // Read with all that certificates of this product are read with, and a signature that nobody looks at.
            certificate = try X509Certificate(
                der: DERWriter.sequence(message, algorithm.der, DERWriter.bitString([0])))
        } catch {
            throw ReceivedStructureError("are no certificate: \(error)")
        }
        guard certificate.version == 3 else {
            // Some rely on certificates of version 1 as on authorities, whatever they are.
            throw ReceivedStructureError(
                "are a certificate of version \(certificate.version), which cannot say what it is")
        }
        if let strange = certificate.extensions.all.first(where: { !understood.contains($0.oid) }) {
            throw ReceivedStructureError("are a certificate with the extension \(strange.oid), which is not understood")
        }
        if let strange = certificate.extensions.unsupportedNames.first {
            throw ReceivedStructureError("are a certificate with a name that is not understood: \(strange)")
        }
        guard certificate.notBefore <= certificate.notAfter else {
            throw ReceivedStructureError("are a certificate that ends before it begins")
        }
        let fields = (try? DERNode(parsing: message[...]).sequence("tbsCertificate", limit: 10))?.remaining ?? []
        // RFC 5280 §4.1.2.8: never made, and read by hardly anybody.
        guard !fields.contains(where: { $0.hasContextTag(1) || $0.hasContextTag(2) }) else {
            throw ReceivedStructureError("are a certificate with a unique identifier, which is not understood")
        }
        return certificate
    }

    /// A `TBSCertList` (RFC 5280 §5.1.2) of this key's own certificates. Entries are read one by one, and none is kept.
    static func list(
        _ message: [UInt8], _ algorithm: SignatureAlgorithm
    ) throws(DERError) -> ReceivedUpdates {
        let limits = DERLimits(
            depth: DERLimits.standard.depth, elements: CertificateRevocationList.maximumSize / 2)
        var fields = try DERNode(parsing: message[...], limits: limits).sequence("tbsCertList", limit: 7)
        guard try fields.next().smallInteger("version") == 1 else { throw DERError("version is not 2") }
        guard try fields.next().encoded.elementsEqual(algorithm.der) else {
            throw DERError("another signature algorithm is named in it")
        }
        guard try !DistinguishedName(fields.next()).isEmpty else { throw DERError("the issuer has no name") }
        let this = try DERTime.parse(fields.next())
        guard let end = fields.next(if: .utcTime) ?? fields.next(if: .generalizedTime) else {
            throw DERError("nextUpdate is missing")
        }
        let next = try DERTime.parse(end)
        guard this < next else { throw DERError("nextUpdate is not after thisUpdate") }
        var context = RevocationEntryContext()
        try fields.next(if: .sequence)?.forEachElement("revokedCertificates") { element throws(DERError) in
            let entry = try RevokedCertificate(element, &context)
            guard entry.issuer == nil else { throw DERError("an entry is for the certificate of another issuer") }
        }
        if let strange = context.firstUnknown {
            throw DERError("the extension \(strange) of an entry is not understood")
        }
        guard let extensions = fields.next(ifContextTag: 0) else { throw DERError("extensions are missing") }
        try fields.end()
        try checkListExtensions(extensions.explicit("extensions"))
        return ReceivedUpdates(this: this, next: next)
    }

    private static func checkListExtensions(_ node: DERNode) throws(DERError) {
        var seen: Set<OID> = []
        for element in try node.sequence("extensions", limit: CertificateExtensions.maximumCount).remaining {
            let item = try CertificateExtension(element)
            guard seen.insert(item.oid).inserted else { throw DERError("extension \(item.oid) occurs twice") }
            let value = try DERNode(parsing: item.value[...])
            switch item.oid {
            case .cRLNumber, .deltaCRLIndicator: _ = try CRLNumber(value)
            case .authorityKeyIdentifier: _ = try AuthorityKeyIdentifier.keyIdentifier(value)
            case .freshestCRL: _ = try DistributionPoint.list(value)
            case .issuingDistributionPoint:
                let point = try IssuingDistributionPoint(value)
                guard !point.isIndirect else { throw DERError("it is for certificates of other issuers") }
            default: throw DERError("the extension \(item.oid) is not understood")
            }
        }
        guard seen.contains(.cRLNumber) else { throw DERError("cRLNumber is missing") }
    }

    /// `ResponseData` (RFC 6960 §4.2.1), with an end to everything it says.
    static func answer(_ message: [UInt8]) throws(DERError) -> ReceivedUpdates {
        var fields = try DERNode(parsing: message[...]).sequence("ResponseData", limit: 4)
        // DER leaves version 1 out, and there is no other.
        _ = try OCSPAnswer.responder(fields.next())
        var this = try OCSPAnswer.generalizedTime(fields.next())
        let list = try fields.next().sequence("responses", limit: mostResponses).remaining
        guard !list.isEmpty else { throw DERError("responses are empty") }
        var next = this
        for element in list {
            let response = try OCSPSingleResponse(element)
            if let strange = try extensions(of: element).first(where: { $0.oid != .ocspArchiveCutoff }) {
                throw DERError("the extension \(strange.oid) is not understood")
            }
            guard let end = response.nextUpdate else { throw DERError("an answer has no nextUpdate") }
            guard response.thisUpdate <= end else { throw DERError("an answer ends before it begins") }
            (this, next) = (min(this, response.thisUpdate), max(next, end))
        }
        if let tag = fields.next(ifContextTag: 1) {
            for item in try OCSPRequest.items(tag) {
                switch item.oid {
                case .ocspNonce: _ = try DERNode(parsing: item.value[...]).octetString("nonce")
                case .ocspExtendedRevoke: continue
                default: throw DERError("the extension \(item.oid) is not understood")
                }
            }
        }
        try fields.end()
        return ReceivedUpdates(this: this, next: next)
    }

    private static func extensions(of response: DERNode) throws(DERError) -> [CertificateExtension] {
        let fields = try response.sequence("SingleResponse", limit: 5).remaining
        // The status may bear the same tag; the extensions come after the times.
        guard let last = fields.last, fields.count > 3, last.hasContextTag(1) else { return [] }
        return try OCSPRequest.items(last)
    }
}
