package import Domain
import Encoding

/// A certificate revocation list (RFC 5280 §5), complete or delta, direct or indirect; kept as the octets it came in.
///
/// Parsing checks form, not trust: path validation checks that.
package struct CertificateRevocationList: Sendable {
    /// Largest encoding accepted: about a million and a half entries.
    package static let maximumSize = 64 << 20

    package let der: [UInt8]
    /// 1 or 2.
    package let version: Int
    package let issuer: DistinguishedName
    package let thisUpdate: Timestamp
    package let nextUpdate: Timestamp?
    /// In the order of the list.
    package let entries: [RevokedCertificate]
    package let number: CRLNumber?
    /// The number of the complete list that a delta list adds to; `nil` in complete lists.
    package let baseNumber: CRLNumber?
    package let authorityKeyIdentifier: [UInt8]?
    package let issuingDistributionPoint: IssuingDistributionPoint?
    /// The extension as received: a delta list must have the very same.
    let scopeDER: [UInt8]?
    /// Critical extensions of list and entries that certctl does not understand. Such a list must not be relied upon.
    package let unknownCritical: [OID]
    /// `nil` for an algorithm that certctl does not accept; such a signature never verifies.
    package let signatureAlgorithm: SignatureAlgorithm?
    private let certificateIssuers: [[GeneralName]]
    private let tbs: ArraySlice<UInt8>
    private let signature: ArraySlice<UInt8>

    package init(der: [UInt8]) throws(CRLError) {
        guard der.count <= Self.maximumSize else { throw CRLError("larger than \(Self.maximumSize) octets") }
        do throws(DERError) {
            // Every element takes two octets at least, so the size limits their number.
            let limits = DERLimits(depth: DERLimits.standard.depth, elements: Self.maximumSize / 2)
            var outer = try DERNode(parsing: der[...], limits: limits).sequence("certificate list", limit: 3)
            let tbsNode = try outer.next()
            let algorithm = try outer.next()
            signature = try outer.next().bitString("signature")
            try outer.end()
            tbs = tbsNode.encoded
            signatureAlgorithm = SignatureAlgorithm.accepted(algorithm).algorithm

            var fields = try tbsNode.sequence("tbsCertList", limit: 7)
            version = try Self.version(&fields)
            guard try fields.next().encoded.elementsEqual(algorithm.encoded) else {
                throw DERError("the two signature algorithms differ")
            }
            issuer = try DistinguishedName(fields.next())
            thisUpdate = try DERTime.parse(fields.next())
            let next = fields.next(if: .utcTime) ?? fields.next(if: .generalizedTime)
            nextUpdate = try next.map { node throws(DERError) in try DERTime.parse(node) }
            let revoked = try Self.entries(fields.next(if: .sequence))
            var extensions = ListExtensions()
            if let tag = fields.next(ifContextTag: 0) {
                guard version == 2 else { throw DERError("extensions need version 2") }
                try extensions.read(tag.explicit("extensions"))
            }
            try fields.end()
            entries = revoked.entries
            certificateIssuers = revoked.context.issuers
            number = extensions.number
            baseNumber = extensions.baseNumber
            authorityKeyIdentifier = extensions.authorityKeyIdentifier
            issuingDistributionPoint = extensions.issuingDistributionPoint
            scopeDER = extensions.scopeDER
            unknownCritical = extensions.unknownCritical + revoked.context.unknownCritical
        } catch {
            throw CRLError(error.reason)
        }
        self.der = der
    }

    /// The only PEM block of `text`, labelled `X509 CRL`.
    package init(pem text: String) throws(CRLError) {
        let block: PEMBlock
        do throws(PEMError) {
            block = try PEMBlock.single(text, labels: ["X509 CRL"], limit: Self.maximumSize * 2)
        } catch {
            throw CRLError(error.description)
        }
        try self.init(der: block.octets)
    }

    private static func version(_ fields: inout DERFields) throws(DERError) -> Int {
        guard let node = fields.next(if: .integer) else { return 1 }
        guard try node.smallInteger("version") == 1 else { throw DERError("version is not 1 or 2") }
        return 2
    }

    private static func entries(
        _ node: DERNode?
    ) throws(DERError) -> (entries: [RevokedCertificate], context: RevocationEntryContext) {
        var entries: [RevokedCertificate] = []
        var context = RevocationEntryContext()
        try node?.forEachElement("revokedCertificates") { element throws(DERError) in
            entries.append(try RevokedCertificate(element, &context))
        }
        return (entries, context)
    }
}

extension CertificateRevocationList {
    package var pem: String { PEMBlock(label: "X509 CRL", octets: der).text }
    package var isDelta: Bool { baseNumber != nil }
    /// Whether it is about every certificate of its issuer, every reason, and nobody else's certificates.
    package var isComplete: Bool { !isDelta && issuingDistributionPoint?.isUnlimited ?? true }

    /// Whether `key` made the signature. Says nothing about names, dates or scope.
    package func verifySignature(with key: SubjectPublicKey) -> Bool {
        guard let signatureAlgorithm else { return false }
        return key.isValid(signature: signature, over: tbs, algorithm: signatureAlgorithm)
    }

    /// The entry for `certificate`, under its issuer; the last one when it is listed more than once.
    package func entry(for certificate: X509Certificate) -> RevokedCertificate? {
        let serial = DERWriter.integer(magnitude: certificate.serialNumber.magnitude).dropFirst(2)
        let isDirect = issuer.matches(certificate.issuer)
        let name = GeneralName(certificate.issuer)
        let isNamed = certificateIssuers.map { names in names.contains { $0.matches(name) } }
        return entries.last { entry in
            entry.serial.elementsEqual(serial) && (entry.issuer.map { isNamed[$0] } ?? isDirect)
        }
    }
}

/// A certificate revocation list that cannot be accepted.
package struct CRLError: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    package var description: String { "certificate revocation list: \(reason)" }
}

/// The extensions of a list, decoded where certctl understands them.
private struct ListExtensions {
    var number: CRLNumber?
    var baseNumber: CRLNumber?
    var authorityKeyIdentifier: [UInt8]?
    var issuingDistributionPoint: IssuingDistributionPoint?
    var scopeDER: [UInt8]?
    var unknownCritical: [OID] = []

    mutating func read(_ node: DERNode) throws(DERError) {
        var seen: Set<OID> = []
        for element in try node.sequence("extensions", limit: CertificateExtensions.maximumCount).remaining {
            let item = try CertificateExtension(element)
            guard seen.insert(item.oid).inserted else { throw DERError("extension \(item.oid) occurs twice") }
            try decode(item)
        }
        guard !seen.isEmpty else { throw DERError("extensions is empty") }
    }

    private mutating func decode(_ item: CertificateExtension) throws(DERError) {
        let value = item.value[...]
        switch item.oid {
        case .cRLNumber: number = try CRLNumber(DERNode(parsing: value))
        case .deltaCRLIndicator: baseNumber = try CRLNumber(DERNode(parsing: value))
        case .issuingDistributionPoint:
            issuingDistributionPoint = try IssuingDistributionPoint(DERNode(parsing: value))
            scopeDER = item.value
        case .authorityKeyIdentifier:
            authorityKeyIdentifier = try AuthorityKeyIdentifier.keyIdentifier(DERNode(parsing: value))
        default: if item.isCritical { unknownCritical.append(item.oid) }
        }
    }
}
