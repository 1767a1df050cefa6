import Domain
import Encoding
import PKI
import Query
import Store

/// Brings orders that a CA was to be asked for to their end: at once for the client that finalizes, and later for those
/// that nobody works on any more (protocol-servers §2.10).
///
/// An order is bound to one job at a time. Whoever changes that binding, in the transaction that records the intent, may
/// ask the CA; the version is stored together with the end of the order. So it is issued once, whoever crashes.
package struct ACMESettlement: Sendable {
    /// Calls to a CA for one order.
    private static let mostAttempts = 3
    /// An order that was touched more recently is somebody's work.
    private static let rest = Duration.seconds(3)
    private static let batch = 50

    private let context: LifecycleContext
    private let issue: IssueFlow
    private let orders = ACMEOrderStore()

    package init(_ context: LifecycleContext, issue: IssueFlow) {
        self.context = context
        self.issue = issue
    }

    /// What was issued under a job belongs to the order that waits for it.
    static func fulfil(
        _ job: JobID, with version: VersionID, recorder: Recorder, by author: Authorship, in tx: any Transaction
    ) throws {
        guard let order = try ACMEOrderStore().fulfil(job: job, version: version, in: tx) else { return }
        try recorder.record(
            .acmeOrderFinalized, order.id.text,
            details: [
                "account_id": .string(order.accountID.text), "version_id": .string(version.text),
                "certificate_id": .string(order.certificateID?.text ?? ""),
            ],
            by: author, in: tx)
    }

    /// Asks the CA for a processing order, and writes down what can't come to anything.
    func drive(_ order: ACMEOrder, by author: Authorship) async throws {
        guard let csr = order.csrPEM, let certificate = order.certificateID else {
            try await invalidate(
                order, ACMEProblem(.serverInternal, "what the order was to be issued for is gone"), by: author)
            return
        }
        do {
            _ = try await issue.submit(
                clientCSR: csr, for: certificate,
                claim: { job, tx in
                    guard try orders.claim(order.id, job: job, previous: order.jobID, in: tx) else {
                        throw OrderTaken()
                    }
                },
                by: author)
        } catch is OrderTaken {
            // Another replica works on it, or it has ended.
        } catch let error as ServiceError {
            if Self.isTransient(error), order.attempts + 1 < Self.mostAttempts, try await !isRefused(order.id) {
                return
            }
            try await invalidate(order, ACMEProblem(error), by: author)
        }
    }

    private struct OrderTaken: Error {}

    /// Whether the CA has refused the order for good: the error alone may be that of any failure upstream.
    private func isRefused(_ id: ACMEOrderID) async throws -> Bool {
        try await context.read { tx in
            guard let job = try orders.find(id, in: tx)?.jobID else { return false }
            return try JobStore().find(job, in: tx)?.errorClass == .permanent
        }
    }

    private static func isTransient(_ error: ServiceError) -> Bool {
        switch error.code {
        case .transient, .unavailable, .upstreamFailed, .upstreamTimeout, .renewalInProgress: true
        default: false
        }
    }

    private func invalidate(_ order: ACMEOrder, _ problem: ACMEProblem, by author: Authorship) async throws {
        let error = problem.json()
        try await context.write { tx in
            guard try orders.invalidate(order.id, from: [.processing], error: error, in: tx) != nil else { return }
            try context.recorder.record(
                .acmeOrderFailed, order.id.text,
                details: ["account_id": .string(order.accountID.text), "error": .string(problem.detail)],
                by: author, in: tx)
        }
    }

    // MARK: What nobody works on

    /// Looks after orders that wait; how many came further.
    func settle() async throws -> Int {
        let waiting = try await context.read { tx in
            try orders.unsettled(since: tx.now - Self.rest, limit: Self.batch, in: tx)
        }
        var settled = 0
        for order in waiting {
            try Task.checkCancellation()
            let author = Authorship(
                actor: ACMEActor.account(order.accountID), origin: nil, clearance: .system)
            switch try await stand(of: order, by: author) {
            case .waits: try await context.write { tx in try orders.touch(order.id, in: tx) }
            case .isSettled: settled += 1
            case .mayBeAsked:
                try await drive(order, by: author)
                settled += 1
            case .failed(let problem):
                try await invalidate(order, problem, by: author)
                settled += 1
            }
        }
        return settled
    }

    private enum Stand: Sendable {
        case waits, isSettled, mayBeAsked
        case failed(ACMEProblem)
    }

    private func stand(of order: ACMEOrder, by author: Authorship) async throws -> Stand {
        guard let jobID = order.jobID else { return .mayBeAsked }
        return try await context.write { tx in
            if let version = try VersionStore().find(storedBy: jobID, in: tx) {
                try Self.fulfil(jobID, with: version.id, recorder: context.recorder, by: author, in: tx)
                return .isSettled
            }
            let isSpent = order.attempts >= Self.mostAttempts
            guard let job = try JobStore().find(jobID, in: tx) else {
                // The job of a client is stored with its outcome; while a CA is asked there is only the order at it.
                if try OrderStore().open(of: jobID, in: tx) != nil { return .waits }
                return isSpent
                    ? .failed(ACMEProblem(.serverInternal, "the certificate could not be issued")) : .mayBeAsked
            }
            if job.phase.isOpen { return .waits }
            guard job.status == .failed, job.errorClass != .permanent, !isSpent else {
                return .failed(
                    ACMEProblem(
                        job.status == .cancelled ? .unauthorized : .serverInternal,
                        job.status == .cancelled
                            ? "the request was not approved, or was withdrawn" : "the certificate could not be issued",
                        status: job.status == .cancelled ? 403 : nil))
            }
            return .mayBeAsked
        }
    }
}
