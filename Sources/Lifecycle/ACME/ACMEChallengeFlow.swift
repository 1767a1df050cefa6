package import Domain
import Encoding
import Query
package import Store

/// Takes the answers of clients to challenges, and writes down what came of them (RFC 8555 §7.5.1, §7.1.6).
package struct ACMEChallengeFlow: Sendable {
    /// Problems that are told of: of all attempts, unless servers died over them or many perspectives dissented.
    private static let toldProblems = 40

    private let context: LifecycleContext
    private let challenges = ACMEChallengeStore()
    private let authorizations = ACMEAuthorizationStore()
    private let orders = ACMEOrderStore()

    package init(_ context: LifecycleContext) { self.context = context }

    /// The client's proof is in place. A challenge that was answered before is returned as it is.
    ///
    /// - `accountURL`: The account as the client calls it.
    package func answer(
        _ challenge: ACMEChallenge, of account: ACMEAccount, as accountURL: String, from origin: RequestOrigin
    ) async throws -> ACMEChallenge {
        guard challenge.status == .pending else { return challenge }
        let author = Authorship(actor: ACMEActor.account(account.id), origin: origin, clearance: .system)
        return try await context.write { tx in
            if try challenges.answer(challenge.id, as: accountURL, in: tx) {
                try context.recorder.record(
                    .acmeChallengeProcessing, challenge.id.text,
                    details: [
                        "account_id": .string(account.id.text),
                        "authorization_id": .string(challenge.authorizationID.text),
                        "type": .string(challenge.type.rawValue),
                    ],
                    by: author, in: tx)
            }
            guard let now = try authorizations.challenge(challenge.id, in: tx),
                let authorization = try authorizations.find(challenge.authorizationID, in: tx)
            else { throw ACMEProblem.notYours("challenge") }
            let status = authorization.status(at: tx.now)
            // One that another challenge has proved needs no more; the client learns it from the authorization.
            guard now.status != .pending || status == .valid else {
                throw ACMEProblem(.malformed, "the authorization is \(status.rawValue), or its order has ended")
            }
            return now
        }
    }

    /// How a challenge stands after an attempt.
    enum Outcome: Sendable {
        case valid
        case invalid(ACMEFault)
        case again(at: Timestamp, ACMEFault)
    }

    /// Writes the outcome of an attempt to challenge, authorization, order and audit log; false when another server has
    /// taken the challenge up, and nothing was written.
    ///
    /// - `tally`: What other perspectives said; `nil` when they were not asked.
    func settle(
        _ job: ACMEValidationJob, _ outcome: Outcome, tally: ACMEPerspectiveTally? = nil, by owner: String
    ) async throws -> Bool {
        switch outcome {
        case .again(let next, let fault):
            let error = Self.error(fault, of: job)
            return try await context.write { tx in
                try challenges.postpone(job, of: owner, until: next, error: error, in: tx)
            }
        case .valid: return try await finish(job, nil, tally, by: owner)
        case .invalid(let fault): return try await finish(job, fault, tally, by: owner)
        }
    }

    private func finish(
        _ job: ACMEValidationJob, _ fault: ACMEFault?, _ tally: ACMEPerspectiveTally?, by owner: String
    ) async throws -> Bool {
        let author = Authorship(actor: ACMEActor.account(job.accountID), origin: nil, clearance: .system)
        return try await context.write { tx in
            let authorizationID = job.challenge.authorizationID
            let isWanted = try authorizations.lock(authorizationID, in: tx)?.status(at: tx.now) == .pending
            let fault = isWanted ? fault : Self.unwanted
            let error = fault.map { Self.error($0, of: job) }
            guard try challenges.finish(job, of: owner, error: error, in: tx) else { return false }
            var details: JSONObject = [
                "account_id": .string(job.accountID.text), "authorization_id": .string(authorizationID.text),
                "type": .string(job.challenge.type.rawValue),
                "identifier": job.identifier.json, "attempts": .integer(Int64(job.challenge.attempts)),
                "status": .string((fault == nil ? ACMEChallengeStatus.valid : .invalid).rawValue),
            ]
            details["order_id"] = job.orderID.map { .string($0.text) }
            details["perspectives"] = tally?.json
            details["error"] = fault.map { .string("\($0.kind.rawValue): \($0.detail)") }
            try context.recorder.record(
                .acmeChallengeCompleted, job.challenge.id.text, details: details, by: author, in: tx)
            guard isWanted else { return true }
            if let fault {
                guard try authorizations.move(authorizationID, from: [.pending], to: .invalid, in: tx) else {
                    return true
                }
                try end(job, fault, by: author, in: tx)
            } else if try authorizations.move(authorizationID, from: [.pending], to: .valid, in: tx),
                let order = job.orderID
            {
                // Of two authorizations that become valid at the same moment, the second must see the first.
                _ = try orders.lock(order, in: tx)
                _ = try orders.makeReady(order, in: tx)
            }
            return true
        }
    }

    /// An order of which one name is not proved comes to nothing (RFC 8555 §7.1.6).
    private func end(
        _ job: ACMEValidationJob, _ fault: ACMEFault, by author: Authorship, in tx: any Transaction
    ) throws {
        var problem = fault.problem
        problem.parts = fault.all.map { ACMEProblem.Part($0.kind, $0.detail, identifier: job.identifier.json) }
        guard let order = job.orderID,
            try orders.invalidate(order, from: [.pending], error: problem.json(), in: tx) != nil
        else { return }
        try context.recorder.record(
            .acmeOrderFailed, order.text,
            details: ["account_id": .string(job.accountID.text), "error": .string(fault.detail)], by: author, in: tx)
    }

    private static let unwanted = ACMEFault(
        .malformed, "the authorization ended before this challenge was validated", isTransient: false)

    /// The problem of an attempt, with those of all attempts below it (RFC 8555 §8.2).
    private static func error(_ fault: ACMEFault, of job: ACMEValidationJob) -> JSONValue {
        let parts = fault.all.map { part in
            var problem = ACMEFault(part.kind, part.detail, isTransient: true).problem.json()
            problem["identifier"] = job.identifier.json
            return problem
        }
        let earlier = job.challenge.error?["subproblems"]?.arrayValue ?? []
        var problem = fault.problem.json()
        problem["subproblems"] = .array((earlier + parts).suffix(toldProblems))
        return problem
    }
}
