package import Domain
package import PKI

/// A delegated responder: its certificate and its key, which signs answers and can sign nothing else.
package struct OCSPResponder: Sendable {
    package let delegation: OCSPDelegation
    /// The driver that holds the key: `database`, `file`, `pkcs11`, `exec`.
    package let driver: String
    private let signer: any Signer

    package init(
        certificate: X509Certificate, signer: any Signer, driver: String, issuer: X509Certificate
    ) throws(OCSPRefusal) {
        delegation = try OCSPDelegation(certificate, by: issuer)
        self.signer = signer
        self.driver = driver
    }

    package var certificate: X509Certificate { delegation.certificate }

    /// The complete `OCSPResponse`. A P-256 signature takes tens of microseconds in this process, and what a token or a
    /// signing process takes there.
    package func sign(_ template: OCSPResponseTemplate) async throws -> [UInt8] {
        try await sign(delegation.admit(template))
    }

    private func sign(_ permit: consuming OCSPSigningPermit) async throws(SignerError) -> [UInt8] {
        let answer = permit.tbs
        let signature = try await signer.sign(permit)
        return answer.responseDER(signature: signature, certificates: [certificate])
    }
}

extension LocalCA {
    /// How far the start of a responder's certificate lies in the past, for clocks that run late.
    private static let responderBackdate = Duration.minutes(5)

    /// The certificate of a responder (protocol-servers §5.5). Never outlives the CA.
    package func appointResponder(
        _ key: SubjectPublicKey, serial: RecordedSerial, validity: Duration, now: Timestamp
    ) async throws(LocalCAError) -> X509Certificate {
        try AuthorityChecks.checkValidity(certificate, at: now)
        let now = Timestamp(secondsSinceEpoch: now.secondsSinceEpoch)
        var template = CertificateTemplate(
            serialNumber: serial.serialNumber, issuer: certificate.subject,
            subject: try Self.responderName(for: certificate.subject.commonName ?? ""),
            validity: (
                notBefore: max(now - Self.responderBackdate, certificate.notBefore),
                notAfter: min(now + validity, certificate.notAfter)
            ),
            subjectPublicKey: key, signatureAlgorithm: certificate.subjectPublicKey.signatureAlgorithm)
        template.keyUsage = [.digitalSignature]
        template.extendedKeyUsages = [.ocspSigning]
        template.authorityKeyIdentifier =
            certificate.extensions.subjectKeyIdentifier ?? certificate.subjectPublicKey.keyIdentifier
        template.isNotChecked = true
        return try await release(template, serial: serial)
    }

    /// At most the 64 characters of RFC 5280, appendix A.1.
    private static func responderName(for authority: String) throws(LocalCAError) -> DistinguishedName {
        do throws(NameError) {
            let text = "OCSP Responder for \(authority)".unicodeScalars.prefix(64)
            return try DistinguishedName(commonName: String(String.UnicodeScalarView(text)))
        } catch {
            throw .validation(field: "common_name", reason: error.description)
        }
    }
}
