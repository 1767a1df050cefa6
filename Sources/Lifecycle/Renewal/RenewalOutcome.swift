import Domain
import Encoding
import Query
import Store

/// Moves a certificate on when the issuance jobs of a batch end without a version (C6, C7).
struct RenewalOutcome: Sendable {
    private let context: LifecycleContext
    private let certificates = CertificateStore()

    init(_ context: LifecycleContext) { self.context = context }

    /// An issuance job failed for good: the certificate fails, and is tried again later (domain §5.4).
    func recordFailure(
        of id: CertificateID,
        reason: String,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        let certificate = try certificates.lock(id, in: tx)
        let validity = try validity(of: certificate, in: tx)
        let status: CertificateStatus
        switch certificate.status {
        case .renewalInProgress: status = try certificate.status.after(.renewalFailed(validity))
        case .pending, .active, .expiring, .expired, .failed:
            status = validity.status == .expired ? .expired : .failed
        case .revoked, .archived: return
        }
        let failures = certificate.renewalFailures + 1
        let policy = try PolicyStore().get(certificate.fields.renewalPolicyID, in: tx)
        let next =
            policy.fields.autoRenew
            ? RenewalPlan.afterFailure(
                failures: failures,
                retryInterval: policy.retryInterval,
                expiresAt: certificate.expiresAt,
                now: tx.now
            ) : nil
        try certificates.transition(
            id,
            from: [certificate.status],
            to: CertificateOutcome(
                status: status,
                nextRenewalAt: next.map(CertificateOutcome.Time.at) ?? .never,
                renewalFailures: failures,
                lastError: reason
            ),
            in: tx
        )
        try context.recorder.record(
            .renewalFailed,
            id.text,
            details: ["error": .string(reason), "failures": .integer(Int64(failures))],
            by: author,
            in: tx
        )
    }

    /// The jobs of a renewal were cancelled: the certificate stands where its validity puts it.
    func recordCancellation(of id: CertificateID, in tx: any Transaction) throws {
        let certificate = try certificates.lock(id, in: tx)
        guard certificate.status == .renewalInProgress else { return }
        let status = try certificate.status.after(.renewalCancelled(validity(of: certificate, in: tx)))
        try certificates.transition(
            id,
            from: [.renewalInProgress],
            to: CertificateOutcome(status: status),
            in: tx
        )
    }

    /// What the status of a certificate depends on at this moment.
    func validity(of certificate: Certificate, in tx: any Transaction) throws -> CertificateValidity {
        let policy = try PolicyStore().get(certificate.fields.renewalPolicyID, in: tx).fields
        let versions = try VersionStore().current(of: certificate.id, in: tx)
        return Self.validity(
            expiresAt: certificate.expiresAt,
            isDeclaredActive: certificate.isDeclaredActive,
            lifetime: versions.map { $0.notAfter - $0.notBefore }.max() ?? .zero,
            policy: policy,
            now: tx.now
        )
    }

    static func validity(
        expiresAt: Timestamp?,
        isDeclaredActive: Bool,
        lifetime: Duration,
        policy: RenewalPolicyFields,
        now: Timestamp
    ) -> CertificateValidity {
        CertificateValidity(
            expiresAt: expiresAt,
            isDeclaredActive: isDeclaredActive,
            warningWindow: CertificateValidity.warningWindow(
                alertThresholdsDays: policy.alertThresholdsDays,
                renewalWindowDays: policy.renewalWindowDays,
                validity: lifetime
            ),
            now: now
        )
    }
}
