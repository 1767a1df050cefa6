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
    /// Most of the whole period, `notBefore` and `notAfter` included (RFC 5280 §4.1.2.5); `nil` when only the issuer
    /// limits the life time. An issuer that backdates has to be asked for less.
    package let maxTTL: Duration?
    package let extendedKeyUsages: [ExtendedKeyUsage]
    /// RFC 7633.
    package let mustStaple: Bool
    /// The whole subject; `nil` for the common name of the request, or none.
    package var subject: DistinguishedName?
    package var isUsageCritical = false
    /// How long before the issuance the period begins; `nil` for the issuer's own.
    package var backdate: Duration?
    /// Certificate policies (RFC 5280 §4.2.1.4).
    package var policies: [OID] = []
    /// `nil` for what follows from purposes and key.
    package var keyUsage: KeyUsage?
    /// noRevAvail, and no addresses of lists and responders (RFC 9608). An issuer that can't say it leaves it out.
    package var hasNoRevocation = false
    /// When the period begins and ends, to the second, or nothing is issued; `nil` leaves it to the rest.
    package var notBefore: Timestamp?
    package var notAfter: Timestamp?

    package init(maxTTL: Duration?, extendedKeyUsages: [ExtendedKeyUsage], mustStaple: Bool = false) {
        self.maxTTL = maxTTL
        self.extendedKeyUsages = extendedKeyUsages
        self.mustStaple = mustStaple
    }

    /// What a profile decided.
    package init(_ template: ProfileTemplate) {
        self.init(
            maxTTL: template.ttl, extendedKeyUsages: template.extendedKeyUsages, mustStaple: template.mustStaple)
        subject = template.subject
        isUsageCritical = template.isUsageCritical
        backdate = template.backdate
        policies = template.policies
        keyUsage = template.keyUsage
        hasNoRevocation = template.hasNoRevocation
        notBefore = template.notBefore
        notAfter = template.notAfter
    }
}
