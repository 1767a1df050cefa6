import Domain
import PKI

/// What a certificate authority must satisfy before it may be loaded (issuers §4.1.1).
enum AuthorityChecks {
    static func check(
        chain: [X509Certificate], key: SubjectPublicKey, at now: Timestamp
    ) throws(LocalCAError) {
        guard let issuing = chain.first else { throw .authority("no CA certificate was supplied") }
        guard key == issuing.subjectPublicKey else {
            throw .authority("the key does not belong to certificate \(issuing.subject)")
        }
        for (position, certificate) in chain.enumerated() {
            if position > 0 { try checkLink(from: chain[position - 1], to: certificate) }
            try checkAuthority(certificate, certificatesBelow: position)
        }
        try checkValidity(issuing, at: now)
    }

    static func checkValidity(_ certificate: X509Certificate, at now: Timestamp) throws(LocalCAError) {
        if now < certificate.notBefore {
            throw .authority("\(certificate.subject) is not valid before \(certificate.notBefore.rfc3339)")
        }
        if now >= certificate.notAfter {
            throw .authority(
                "\(certificate.subject) expired at \(certificate.notAfter.rfc3339); renew or replace the CA")
        }
    }

    private static func checkLink(
        from lower: X509Certificate, to upper: X509Certificate
    ) throws(LocalCAError) {
        guard lower.issuer.matches(upper.subject), lower.verifySignature(issuedBy: upper) else {
            throw .authority("chain is out of order: \(upper.subject) did not issue \(lower.subject)")
        }
    }

    private static func checkAuthority(
        _ certificate: X509Certificate, certificatesBelow: Int
    ) throws(LocalCAError) {
        let name = certificate.subject.description
        guard !certificate.subject.isEmpty else { throw .authority("CA certificate has an empty subject") }
        guard certificate.isCA else { throw .authority("\(name) is not a CA certificate (CA:TRUE is missing)") }
        guard certificate.keyUsage?.contains(.keyCertSign) ?? true else {
            throw .authority("\(name) may not sign certificates (key usage lacks keyCertSign)")
        }
        if let limit = certificate.extensions.basicConstraints?.pathLenConstraint, certificatesBelow > limit {
            throw .authority(
                "\(name) allows \(limit) certificates of authorities below it, the chain has \(certificatesBelow)")
        }
        if let unknown = certificate.extensions.unknownCritical.first {
            throw .authority("\(name) has the critical extension \(unknown), which is not understood")
        }
    }
}
