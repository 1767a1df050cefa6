import Domain
import Encoding
import PKI
import Query
import Store

/// Requests of clients that wait until somebody approves them: they are kept with the approval, and a server issues
/// for them afterwards.
struct ClientApprovals: Sendable {
    /// Requests that one round of one server takes.
    private static let batch = 20

    private let context: LifecycleContext
    private let desk: ApprovalDesk
    private let jobs = JobStore()
    private let approvals = ApprovalStore()

    init(_ context: LifecycleContext) {
        self.context = context
        desk = ApprovalDesk(context)
    }

    static func slot(of csr: VerifiedCertificationRequest) -> IssuanceSlot {
        .key(spkiSHA256: csr.request.subjectPublicKey.spkiSHA256)
    }

    static func keys(of csr: VerifiedCertificationRequest) -> IssuanceTerms.Keys {
        .request(spkiSHA256: csr.request.subjectPublicKey.spkiSHA256, csrPEM: csr.request.pem)
    }

    /// Opens a job that waits for an approval. The same request again is answered by the job that waits already.
    func request(
        _ terms: IssuanceTerms, _ subject: IssuanceInputs, by author: Authorship, in tx: any Transaction
    ) throws -> IssuanceAnswer {
        for approval in try approvals.pending(of: terms.certificateID, in: tx) {
            if case .issuance(let waiting) = approval.subject, waiting == terms, let job = approval.jobID {
                return .awaitingApproval(approval.id, job: job)
            }
        }
        let new = NewJob(
            id: context.newID(),
            type: subject.certificate.currentVersionID == nil ? .issuance : .renewal,
            certificateID: terms.certificateID,
            status: .awaitingApproval,
            maxAttempts: 1,
            trigger: .api,
            requestedBy: author.actor,
            dedupeKey: NewJob.issuanceKey(terms.certificateID, slot: nil)
        )
        guard try jobs.open([new], in: tx).duplicates.isEmpty else {
            throw ServiceError(
                .renewalInProgress, "another request for \(terms.certificateID.text) waits for an approval")
        }
        let approval = try desk.requestIssuance(terms, job: new.id, resume: .server, by: author, in: tx)
        if approval.state == .approved { _ = try desk.resumeJobs(of: approval, in: tx) }
        return .awaitingApproval(approval.id, job: new.id)
    }

    func ready(in tx: any Transaction) throws -> [JobID] { try approvals.readyForServer(limit: Self.batch, in: tx) }

    /// A job that was approved, with the request that was approved.
    struct Claim {
        let job: Job
        let certificate: CertificateID
        let csrPEM: String
    }

    /// Takes the job for this transaction; `nil` when another server did.
    func claim(_ id: JobID, in tx: any Transaction) throws -> Claim? {
        guard let job = try approvals.claimReady(id, in: tx), let certificate = job.certificateID,
            let approval = try approvals.latest(of: id, batch: job.batchID, in: tx),
            case .issuance(let terms) = approval.subject, case .request(_, let csrPEM) = terms.keys
        else { return nil }
        return Claim(job: job, certificate: certificate, csrPEM: csrPEM)
    }

    /// What was approved can't be issued any more.
    func fail(_ job: Job, _ error: ServiceError, by author: Authorship, in tx: any Transaction) throws {
        try IssuanceRecords.claimParked(job.id, in: tx)
        let failure = JobFailure(errorClass: .permanent, message: error.detail, retryAt: nil)
        _ = try jobs.fail(job.id, holder: nil, failure, in: tx)
        try context.recorder.record(
            .renewalJobFailed, job.id.text, details: ["error": .string(error.detail), "final": true], by: author,
            in: tx)
    }
}
