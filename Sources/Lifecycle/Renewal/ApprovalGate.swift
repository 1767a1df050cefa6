package import Domain

/// Proof that somebody was allowed to open an issuance: nothing else lets a flow create an issuance job.
package struct ApprovalPermit: ~Copyable, Sendable {
    /// The certificate that the permit was given for.
    package let certificate: CertificateID

    fileprivate init(certificate: CertificateID) { self.certificate = certificate }
}

/// The one gate through which every issuance passes: schedule, API, bulk and protocols alike.
///
/// It stands open: no approval records exist yet. When they do, it answers with a waiting state instead, here and
/// nowhere else. A profile that demands approval is already refused rather than let through.
package struct ApprovalGate: Sendable {
    package init() {}

    /// Admits an issuance for a certificate whose profile says whether an approval is needed.
    package func admit(_ certificate: CertificateID, requiresApproval: Bool) throws(ServiceError) -> ApprovalPermit {
        guard !requiresApproval else {
            throw ServiceError(
                .invalidState,
                "the profile of \(certificate.text) requires an approval, which this build cannot record; "
                    + "clear requires_approval on the profile to issue"
            )
        }
        return ApprovalPermit(certificate: certificate)
    }
}
