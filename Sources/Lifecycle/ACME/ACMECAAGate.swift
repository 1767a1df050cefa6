import Domain
import Encoding
import Query
import Store

/// Looks at CAA records again before a certificate is issued, when the last look is too long ago
/// (RFC 8659 §4, protocol-servers §2.9).
struct ACMECAAGate: Sendable {
    /// How long what was seen counts, as the CA/Browser Forum has it.
    static let longestMemory = Duration.hours(8)
    /// Names that are asked about at a time.
    private static let width = 10

    /// After which a client whose perspectives kept silent may come again.
    private static let pause = Duration.seconds(30)

    private let context: LifecycleContext
    private let plan: @Sendable () -> ACMEPlan
    private let check: ACMECAACheck
    private let perspectives: ACMEPerspectiveFlow
    private let observeVotes: @Sendable (ACMEPerspectiveTally) -> Void
    private let orders = ACMEOrderStore()
    private let approvals: ClientApprovals

    init(
        _ context: LifecycleContext, plan: @escaping @Sendable () -> ACMEPlan, check: @escaping ACMECAACheck,
        perspectives: ACMEPerspectiveFlow, observeVotes: @escaping @Sendable (ACMEPerspectiveTally) -> Void
    ) {
        self.context = context
        approvals = ClientApprovals(context)
        self.plan = plan
        self.check = check
        self.perspectives = perspectives
        self.observeVotes = observeVotes
    }

    /// Returns when the records allow the order's names, as this server sees them and, where the profile asks for perspectives, enough
    /// of those do: what each perspective said of each name, for the audit log.
    ///
    /// - Throws: ``ACMEProblem``. What the records forbid ends the order; while they can't be known it stays as it is.
    func pass(
        _ text: String, of account: ACMEAccount, under profile: ACMEProfile, by author: Authorship
    ) async throws -> Outcome {
        guard let id = try? ACMEOrderID(text) else { return Outcome() }
        return try await pass(id, .ready, of: account, under: profile, by: author)
    }

    /// The same for an order that is being issued.
    func pass(
        _ order: ACMEOrder, of account: ACMEAccount, under profile: ACMEProfile, by author: Authorship
    ) async throws -> Outcome {
        try await pass(order.id, .processing(order.jobID), of: account, under: profile, by: author)
    }

    /// What came of it.
    struct Outcome {
        /// When it was looked; `nil` when everything was looked at late enough.
        var at: Timestamp?
        /// What each perspective said of each name.
        var seen: JSONObject = [:]
    }

    /// Where an order has to stand; with an order in another place nothing is done.
    private enum Stand {
        case ready
        case processing(JobID?)

        func isThat(of order: ACMEOrder, at now: Timestamp) -> Bool {
            switch self {
            case .ready: order.status(at: now) == .ready
            case .processing(let job): order.status == .processing && order.jobID == job
            }
        }
    }

    private func pass(
        _ id: ACMEOrderID, _ stand: Stand, of account: ACMEAccount, under profile: ACMEProfile, by author: Authorship
    ) async throws -> Outcome {
        let plan = plan()
        guard plan.checksCAA(under: profile.mode) else { return Outcome() }
        let (looks, now) = try await looks(at: id, stand, account, under: profile)
        guard !looks.isEmpty else { return Outcome() }
        let own = await faults(looks.map(\.question))
        try await stop(id, stand, account, own, by: author)
        // Where nothing is proved nobody else is asked, and addresses have no CAA records.
        let named = looks.filter { $0.question.name.kind == .dns }
        let witnesses = profile.mode == .challenge ? plan.witnesses(under: profile.fields) : ACMEWitnesses()
        guard !named.isEmpty, !witnesses.perspectives.isEmpty else { return Outcome(at: now) }
        let tallies = try await perspectives.askAboutCAA(
            named.map(\.challengeID), thumbprint: account.thumbprint, of: witnesses)
        var seen = JSONObject()
        var faults: [(name: ACMEName, fault: ACMEFault)] = []
        for look in named {
            guard let tally = tallies[look.challengeID] else { continue }
            observeVotes(tally)
            seen[(look.question.isWildcard ? "*." : "") + look.question.name.value] = tally.json
            if let fault = tally.caaFault { faults.append((look.question.name, fault)) }
        }
        try await stop(id, stand, account, faults, seen: seen, by: author)
        return Outcome(at: now, seen: seen)
    }

