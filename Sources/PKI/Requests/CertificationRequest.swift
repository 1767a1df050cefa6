import Domain
import Encoding

/// A PKCS#10 certification request (RFC 2986), parsed strictly. Its signature is checked by a call of its own.
///
/// What it asks for is a wish: nothing of it reaches a certificate except through an allow-list.
package struct CertificationRequest: Sendable {
    /// Largest encoding accepted, in octets, before and after PEM.
    package static let maximumSize = 64 << 10
    /// Most subject alternative names.
    package static let maximumNames = 100

    package let der: [UInt8]
    package let subject: DistinguishedName
    package let subjectPublicKey: SubjectPublicKey
    /// The requested extensions; of these only names, key purposes and must-staple are ever looked at.
    package let requestedExtensions: CertificateExtensions
    /// Types of the attributes present.
    package let attributeTypes: [OID]
    package let signatureAlgorithm: SignatureAlgorithm
    private let signedPart: ArraySlice<UInt8>
    private let signature: ArraySlice<UInt8>

    package init(der: [UInt8]) throws(CSRError) {
        guard der.count <= Self.maximumSize else {
            throw CSRError(.encoding, "larger than \(Self.maximumSize) octets")
        }
        let (info, algorithmNode, signature) = try Self.reading(.encoding) { () throws(DERError) in
            var outer = try DERNode(parsing: der[...]).sequence("certification request", limit: 3)
            let parts = (try outer.next(), try outer.next(), try outer.next().bitString("signature"))
            try outer.end()
            return parts
        }
        var fields = try Self.reading(.encoding) { () throws(DERError) in
            try info.sequence("certificationRequestInfo", limit: 4)
        }
        let version = try Self.reading(.version) { () throws(DERError) in try fields.next().smallInteger("version") }
        // RFC 2986 §4.1 knows 0 alone. Programs that go by certificates write 2 (acme-client for Ruby), and nothing else of
        // the syntax depends on it.
        guard (0...2).contains(version) else { throw CSRError(.version, "must be 0, is \(version)") }
        subject = try Self.reading(.subject) { () throws(DERError) in try DistinguishedName(fields.next()) }
        let keyNode = try Self.reading(.publicKey) { () throws(DERError) in try fields.next() }
        do throws(KeyError) {
            subjectPublicKey = try SubjectPublicKey(keyNode)
        } catch {
            throw CSRError(.publicKey, error.description)
        }
        let attributes = try Self.reading(.attributes) { () throws(DERError) in try RequestAttributes(&fields) }
        attributeTypes = attributes.types
        requestedExtensions = try Self.extensions(attributes.extensionRequest)
        signatureAlgorithm = try Self.reading(.signature) { () throws(DERError) in
            try SignatureAlgorithm(algorithmNode)
        }
        signedPart = info.encoded
        self.signature = signature
        self.der = der
        try Self.checkSubject(subject)
    }

    /// The only PEM block of `text`, labelled `CERTIFICATE REQUEST` or `NEW CERTIFICATE REQUEST`.
    package init(pem text: String) throws(CSRError) {
        let block: PEMBlock
        do throws(PEMError) {
            block = try PEMBlock.single(
                text, labels: ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"], limit: Self.maximumSize * 2)
        } catch {
            throw CSRError(.encoding, error.description)
        }
        try self.init(der: block.octets)
    }

    private static func reading<Value>(
        _ field: CSRError.Field, _ body: () throws(DERError) -> Value
    ) throws(CSRError) -> Value {
        do {
            return try body()
        } catch {
            throw CSRError(field, error.reason)
        }
    }

    private static func extensions(_ node: DERNode?) throws(CSRError) -> CertificateExtensions {
        guard let node else { return .none }
        let extensions: CertificateExtensions
        do throws(DERError) {
            extensions = try CertificateExtensions(node, nameLimit: maximumNames)
        } catch {
            let isNames = error.reason.hasPrefix("subjectAltName")
            throw CSRError(isNames ? .subjectAltNames : .extensions, error.reason)
        }
        if let first = extensions.unsupportedNames.first { throw CSRError(.subjectAltNames, first) }
        return extensions
    }

    private static func checkSubject(_ subject: DistinguishedName) throws(CSRError) {
        guard subject.values(of: .commonName).count <= 1 else { throw CSRError(.subject, "more than one common name") }
        for value in subject.relativeNames.joined().compactMap(\.value) {
            do throws(NameError) {
                try UnicodeSafety.check(value)
            } catch {
                throw CSRError(.subject, error.description)
            }
        }
    }
}

extension CertificationRequest {
    package var pem: String { PEMBlock(label: "CERTIFICATE REQUEST", octets: der).text }
    package var commonName: String? { subject.commonName }
    package var subjectAltNames: [SubjectAltName] { requestedExtensions.subjectAltNames }
    package var extendedKeyUsages: [OID] { requestedExtensions.extendedKeyUsages }
    package var mustStaple: Bool { requestedExtensions.mustStaple }

    /// Proof of possession (RFC 2986 §4.2): throws unless the holder of the key signed this request.
    package func verifySignature() throws(CSRError) {
        guard subjectPublicKey.isValid(signature: signature, over: signedPart, algorithm: signatureAlgorithm) else {
            throw CSRError(.signature, "does not verify with the key of the request")
        }
    }

    /// Every name that the request asks for: the alternative names, and the common name when it is a name.
    ///
    /// Throws when the common name has the form of a host name, address or mailbox but breaks its rules.
    package func names() throws(CSRError) -> [SubjectAltName] {
        guard let commonName else { return subjectAltNames }
        do throws(NameError) {
            return SubjectAltName.canonicalOrder(subjectAltNames + [try SubjectAltName(classifying: commonName)])
        } catch {
            throw CSRError(.subject, "common name: \(error)")
        }
    }
}

extension CertificationRequest: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.der == right.der }
    package func hash(into hasher: inout Hasher) { hasher.combine(der) }
}

/// The attributes of a request; the whole field may be missing (older clients).
private struct RequestAttributes {
    private(set) var types: [OID] = []
    private(set) var extensionRequest: DERNode?

    init(_ fields: inout DERFields) throws(DERError) {
        let field = fields.next(ifContextTag: 0)
        try fields.end()
        for element in try field?.elements("attributes", limit: 32) ?? [] {
            var attribute = try element.sequence("attribute", limit: 2)
            let type = try attribute.next().oid("attribute type")
            let values = try attribute.next().set("attribute values", limit: 16)
            try attribute.end()
            guard !types.contains(type) else { throw DERError("attribute \(type) occurs twice") }
            types.append(type)
            guard type == .extensionRequest || type == .microsoftExtensionRequest else { continue }
            guard extensionRequest == nil, values.count == 1, let value = values.first else {
                throw DERError("more than one extension request")
            }
            extensionRequest = value
        }
    }
}

/// A request whose proof of possession was checked: the only kind that can be issued from.
package struct VerifiedCertificationRequest: Hashable, Sendable {
    package let request: CertificationRequest

    /// Throws the error of ``CertificationRequest/verifySignature()``.
    package init(_ request: CertificationRequest) throws(CSRError) {
        try request.verifySignature()
        self.request = request
    }
}
