import Domain
import PKI
import Store

extension IssuanceInputs {
    var issuerID: IssuerID { certificate.fields.issuerID }

    /// Throws unless the state of certificate and issuer allows an issuance.
    func requireIssuable() throws(ServiceError) {
        let id = certificate.id.text
        switch certificate.status {
        case .pending, .active, .expiring, .expired, .renewalInProgress, .failed: break
        case .revoked: throw ServiceError(.invalidState, "\(id) is revoked; create a new certificate instead")
        case .archived: throw ServiceError(.invalidState, "\(id) is archived; unarchive it first")
        }
        guard issuerEnabled else {
            throw ServiceError(.invalidState, "the issuer \(issuerID.text) is disabled; enable it to issue")
        }
    }
}

/// One order on its way: what was recorded before the CA was asked, and what its outcome will change.
struct IssuanceIntent: Sendable {
    let subject: IssuanceInputs
    let order: OrderID
    let job: IssuanceJob
    let csr: VerifiedCertificationRequest
    let names: [SubjectAltName]
    /// What the profile made of the request.
    let template: ProfileTemplate
    let serialNumber: SerialNumber?
    /// The CA of a tree that was chosen to sign; `nil` when the issuer is one authority.
    let authority: AuthorityID?
    let author: Authorship
    let startedAt: Timestamp
    /// The approval that it rests on; `nil` where the profile asks for none.
    let approval: ApprovalID?

    /// - `permit`: Proof that the gate below every entry point let this certificate through.
    init(
        subject: IssuanceInputs,
        order: OrderID,
        job: IssuanceJob,
        csr: VerifiedCertificationRequest,
        names: [SubjectAltName],
        template: ProfileTemplate,
        serialNumber: SerialNumber?,
        authority: AuthorityID?,
        author: Authorship,
        startedAt: Timestamp,
        under permit: consuming ApprovalPermit
    ) {
        precondition(permit.certificate == subject.certificate.id, "the permit is for another certificate")
        self.subject = subject
        self.order = order
        self.job = job
        self.csr = csr
        self.names = names
        self.template = template
        self.serialNumber = serialNumber
        self.authority = authority
        self.author = author
        self.startedAt = startedAt
        approval = permit.approval
    }

    /// The agent whose key gets certified; `nil` when a client holds it.
    var slot: AgentID? { job.agentID }
}

/// The job of an order: one that an agent was waiting for, or one that is written down with its outcome.
struct IssuanceJob: Sendable {
    let id: JobID
    let type: JobType
    /// `nil` for a CSR that a client made: such a job is first stored with its outcome.
    let agentID: AgentID?
    let batchID: BatchID?
    let attempts: Int
    let maxAttempts: Int
    /// Who holds the lease while the CA is asked; `nil` for a job that is not stored yet, or that was just taken back
    /// from waiting in the same transaction.
    let holder: String?
    /// Whether the job waits as `Pending` while its CA works on the order.
    let isParked: Bool

    /// A job that was opened before, by ``RenewFlow``.
    init(_ job: Job, attempts: Int, holder: String?, isParked: Bool = false) {
        id = job.id
        type = job.type
        agentID = job.agentID
        batchID = job.batchID
        self.attempts = attempts
        maxAttempts = job.maxAttempts
        self.holder = holder
        self.isParked = isParked
    }

    /// The job of a CSR that a client made. It is tried once: the client learns of a failure at once.
    init(id: JobID, type: JobType) {
        self.id = id
        self.type = type
        agentID = nil
        batchID = nil
        attempts = 1
        maxAttempts = 1
        holder = nil
        isParked = false
    }
}