    /// A name of a ready order whose records were looked at too long ago.
    private struct Look: Sendable {
        let challengeID: ACMEChallengeID
        let question: ACMECAAQuestion
    }

    private func looks(
        at id: ACMEOrderID, _ stand: Stand, _ account: ACMEAccount, under profile: ACMEProfile
    ) async throws -> (looks: [Look], at: Timestamp) {
        try await context.read { tx in
            // Whatever else is wrong with the order is said by whoever finalizes it.
            guard let order = try orders.find(id, in: tx), order.accountID == account.id,
                stand.isThat(of: order, at: tx.now)
            else { return ([], tx.now) }
            if let seen = order.caaSeenAt, seen + Self.longestMemory > tx.now { return ([], tx.now) }
            let isTrusted = profile.mode == .trustAuthenticated
            let proofs = try ACMEProofStore().proofs(of: id, in: tx)
            // All together, so that one time says of an order when its names were looked at.
            guard isTrusted || proofs.contains(where: { $0.provedAt + Self.longestMemory <= tx.now }) else {
                return ([], tx.now)
            }
            let looks = proofs.map { proof in
                Look(
                    challengeID: proof.challengeID,
                    question: ACMECAAQuestion(
                        name: proof.name, isWildcard: proof.isWildcard, method: isTrusted ? nil : proof.method,
                        accountID: account.id, profileID: account.profileID))
            }
            return (looks, tx.now)
        }
    }

    /// Says what is wrong, when something is, and ends the order when that is final.
    private func stop(
        _ id: ACMEOrderID, _ stand: Stand, _ account: ACMEAccount, _ faults: [(name: ACMEName, fault: ACMEFault)],
        seen: JSONObject = [:], by author: Authorship
    ) async throws {
        guard !faults.isEmpty else { return }
        let refused = faults.filter { $0.fault.kind == .caa }
        let told = refused.isEmpty ? faults : refused
        var problem = ACMEProblem.about(
            told.map { ACMEProblem.Part($0.fault.kind, $0.fault.detail, identifier: $0.name.json) })
        if refused.isEmpty, told.contains(where: { $0.fault.kind == .serverInternal }) {
            problem = ACMEProblem(.serverInternal, problem.detail, status: 503, parts: problem.parts)
            problem.retryAfter = Self.pause
        }
        if !refused.isEmpty { try await end(id, stand, account, problem, seen: seen, by: author) }
        throw problem
    }

    private func faults(_ questions: [ACMECAAQuestion]) async -> [(name: ACMEName, fault: ACMEFault)] {
        await withTaskGroup(of: (Int, ACMEFault?).self) { group in
            var found: [(place: Int, fault: ACMEFault)] = []
            for (place, question) in questions.enumerated() {
                if place >= Self.width, let (earlier, fault) = await group.next(), let fault {
                    found.append((earlier, fault))
                }
                group.addTask {
                    do throws(ACMEFault) { try await check(question) } catch { return (place, error) }
                    return (place, nil)
                }
            }
            for await (place, fault) in group {
                if let fault { found.append((place, fault)) }
            }
            return found.sorted { $0.place < $1.place }.map { (questions[$0.place].name, $0.fault) }
        }
    }

    private func end(
        _ id: ACMEOrderID, _ stand: Stand, _ account: ACMEAccount, _ problem: ACMEProblem, seen: JSONObject,
        by author: Authorship
    ) async throws {
        var details: JSONObject = [
            "account_id": .string(account.id.text), "error": .string(problem.detail),
        ]
        if !seen.isEmpty { details["caa_perspectives"] = .object(seen) }
        try await context.write { [details] tx in
            guard let order = try orders.lock(id, in: tx), stand.isThat(of: order, at: tx.now) else { return }
            var ended = [id]
            if let job = order.jobID, try JobStore().find(job, in: tx)?.phase.isOpen == true {
                // Whoever else began to issue decides what becomes of it.
                guard let claim = try approvals.claim(job, in: tx) else { return }
                ended = try orders.waiting(for: job, in: tx).map(\.id)
                try approvals.fail(claim.job, ServiceError(.policyViolation, problem.detail), by: author, in: tx)
            }
            for id in ended {
                guard try orders.invalidate(id, from: [order.status], error: problem.json(), in: tx) != nil else {
                    continue
                }
                try context.recorder.record(.acmeOrderFailed, id.text, details: details, by: author, in: tx)
            }
        }
    }
}
