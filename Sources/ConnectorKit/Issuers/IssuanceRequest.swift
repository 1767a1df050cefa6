package import Domain
package import PKI

/// What is ordered: the approved names and limits, and the request whose public key gets certified.
///
/// The names are the *approved* ones; a connector never takes names from the CSR.
package struct IssuanceRequest: Sendable {
    /// The same for every attempt at the same order (specification, issuers §2.6).
    package let idempotencyKey: String
    package let certificateID: CertificateID
    /// May be empty.
    package let commonName: String
    package let subjectAltNames: [SubjectAltName]
    package let csr: VerifiedCertificationRequest
    /// Allocated and recorded by the caller before this call when
    /// ``IssuerCapabilities/serialAllocation`` is `.caller`; `nil` otherwise.
    package let serialNumber: SerialNumber?
    package let limits: IssuanceLimits
    /// The certificate that this one renews.
    package let replaces: X509Certificate?

    package init(
        idempotencyKey: String,
        certificateID: CertificateID,
        commonName: String,
        subjectAltNames: [SubjectAltName],
        csr: VerifiedCertificationRequest,
        serialNumber: SerialNumber?,
        limits: IssuanceLimits,
        replaces: X509Certificate? = nil
    ) {
        self.idempotencyKey = idempotencyKey
        self.certificateID = certificateID
        self.commonName = commonName
        self.subjectAltNames = subjectAltNames
        self.csr = csr
        self.serialNumber = serialNumber
        self.limits = limits
        self.replaces = replaces
    }
}

/// What the profile grants to one certificate.
package struct IssuanceLimits: Hashable, Sendable {
    /// `nil` when only the issuer limits the life time.
    package let maxTTL: Duration?
    package let extendedKeyUsages: [ExtendedKeyUsage]
    /// RFC 7633.
    package let mustStaple: Bool

    package init(maxTTL: Duration?, extendedKeyUsages: [ExtendedKeyUsage], mustStaple: Bool = false) {
        self.maxTTL = maxTTL
        self.extendedKeyUsages = extendedKeyUsages
        self.mustStaple = mustStaple
    }
}
