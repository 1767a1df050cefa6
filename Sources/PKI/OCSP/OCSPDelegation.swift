import Domain

/// Proof that these octets are an answer of a delegated responder about certificates of its own issuer. Spent by signing,
/// once.
///
/// There is no way from it to a certificate, and none from a ``SigningPermit`` to an answer: the key of a responder never
/// signs a certificate, and the key of a CA never signs an answer.
package struct OCSPSigningPermit: ~Copyable, Sendable {
    package let tbs: TBSResponseData
    /// The algorithm of the responder's key, as the octets name it.
    package var signatureAlgorithm: SignatureAlgorithm { tbs.signatureAlgorithm }

    fileprivate init(tbs: TBSResponseData) { self.tbs = tbs }
}

extension OCSPSigningPermit: SigningAuthorisation {
    package consuming func order() -> SigningOrder {
        SigningOrder(purpose: .ocsp, message: tbs.der, algorithm: signatureAlgorithm)
    }
}

/// What makes somebody a responder: a certificate of the issuer itself that says so (RFC 6960 §4.2.2.2).
package struct OCSPDelegation: Sendable {
    package let certificate: X509Certificate
    /// Whose certificates the responder answers for.
    package let issuer: IssuerIdentity

    package init(_ certificate: X509Certificate, by authority: X509Certificate) throws(OCSPRefusal) {
        guard certificate.issuer.matches(authority.subject), certificate.verifySignature(issuedBy: authority) else {
            throw OCSPRefusal("\(certificate.subject) was not issued by \(authority.subject)")
        }
        guard certificate.extendedKeyUsages == [.ocspSigning], certificate.keyUsage == [.digitalSignature],
            certificate.extensions[.ocspNoCheck] != nil, !certificate.isCA
        else { throw OCSPRefusal("\(certificate.subject) is no OCSP responder's certificate") }
        self.certificate = certificate
        issuer = IssuerIdentity(authority)
    }

    /// The only way to a permit: every certificate is the issuer's, and no answer outlives the responder.
    package func admit(_ template: OCSPResponseTemplate) throws(OCSPRefusal) -> OCSPSigningPermit {
        guard template.responder == certificate.subjectPublicKey else {
            throw OCSPRefusal("the answer names another responder")
        }
        guard certificate.isValid(at: template.producedAt) else {
            throw OCSPRefusal("the responder's certificate is valid until \(certificate.notAfter.rfc3339)")
        }
        guard !template.responses.isEmpty, template.responses.count <= OCSPRequest.maximumCertificates else {
            throw OCSPRefusal("an answer is about 1 to \(OCSPRequest.maximumCertificates) certificates")
        }
        for response in template.responses {
            guard response.certID.matches(issuer) else {
                throw OCSPRefusal("the answer is about a certificate of another issuer")
            }
            guard let next = response.nextUpdate, response.thisUpdate <= next, next <= certificate.notAfter else {
                throw OCSPRefusal("the answer has no end, or outlives its responder")
            }
        }
        return OCSPSigningPermit(tbs: template.tbsResponseData())
    }
}

/// Why an answer was not signed.
package struct OCSPRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    init(_ reason: String) { self.reason = reason }

    package var description: String { "OCSP: \(reason)" }
}
