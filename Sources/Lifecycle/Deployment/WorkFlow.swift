package import Domain
package import Encoding
package import PKI
import Query
package import Sealing
package import Store

/// One piece of work, as its agent gets it.
package struct WorkItem: Sendable {
    package let work: AgentWork
    /// The whole configuration with its secrets; present for deployments and tests, and only for the agent of the target.
    package let targetConfig: JSONValue?
    /// The key that the agent makes, and what its CSR must ask for; of use for work that waits for a CSR.
    package let key: KeySpec
    package let mustStaple: Bool
}

/// Hands agents their work (specification, targets §1.7).
package struct WorkFlow: Sendable {
    /// Items of one answer.
    package static let mostItems = 50
    /// The longest time that a poll may wait.
    package static let longestWait = Duration.seconds(50)
    /// A lost signal delays work by at most this much.
    private static let recheckInterval = Duration.seconds(10)

    private let context: LifecycleContext
    private let sealer: Sealer
    private let jobs = JobStore()

    package init(_ context: LifecycleContext, sealer: Sealer) {
        self.context = context
        self.sealer = sealer
    }

    /// The work of an agent: deployments become its own with a lease, jobs that wait for its CSR are only named.
    ///
    /// Throws 404 for an unknown agent and 410 for a retired one.
    ///
    /// - `wait`: How long to wait when there is nothing to do yet.
    /// - `question`: What the agent says that it has; what it was given besides and did not get is given again. `nil` for
    ///   one that does not say: such jobs wait for the end of their lease.
    /// - `isWanted`: Whether somebody still waits for the answer; nothing is claimed for nobody.
    package func claim(
        for agent: AgentID,
        wait: Duration = .zero,
        knowing question: WorkQuestion? = nil,
        while isWanted: @Sendable () -> Bool = { true }
    ) async throws -> [WorkItem] {
        guard wait > .zero else { return try await claimNow(agent, question) }
        // Subscribed before the first look, so that nothing is missed in between.
        let signals = context.database.signals(on: .jobs)
        let first = try await claimNow(agent, question)
        guard first.isEmpty else { return first }
        let deadline = context.time.now + min(wait, Self.longestWait)
        var remaining = min(wait, Self.longestWait)
        while remaining > .zero {
            try await waitForSignal(agent, signals, atMost: min(remaining, Self.recheckInterval))
            guard isWanted() else { return [] }
            let items = try await claimNow(agent, question)
            if !items.isEmpty { return items }
            // A clock that was set back must not prolong the wait for ever.
            remaining = min(deadline - context.time.now, remaining - .milliseconds(1))
        }
        return []
    }

    /// Returns at a signal for this agent, or when the time is up.
    private func waitForSignal(
        _ agent: AgentID,
        _ signals: AsyncStream<String>,
        atMost limit: Duration
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await payload in signals where payload == agent.text { return }
                // The stream ended with its database; the deadline ends the wait.
                try await context.time.sleep(limit)
            }
            group.addTask { try await context.time.sleep(limit) }
            try await group.next()
            group.cancelAll()
        }
    }

    private func claimNow(_ agent: AgentID, _ question: WorkQuestion?) async throws -> [WorkItem] {
        let hasWork = try await context.read { tx in
            guard try AgentStore().get(agent, in: tx).retiredAt == nil else { throw HeartbeatFlow.retired(agent) }
            return try jobs.hasWork(for: agent, knowing: question, in: tx)
        }
        guard hasWork else { return [] }
        return try await context.write { tx in
            let author = Authorship(actor: Actor(id: agent.text, type: .agent), origin: nil, clearance: .system)
            let returned = try question.map { try jobs.takeBack(from: agent, knowing: $0, in: tx) } ?? []
            for job in returned where job.type == .deployment {
                try context.recorder.record(
                    .deploymentJobReturned, job.id.text, details: ["attempts": .integer(Int64(job.attempts))],
                    by: author,
                    in: tx)
            }
            let claimed = try jobs.claimForAgent(
                agent,
                limit: Self.mostItems,
                mostOutstanding: context.timing.agentMaxParallel,
                lease: context.timing.runningLease,
                turn: question?.turn ?? 0,
                in: tx
            )
            for work in claimed where work.job.type == .deployment {
                try context.recorder.record(
                    .deploymentJobDispatched,
                    work.job.id.text,
                    details: ["attempt": .integer(Int64(work.job.attempts))],
                    by: author,
                    in: tx
                )
            }
            return try claimed.map { try item($0, in: tx) }
        }
    }

    private func item(_ work: AgentWork, in tx: any Transaction) throws -> WorkItem {
        var config: JSONValue?
        if let target = work.target {
            config = try ConfigVault(sealer).open(
                work.sealedTargetConfig,
                shown: target.config,
                for: .target(target.id)
            )
        }
        let profile = try work.profileID.flatMap { try ProfileStore().find($0, in: tx)?.fields }
        return WorkItem(
            work: work,
            targetConfig: config,
            key: Self.key(under: profile?.allowedKeys ?? KeyRule.defaults, allowing: context.algorithms),
            mustStaple: profile?.mustStaple ?? false
        )
    }

    /// The key that an agent makes: of the profile's first rule that it can fulfil, in the smallest size that the server
    /// certifies. Where it certifies none, one that is refused when it comes.
    static func key(under rules: [KeyRule], allowing algorithms: AlgorithmPolicy) -> KeySpec {
        func specs(_ rule: KeyRule) -> [KeySpec] {
            KeySpec.allCases.filter { $0.algorithm == rule.algorithm && rule.admits(size: $0.size) }
        }
        let wanted = rules.lazy.flatMap(specs)
        return wanted.first { algorithms.denial(of: KeyKind($0)) == nil } ?? wanted.first ?? .ecdsaP256
    }
}
