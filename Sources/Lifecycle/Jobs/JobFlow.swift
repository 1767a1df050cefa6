package import Domain
import Encoding
import Query
package import Store

/// What operators do to jobs.
package struct JobFlow: Sendable {
    private let context: LifecycleContext
    private let jobs = JobStore()
    private let renewals: RenewalOutcome
    private let desk: ApprovalDesk

    package init(_ context: LifecycleContext) {
        self.context = context
        desk = ApprovalDesk(context)
        renewals = RenewalOutcome(context)
    }

    /// Cancels an open job. Whoever runs it learns by the refusal of its report.
    package func cancel(_ id: JobID, reason: String?, by author: Authorship) async throws -> Job {
        try await context.write { tx in
            let job = try jobs.get(id, within: author.clearance, in: tx)
            let text = reason?.trimmingBlanks ?? ""
            guard let cancelled = try jobs.cancel(id, reason: text.isEmpty ? "cancelled" : text, in: tx) else {
                throw ServiceError(.invalidState, "job \(id.text) is over: it is \(job.status.rawValue)")
            }
            try context.recorder.record(.jobCancelled, id.text, details: ["reason": .string(text)], by: author, in: tx)
            if job.type == .issuance || job.type == .renewal, let certificate = job.certificateID,
                try jobs.openIssuances(of: certificate, in: tx).isEmpty
            {
                try renewals.recordCancellation(of: certificate, in: tx)
                try RenewalPlanner().postpone(certificate, in: tx)
            }
            if let certificate = job.certificateID { try desk.expireAbandoned(of: certificate, in: tx) }
            return cancelled
        }
    }

    /// Grants a failed job one more attempt, at once.
    package func retry(_ id: JobID, by author: Authorship) async throws -> Job {
        try await context.write { tx in
            let job = try jobs.get(id, within: author.clearance, in: tx)
            guard job.status == .failed else {
                throw ServiceError(
                    .invalidState, "job \(id.text) is \(job.status.rawValue); only a failed job is retried")
            }
            if job.type == .issuance || job.type == .renewal, let certificate = job.certificateID {
                try reopen(certificate, in: tx)
            }
            guard let retried = try jobs.grantRetry(id, in: tx) else {
                throw ServiceError(.invalidState, "job \(id.text) changed at the same moment; read it again")
            }
            try context.recorder.record(.jobRetried, id.text, by: author, in: tx)
            return retried
        }
    }

    private func reopen(_ id: CertificateID, in tx: any Transaction) throws {
        let certificate = try CertificateStore().lock(id, in: tx)
        guard certificate.status != .renewalInProgress else { return }
        guard let status = try? certificate.status.after(.renewalOpened) else {
            throw ServiceError(.invalidState, "\(id.text) is \(certificate.status.rawValue) and cannot be renewed")
        }
        try CertificateStore().transition(
            id,
            from: [certificate.status],
            to: CertificateOutcome(status: status),
            in: tx
        )
    }
}
