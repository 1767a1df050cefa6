import Crypto
package import Domain
import Encoding

/// A certificate (RFC 5280 §4.1), parsed strictly and kept as the octets it came in.
///
/// Parsing checks form, not trust: ``ChainVerifier`` checks that.
package struct X509Certificate: Sendable {
    /// Largest encoding accepted.
    package static let maximumSize = 64 << 10
    /// Most subject alternative names accepted in a certificate that others issued.
    static let maximumNames = 2000

    package let der: [UInt8]
    package let serialNumber: SerialNumber
    package let issuer: DistinguishedName
    package let subject: DistinguishedName
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let subjectPublicKey: SubjectPublicKey
    package let extensions: CertificateExtensions
    /// `nil` for an algorithm that certctl does not accept; such a signature never verifies.
    ///
    /// The certificate is still readable, since nobody evaluates the signature of a root on itself.
    package let signatureAlgorithm: SignatureAlgorithm?
    /// Why ``signatureAlgorithm`` is `nil`.
    package let refusedAlgorithm: String?
    /// How it is signed, for people: `ECDSA with SHA-256`, or why that is not accepted.
    package var signatureName: String { signatureAlgorithm?.description ?? refusedAlgorithm ?? "" }
    /// 1, 2 or 3.
    package let version: Int
    let tbs: ArraySlice<UInt8>
    /// `Validity` as received, for the lint of its encoding.
    let validityDER: ArraySlice<UInt8>
    let signature: ArraySlice<UInt8>

    package init(der: [UInt8]) throws(CertificateError) {
        let parts = try CertificateParts(certificate: der)
        do throws(SerialNumberError) {
            serialNumber = try Self.serial(parts.serial)
        } catch {
            throw CertificateError(field: "serialNumber", reason: error.description)
        }
        subjectPublicKey = try parts.readSubjectPublicKey()
        self.der = der
        issuer = parts.issuer
        subject = parts.subject
        notBefore = parts.notBefore
        notAfter = parts.notAfter
        extensions = parts.extensions
        signatureAlgorithm = parts.algorithm
        refusedAlgorithm = parts.refusedAlgorithm
        version = parts.version
        tbs = parts.tbs
        validityDER = parts.validityDER
        signature = parts.signature
    }

    /// The only PEM block of `text`, labelled `CERTIFICATE`.
    package init(pem text: String) throws(CertificateError) {
        let block: PEMBlock
        do throws(PEMError) {
            block = try PEMBlock.single(text, labels: ["CERTIFICATE"])
        } catch {
            throw CertificateError(field: "encoding", reason: error.description)
        }
        try self.init(der: block.octets)
    }

    /// Every certificate of a PEM bundle, in order; at least one.
    ///
    /// - `limit`: Octets of text that are accepted; `most`: how many certificates.
    package static func bundle(
        pem text: String, limit: Int = PEMBlock.defaultLimit, most: Int = PEMBlock.maximumBlocks
    ) throws(CertificateError) -> [X509Certificate] {
        let blocks: [PEMBlock]
        do { blocks = try PEMBlock.parse(text, limit: limit, most: most) } catch {
            throw CertificateError(field: "encoding", reason: error.description)
        }
        guard !blocks.isEmpty else { throw CertificateError(field: "encoding", reason: PEMError.noBlock.description) }
        var certificates: [X509Certificate] = []
        for (index, block) in blocks.enumerated() {
            guard block.label == "CERTIFICATE" else {
                throw CertificateError(
                    field: "encoding", reason: "block \(index + 1) is \(block.label), not CERTIFICATE")
            }
            certificates.append(try X509Certificate(der: block.octets))
        }
        return certificates
    }

    private static func serial(_ octets: ArraySlice<UInt8>) throws(SerialNumberError) -> SerialNumber {
        guard let first = octets.first, first < 0x80 else { throw .notPositive }
        return try SerialNumber(octets)
    }
}

extension X509Certificate {
    package var pem: String { PEMBlock(label: "CERTIFICATE", octets: der).text }
    /// SHA-256 of the encoding, lower-case hexadecimal.
    package var fingerprintSHA256: String { Hex.encode(SHA256.hash(data: der)) }
    package var subjectAltNames: [SubjectAltName] { extensions.subjectAltNames }
    package var keyUsage: KeyUsage? { extensions.keyUsage }
    package var extendedKeyUsages: [OID] { extensions.extendedKeyUsages }
    package var isCA: Bool { extensions.basicConstraints?.isCA ?? false }
    /// Whether subject and issuer are the same name.
    package var isSelfIssued: Bool { subject.matches(issuer) }

