/// The certificate by which a server proves a name with tls-alpn-01 (RFC 8737 §3, RFC 8738 §6).
///
/// Its serial number proves nothing and is not looked at: Apache's mod_md draws 160 random bits, of which every other
/// draw takes an octet more than RFC 5280 §4.1.2.2 allows.
package struct ProofCertificate: Sendable {
    private let parts: CertificateParts
    private let key: SubjectPublicKey

    package init(der: [UInt8]) throws(CertificateError) {
        parts = try CertificateParts(certificate: der)
        key = try parts.readSubjectPublicKey()
    }

    private var isSelfSigned: Bool {
        guard let algorithm = parts.algorithm, parts.subject.matches(parts.issuer) else { return false }
        return key.isValid(signature: parts.signature, over: parts.tbs, algorithm: algorithm)
    }

    /// What is wrong with the certificate as a proof of `name`, a host name or an address; `nil` when it is one.
    ///
    /// - `digest`: SHA-256 of the key authorization, 32 octets.
    package func problem(asProofOf name: SubjectAltName, keyAuthorizationSHA256 digest: [UInt8]) -> String? {
        guard isSelfSigned else { return "the certificate is not self-signed" }
        let extensions = parts.extensions
        guard extensions.subjectAltNames == [name], extensions.unsupportedNames.isEmpty else {
            return "the certificate must have \(name.text) as its only subject alternative name"
        }
        guard let identifier = extensions[.acmeIdentifier] else {
            return "the certificate has no acmeIdentifier extension"
        }
        guard identifier.isCritical else { return "the acmeIdentifier extension is not critical" }
        guard identifier.value == DERWriter.octetString(digest) else {
            return "the acmeIdentifier extension holds another digest than that of the key authorization"
        }
        return nil
    }
}

extension OID {
    /// RFC 8737 §6.1.
    package static let acmeIdentifier = OID(1, 3, 6, 1, 5, 5, 7, 1, 31)
}
