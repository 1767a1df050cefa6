import Crypto
package import Domain
import Encoding
import Query
package import Store

/// What an agent that stands at a perspective gets when it asks for questions.
package struct ACMEPerspectiveOffer: Sendable {
    /// Whether the settings of the control plane name the agent for the perspective.
    package let isAppointed: Bool
    package let questions: [Question]

    package struct Question: Sendable {
        package let check: ACMEPerspectiveCheck
        /// By which names records mean this CA.
        package let issuers: [String]
        /// What CAA records call the account: addresses, or paths below any host; `nil` when CAA records are not asked for.
        package let accounts: [String]?
        /// How long the look may take.
        package let patience: Duration
    }
}

/// What an agent answers.
package struct ACMEPerspectiveAnswer: Sendable {
    package var verdict: ACMEVerdict
    package var fault: ACMEPerspectiveFault?
    /// For the audit log alone.
    package var detail: String
    /// SHA-256 of the key authorization that the agent looked for, in base64url.
    package var digest: String

    package init(verdict: ACMEVerdict, fault: ACMEPerspectiveFault?, detail: String, digest: String) {
        self.verdict = verdict
        self.fault = fault
        self.detail = detail
        self.digest = digest
    }
}

/// Has agents at other places of the network confirm what the control plane saw (protocol-servers §2.8, ADR-0031).
///
/// A vote counts for one attempt at one challenge, and only beside the control plane's own look in the same attempt.
package struct ACMEPerspectiveFlow: Sendable {
    /// How long answers are waited for.
    package static let patience = Duration.seconds(12)
    /// How long a server that waits for answers holds the challenge.
    static let lease = Duration.seconds(25)
    /// How much of the time an agent keeps for its answer to arrive.
    private static let margin = Duration.seconds(2)
    /// A lost signal delays an answer by at most this much.
    static let recheckInterval = Duration.seconds(2)
    /// Questions that an agent gets at a time.
    private static let mostQuestions = 16
    /// The longest time that an agent may wait for questions.
    private static let longestWait = Duration.seconds(50)
    private static let longestDetail = 500

    let context: LifecycleContext
    private let plan: @Sendable () -> ACMEPlan
    let patience: Duration
    let store = ACMEPerspectiveStore()

    /// - `patience`: Less than what a lease lasts.
    package init(
        _ context: LifecycleContext, plan: @escaping @Sendable () -> ACMEPlan, patience: Duration = Self.patience
    ) {
        self.context = context
        self.plan = plan
        self.patience = patience
    }

    /// From where proofs are looked at now.
    package var perspectives: @Sendable () -> [ACMEPerspective] {
        { [plan] in plan().perspectives }
    }

    // MARK: The server that makes the attempt

    /// Asks every perspective about a proof that the caller has seen, and waits until it is decided or nobody can be waited
    /// for any longer; `nil` when another server has taken the challenge up.
    func ask(
        _ job: ACMEValidationJob, by instance: String, of witnesses: ACMEWitnesses
    ) async throws -> ACMEPerspectiveTally? {
        let questions = witnesses.perspectives.map { (id: context.newID(ACMECheckID.self), perspective: $0.name) }
        let alarm = Alarm()
        // Subscribed before anybody can answer.
        let signals = context.database.signals(on: .perspectives)
        let start = ContinuousClock.now
        let isHeld = try await context.write { tx in
            try store.ask(
                questions, about: job, of: instance, for: Self.lease, until: tx.now + patience, in: tx)
        }
        guard isHeld else { return nil }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await payload in signals where payload.isEmpty || payload == job.challenge.id.text { alarm.ring() }
            }
            defer { group.cancelAll() }
            while true {
                let rest = patience - (ContinuousClock.now - start)
                let tally = try await tally(job, witnesses, isOver: rest <= .zero)
                guard tally.decision == .open, rest > .zero else { return tally }
                await alarm.wait(atMost: min(rest, Self.recheckInterval), by: .system)
                try Task.checkCancellation()
            }
        }
    }

    private func tally(
        _ job: ACMEValidationJob, _ witnesses: ACMEWitnesses, isOver: Bool
    ) async throws -> ACMEPerspectiveTally {
        let votes = try await context.read { tx in
            try store.votes(on: job.challenge.id, attempt: job.challenge.attempts, in: tx)
        }
        return ACMEPerspectiveTally(votes, of: witnesses, isOver: isOver)
    }

    // MARK: The agents

    /// The questions that wait for an agent at the perspective where it says that it stands. They become its own.
    ///
    /// Throws 404 for an unknown agent and 410 for a retired one.
    ///
    /// - `wait`: How long to wait when there are none yet.
    /// - `isWanted`: Whether somebody still waits for the answer; nothing is claimed for nobody.
    package func claim(
        for agent: AgentID, at perspective: String, wait: Duration, while isWanted: @Sendable () -> Bool = { true }
    ) async throws -> ACMEPerspectiveOffer {
        let deadline = ContinuousClock.now + min(wait, Self.longestWait)
        let alarm = Alarm()
        let signals = context.database.signals(on: .perspectives)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { alarm.ring() } }
            defer { group.cancelAll() }
            while true {
                let offer = try await claimNow(agent, at: perspective)
                let rest = deadline - ContinuousClock.now
                guard offer.isAppointed, offer.questions.isEmpty, rest > .zero else { return offer }
                await alarm.wait(atMost: min(rest, Self.recheckInterval), by: .system)
                try Task.checkCancellation()
                guard isWanted() else { return ACMEPerspectiveOffer(isAppointed: true, questions: []) }
            }
        }
    }

    private func claimNow(_ id: AgentID, at name: String) async throws -> ACMEPerspectiveOffer {
        let plan = plan()
        let perspective = plan.perspectives.first { $0.name == name }
        let (isAppointed, hasQuestions) = try await context.read { tx in
            let agent = try AgentStore().get(id, in: tx)
            guard agent.retiredAt == nil else { throw HeartbeatFlow.retired(id) }
            let isAppointed = perspective?.isAt(id, named: agent.name) ?? false
            return (isAppointed, try isAppointed && store.hasQuestions(at: name, in: tx))
        }
        guard hasQuestions else { return ACMEPerspectiveOffer(isAppointed: isAppointed, questions: []) }
        return try await context.write { tx in
            let checks = try store.claim(for: id, at: name, limit: Self.mostQuestions, in: tx)
            return ACMEPerspectiveOffer(
                isAppointed: true,
                questions: checks.map { check in
                    ACMEPerspectiveOffer.Question(
                        check: check, issuers: plan.caaIdentities,
                        accounts: plan.checksCAA(under: .challenge)
                            ? ACMEPlan.accounts(check.accountID, under: check.profileID, at: plan.publicURL) : nil,
                        patience: max(check.expiresAt - tx.now - Self.margin, .seconds(1)))
                })
        }
    }

    /// Stores the vote of an agent. The same one again changes nothing and succeeds.
    ///
    /// Throws 404 for a question that the agent did not take up, 409 for one whose time is over, that was answered otherwise, or that
    /// was about another key authorization.
    package func answer(
        _ id: ACMECheckID, of agent: AgentID, _ answer: ACMEPerspectiveAnswer, by author: Authorship
    ) async throws {
        let detail = String(
            String.UnicodeScalarView(answer.detail.unicodeScalars.filter { !$0.isControl }.prefix(Self.longestDetail)))
        let fault = answer.verdict == .refused ? answer.fault ?? .unauthorized : nil
        try await context.write { tx in
            guard let vote = try store.find(id, in: tx), vote.agentID == agent else {
                throw ServiceError(.notFound, "there is no question \(id.text) to this agent")
            }
            let asked = "\(vote.token).\(vote.thumbprint)"
            guard answer.digest == Base64URL.encode(Array(SHA256.hash(data: Array(asked.utf8)))) else {
                throw ServiceError(.invalidState, "question \(id.text) is about another key authorization")
            }
            if vote.verdict == answer.verdict, vote.fault == fault { return }
            guard vote.verdict == nil else {
                throw ServiceError(.invalidState, "question \(id.text) was answered otherwise: an agent votes once")
            }
            guard try store.answer(vote, of: agent, answer.verdict, fault: fault, detail: detail, in: tx) else {
                throw ServiceError(.invalidState, "the time of question \(id.text) is over")
            }
            var details: JSONObject = [
                "check_id": .string(id.text), "perspective": .string(vote.perspective), "agent_id": .string(agent.text),
                "attempt": .integer(Int64(vote.attempt)), "verdict": .string(answer.verdict.rawValue),
            ]
            if vote.purpose != .proof { details["purpose"] = .string(vote.purpose.rawValue) }
            details["problem"] = fault.map { .string($0.rawValue) }
            if !detail.isEmpty { details["detail"] = .string(detail) }
            try context.recorder.record(
                .acmePerspectiveAnswered, vote.challengeID.text, details: details, by: author, in: tx)
        }
    }
}