    package func isValid(at time: Timestamp) -> Bool { notBefore <= time && time <= notAfter }

    /// Whether the key of `issuer` made the signature. Says nothing about names, dates or authority.
    package func verifySignature(issuedBy issuer: X509Certificate) -> Bool {
        verifySignature(with: issuer.subjectPublicKey)
    }

    package func verifySignature(with key: SubjectPublicKey) -> Bool {
        guard let signatureAlgorithm else { return false }
        return key.isValid(signature: signature, over: tbs, algorithm: signatureAlgorithm)
    }
}

extension X509Certificate: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.der == right.der }
    package func hash(into hasher: inout Hasher) { hasher.combine(der) }
}

/// A certificate that cannot be accepted, with the field at fault.
package struct CertificateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of RFC 5280 for the part at fault, or `encoding`.
    package let field: String
    package let reason: String

    package init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }

    package var description: String { "certificate \(field): \(reason)" }
}

/// The fields of the encoding before the checks that have errors of their own.
struct CertificateParts {
    let tbs: ArraySlice<UInt8>
    let validityDER: ArraySlice<UInt8>
    let signature: ArraySlice<UInt8>
    let algorithm: SignatureAlgorithm?
    let refusedAlgorithm: String?
    let version: Int
    let serial: ArraySlice<UInt8>
    let issuer: DistinguishedName
    let subject: DistinguishedName
    let notBefore: Timestamp
    let notAfter: Timestamp
    let subjectPublicKey: DERNode
    let extensions: CertificateExtensions

    init(certificate der: [UInt8]) throws(CertificateError) {
        guard der.count <= X509Certificate.maximumSize else {
            throw CertificateError(field: "encoding", reason: "larger than \(X509Certificate.maximumSize) octets")
        }
        do throws(DERError) {
            try self.init(der)
        } catch {
            throw CertificateError(field: "encoding", reason: error.reason)
        }
    }

    func readSubjectPublicKey() throws(CertificateError) -> SubjectPublicKey {
        do throws(KeyError) {
            return try SubjectPublicKey(subjectPublicKey)
        } catch {
            throw CertificateError(field: "subjectPublicKeyInfo", reason: error.description)
        }
    }

    private init(_ der: [UInt8]) throws(DERError) {
        var outer = try DERNode(parsing: der[...]).sequence("certificate", limit: 3)
        let tbsNode = try outer.next()
        let outerAlgorithm = try outer.next()
        signature = try outer.next().bitString("signature")
        try outer.end()
        tbs = tbsNode.encoded
        (algorithm, refusedAlgorithm) = SignatureAlgorithm.accepted(outerAlgorithm)

        var fields = try tbsNode.sequence("tbsCertificate", limit: 10)
        if let tag = fields.next(ifContextTag: 0) {
            version = try tag.explicit("version").smallInteger("version") + 1
            guard version == 2 || version == 3 else { throw DERError("version is not 1, 2 or 3") }
        } else {
            version = 1
        }
        serial = try fields.next().integer("serialNumber")
        guard try fields.next().encoded.elementsEqual(outerAlgorithm.encoded) else {
            throw DERError("the two signature algorithms differ")
        }
        issuer = try DistinguishedName(fields.next())
        let validityNode = try fields.next()
        validityDER = validityNode.encoded
        var validity = try validityNode.sequence("validity", limit: 2)
        notBefore = try DERTime.parse(validity.next())
        notAfter = try DERTime.parse(validity.next())
        subject = try DistinguishedName(fields.next())
        subjectPublicKey = try fields.next()
        _ = fields.next(ifContextTag: 1)
        _ = fields.next(ifContextTag: 2)
        if let tag = fields.next(ifContextTag: 3) {
            guard version == 3 else { throw DERError("extensions need version 3") }
            extensions = try CertificateExtensions(
                tag.explicit("extensions"), nameLimit: X509Certificate.maximumNames)
        } else {
            extensions = .none
        }
        try fields.end()
    }
}
