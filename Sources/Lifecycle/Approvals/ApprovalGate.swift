package import Domain
import Query
import Store

/// Proof that a certificate may be signed now: nothing else makes an order (``IssuanceIntent``).
///
/// Made here and nowhere else: under a profile that asks for no approval, or from an approved request whose digest is
/// that of what is about to be signed.
package struct ApprovalPermit: ~Copyable, Sendable {
    package let certificate: CertificateID
    /// What it rests on; `nil` where the profile asks for no approval.
    package let approval: ApprovalID?

    fileprivate init(_ certificate: CertificateID, approval: ApprovalID? = nil) {
        self.certificate = certificate
        self.approval = approval
    }
}

/// Proof that a profile may be made, changed or deleted.
struct ProfileEditPermit: ~Copyable {
    /// What it rests on; `nil` where neither the old nor the new profile asks for an approval.
    let approval: ApprovalID?

    fileprivate init(approval: ApprovalID? = nil) { self.approval = approval }
}

/// Proof that an operation which revokes many certificates may begin.
struct BulkRevocationPermit: ~Copyable {
    let operation: OperationID
    /// What it rests on; `nil` where nobody has to agree.
    let approval: ApprovalID?

    fileprivate init(_ operation: OperationID, approval: ApprovalID?) {
        self.operation = operation
        self.approval = approval
    }
}

/// The gate below every entry point: schedule, API, bulk and protocols alike (specification, security §8, domain §4.6).
///
/// It opens for what was approved exactly as it is about to be done. What it can't find out keeps it shut.
package struct ApprovalGate: Sendable {
    private let approvals = ApprovalStore()

    package init() {}

    // MARK: Issuance

    /// The profile of a certificate; `nil` when it has none. One that can't be read lets nothing through (503).
    func profile(of certificate: Certificate, in tx: any Transaction) throws -> Profile? {
        guard let id = certificate.fields.profileID else { return nil }
        do {
            if let profile = try ProfileStore().find(id, in: tx) { return profile }
        } catch let error as DatabaseError where error.kind == .corrupt {
            throw Self.unreadable(id)
        }
        throw Self.unreadable(id)
    }

    static func unreadable(_ id: ProfileID) -> ServiceError {
        ServiceError(
            .unavailable,
            "the profile \(id.text) can't be read, so nothing is issued under it; repair it",
            retryAfter: .seconds(60)
        )
    }

    /// What somebody has to approve before `inputs` is signed; `nil` when nobody has to.
    func demand(on inputs: IssuanceInputs, keys: IssuanceTerms.Keys) throws(ServiceError) -> IssuanceTerms? {
        guard let id = inputs.certificate.fields.profileID else { return nil }
        guard let profile = inputs.profile, let version = inputs.profileVersion else { throw Self.unreadable(id) }
        guard profile.requiresApproval else { return nil }
        let certificate = inputs.certificate
        return IssuanceTerms(certificate.fields, of: certificate.id, under: id, version: version, keys: keys)
    }

    /// The permit to sign.
    ///
    /// Throws 409 `approval_required` when nobody approved, 409 `stale_approval` when something else was approved, and
    /// 503 when the profile can't be read.
    ///
    /// - `job`: The job that the key belongs to; `nil` for a request that opened none yet.
    func permit(
        for inputs: IssuanceInputs,
        slot: IssuanceSlot,
        job: JobID?,
        batch: BatchID?,
        in tx: any Transaction
    ) throws -> ApprovalPermit {
        let certificate = inputs.certificate.id
        guard let wanted = try demand(on: inputs, keys: .agents([])) else { return ApprovalPermit(certificate) }
        guard let job, let approval = try approvals.latest(of: job, batch: batch, in: tx),
            approval.state == .approved
        else {
            throw ServiceError(
                .approvalRequired,
                "the profile \(wanted.profileID.text) requires an approval, which \(certificate.text) doesn't have"
            )
        }
        return try permit(wanted, slot: slot, under: approval.id, in: tx)
    }

    private func permit(
        _ wanted: IssuanceTerms, slot: IssuanceSlot, under id: ApprovalID, in tx: any Transaction
    ) throws -> ApprovalPermit {
        guard let request = try approvals.approved(id, in: tx), case .issuance(let approved) = request.subject else {
            throw Self.stale(id, "its payload is not the one that was approved")
        }
        var executed = wanted
        executed.keys = approved.keys
        guard ApprovalSubject.issuance(executed).digest == request.subject.digest else {
            throw Self.stale(id, "the certificate or its profile changed since it was asked for")
        }
        guard approved.keys.cover(slot) else { throw Self.stale(id, "it was given for another key") }
        return ApprovalPermit(wanted.certificateID, approval: id)
    }

    static func stale(_ id: ApprovalID, _ reason: String) -> ServiceError {
        ServiceError(.staleApproval, "the approval \(id.text) no longer holds: \(reason); ask again")
    }

    // MARK: Profiles

    /// The permit for an edit that needs no second person; `nil` when the profile asks for one before or after it.
    func permit(changing before: ProfileFields?, to after: ProfileFields?) -> ProfileEditPermit? {
        guard before?.requiresApproval != true, after?.requiresApproval != true else { return nil }
        return ProfileEditPermit()
    }

    /// The permit for an edit that was approved.
    func permit(_ request: borrowing ApprovedRequest) -> ProfileEditPermit { ProfileEditPermit(approval: request.id) }

    // MARK: Bulk revocation

    /// The permit to begin an operation, which must be exactly what was approved. An approval serves once: an operation
    /// begins in the transaction that takes the permit, and none begins twice.
    func permit(
        _ operation: Operation, under id: ApprovalID, in tx: any Transaction
    ) throws -> BulkRevocationPermit {
        guard let request = try approvals.approved(id, in: tx), request.subject.kind == .bulkRevocation else {
            throw ServiceError(.approvalRequired, "no bulk revocation was approved under \(id.text)")
        }
        guard request.subject == .bulkRevocation(BulkRevocationTerms(operation)),
            try OperationStore().pendingDigest(of: operation.id, in: tx) == operation.itemsSHA256
        else { throw Self.stale(id, "other certificates, or another reason, were approved") }
        return BulkRevocationPermit(operation.id, approval: id)
    }

    /// The permit to begin where nobody has to agree; `nil` where somebody has to.
    func permit(
        _ operation: OperationID, by rule: SecondPersonRule, in tx: any Transaction
    ) throws -> BulkRevocationPermit? {
        switch rule {
        case .never: return BulkRevocationPermit(operation, approval: nil)
        case .always: return nil
        case .automatic:
            guard try GrantStore().approvingAdministrators(in: tx) < 2 else { return nil }
            return BulkRevocationPermit(operation, approval: nil)
        }
    }
}
