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
    /// What a CA may ask for between two attempts.
    private static let longestPause = Duration.hours(1)
    private static let batch = 50

    private let context: LifecycleContext
    private let issue: IssueFlow
    private let gate: ACMEIssuanceGate?
    private let orders = ACMEOrderStore()

    /// - `gate`: Looks once more at what is too long ago; `nil` where nothing is to be looked at.
    package init(_ context: LifecycleContext, issue: IssueFlow, gate: ACMEIssuanceGate? = nil) {
        self.context = context
        self.issue = issue
        self.gate = gate
    }

    /// What was issued under a job belongs to the orders that wait for it.
    static func fulfil(
        _ job: JobID, with version: VersionID, recorder: Recorder, by author: Authorship, in tx: any Transaction
    ) throws {
        for order in try ACMEOrderStore().fulfil(job: job, version: version, in: tx) {
            try recorder.record(
                .acmeOrderFinalized, order.id.text,
                details: [
                    "account_id": .string(order.accountID.text), "version_id": .string(version.text),
                    "certificate_id": .string(order.certificateID?.text ?? ""),
                ],
                by: author, in: tx)
            try ACMESuccession(recorder: recorder).fulfilled(order, by: author, in: tx)
        }
    }

    /// Asks the CA for a processing order, and writes down what can't come to anything.
    ///
    /// - `csr`: That of the order, from whoever has just verified it.
    func drive(
        _ order: ACMEOrder, with csr: VerifiedCertificationRequest? = nil, by author: Authorship
    ) async throws {
        guard let pem = order.csrPEM, let certificate = order.certificateID else {
            try await invalidate(
                order, ACMEProblem(.serverInternal, "what the order was to be issued for is gone"), by: author)
            return
        }
        switch try await gate?.look(at: order, by: author) ?? .passes {
        case .passes: break
        case .refused: return
        case .isUnknown(let pause):
            try await context.write { tx in
                try orders.postpone(order.id, until: tx.now + pause, counting: false, in: tx)
            }
            return
        }
        do {
            _ = try await issue.submit(
                try csr ?? Preflight.request(pem: pem), for: certificate,
                claim: { job, tx in
                    // What is approved once goes to every order of the request, so they must want the same.
                    guard try orders.waiting(for: job, in: tx).allSatisfy({ $0.hasPeriod(of: order) }) else {
                        throw ServiceError(
                            .renewalInProgress, "the same request waits for an approval for another period")
                    }
                    guard try orders.claim(order.id, job: job, previous: order.jobID, in: tx) else {
                        throw OrderTaken()
                    }
                },
                by: author)
        } catch is OrderTaken {
            // Another replica works on it, or it has ended.
        } catch let error as ServiceError {
            try await end(order, after: error, by: author)
        }
    }

    private struct OrderTaken: Error {}

    /// Ends an order that a CA refused, or that was asked for in vain often enough; every other one is tried again.
    private func end(_ order: ACMEOrder, after error: ServiceError, by author: Authorship) async throws {
        let (failure, attempts) = try await context.read { tx -> (OrderFailure?, Int) in
            guard let now = try orders.find(order.id, in: tx) else { return (nil, order.attempts) }
            // Without another job no CA was asked this time.
            guard let job = now.jobID, job != order.jobID else { return (nil, now.attempts) }
            return (try OrderStore().failure(of: job, in: tx), now.attempts)
        }
        let isTransient = failure?.isRetryable ?? Self.isTransient(error)
        // Who waits for another order of the same names has not tried yet; a CA that is not there was asked in vain.
        let isUncounted = failure == nil && error.code == .unavailable
        guard isTransient, attempts + (isUncounted ? 1 : 0) < Self.mostAttempts else {
            try await invalidate(order, failure.map { ACMEProblem($0) } ?? ACMEProblem(error), by: author)
            return
        }
        // Orders that wait for the approval of another one leave their turn to the rest.
        let isBehind = failure == nil && error.code == .renewalInProgress
        guard error.retryAfter != nil || isUncounted || isBehind else { return }
        let pause = min(max(error.retryAfter ?? .zero, Self.rest), Self.longestPause)
        try await context.write { tx in
            try orders.postpone(order.id, until: tx.now + pause, counting: isUncounted, in: tx)
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
            try ACMESuccession(recorder: context.recorder).failed(order, by: author, in: tx)
        }
    }

    // MARK: What nobody works on

    /// Looks after orders that wait; how many came further. A CA is asked by the desk, and not waited for.
    func settle(through desk: ACMEIssuanceDesk) async throws -> Int {
        let waiting = try await context.read { tx in
            try orders.unsettled(since: tx.now - Self.rest, limit: Self.batch, in: tx)
        }
        var settled = 0
        for order in waiting {
            try Task.checkCancellation()
            let author = Authorship(
                actor: ACMEActor.account(order.accountID), origin: nil, clearance: .system)
            switch desk.isAt(order.id) ? .waits : try await stand(of: order, by: author) {
            case .waits: try await putOff(order)
            case .isSettled: settled += 1
            case .mayBeAsked:
                if desk.take(order, by: author) { settled += 1 } else { try await putOff(order) }
            case .failed(let problem):
                try await invalidate(order, problem, by: author)
                settled += 1
            }
        }
        return settled
    }

    /// Lets the orders behind it have their turn.
    private func putOff(_ order: ACMEOrder) async throws {
        try await context.write { tx in try orders.touch(order.id, in: tx) }
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
            func failed() throws -> Stand {
                let failure = try OrderStore().failure(of: jobID, in: tx)
                return .failed(failure.map { ACMEProblem($0) } ?? .refusedUnexplained)
            }
            guard let job = try JobStore().find(jobID, in: tx) else {
                // The job of a client is stored with its outcome; while a CA is asked there is only the order at it.
                if try OrderStore().open(of: jobID, in: tx) != nil { return .waits }
                return isSpent ? .failed(.unavailable(for: nil)) : .mayBeAsked
            }
            if job.phase.isOpen { return .waits }
            if job.status == .cancelled {
                return .failed(
                    ACMEProblem(
                        .unauthorized, "the request was not approved, or was withdrawn", status: 403))
            }
            guard job.status == .failed, job.errorClass != .permanent, !isSpent else { return try failed() }
            return .mayBeAsked
        }
    }
}
