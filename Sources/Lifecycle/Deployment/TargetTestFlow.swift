package import Domain
import Encoding
import Query
import Store

/// What the test of a target found.
package struct TargetTest: Sendable {
    package struct Check: Hashable, Sendable {
        package let name: String
        package let isOK: Bool
        package let detail: String
    }

    package let status: ConnectionTestStatus
    package let message: String
    package let checks: [Check]
}

/// Lets the agent of a target look whether a deployment could succeed on its host: paths, permissions, commands
/// (specification, rest-api §7.7). Nothing on the host changes.
package struct TargetTestFlow: Sendable {
    /// How long the answer waits for the agent.
    private static let longestWait = Duration.seconds(15)
    private static let lookInterval = Duration.milliseconds(200)

    private let context: LifecycleContext
    private let jobs = JobStore()
    private let agents: AgentStore

    package init(_ context: LifecycleContext) {
        self.context = context
        agents = AgentStore(offlineAfter: context.timing.agentOfflineAfter)
    }

    /// Throws 404 for an unknown target, 409 while a test of it is under way.
    package func test(_ id: TargetID, by author: Authorship) async throws -> TargetTest {
        let (agent, job) = try await open(id, by: author)
        guard let job else {
            let help = agent.retiredAt == nil ? "offline; start it on its host" : "retired"
            return outcome(.failed, agent, "agent \(agent.name) is \(help)", isThere: false)
        }
        var waited = Duration.zero
        while waited < Self.longestWait {
            try await context.time.sleep(Self.lookInterval)
            waited += Self.lookInterval
            let state = try await context.read { tx in try jobs.get(job, in: tx) }
            if !state.phase.isOpen { return result(of: state, agent) }
        }
        return try await giveUp(job, of: id, agent)
    }

    /// The job of the test; none when nobody is there to do it.
    private func open(_ id: TargetID, by author: Authorship) async throws -> (Agent, JobID?) {
        try await context.write { tx in
            let target = try TargetStore().get(id, in: tx)
            let agent = try agents.get(target.agentID, in: tx)
            guard agent.retiredAt == nil, agent.status != .offline else {
                try TargetStore().recordTest(id, .failed, in: tx)
                return (agent, nil)
            }
            let job = NewJob(
                id: context.newID(), type: .validation, certificateID: nil, targetID: id, agentID: agent.id,
                status: .pending, maxAttempts: 1, trigger: .api, requestedBy: author.actor,
                dedupeKey: NewJob.testKey(id)
            )
            guard try jobs.open([job], in: tx).duplicates.isEmpty else {
                throw ServiceError(.invalidState, "a test of target \(id.text) is under way; wait for it")
            }
            return (agent, job.id)
        }
    }

    private func giveUp(_ job: JobID, of id: TargetID, _ agent: Agent) async throws -> TargetTest {
        let state = try await context.write { tx in
            let state = try jobs.get(job, in: tx)
            guard state.status == .pending else { return state }
            _ = try jobs.cancel(job, reason: "the agent did not take the test in time", in: tx)
            try TargetStore().recordTest(id, .failed, in: tx)
            return state
        }
        if !state.phase.isOpen { return result(of: state, agent) }
        let detail =
            state.status == .pending
            ? "agent \(agent.name) did not take the test within 15 s; look at its log"
            : "agent \(agent.name) still works on the test; job \(job.text) tells its end"
        return outcome(.failed, agent, detail, isThere: state.status != .pending)
    }

    private func result(of job: Job, _ agent: Agent) -> TargetTest {
        let found = (job.deploymentResult?["checks"]?.arrayValue ?? []).map { check in
            TargetTest.Check(
                name: check["name"]?.stringValue ?? "", isOK: check["ok"]?.boolValue ?? false,
                detail: check["message"]?.stringValue ?? ""
            )
        }
        let there = TargetTest.Check(name: "agent", isOK: true, detail: "agent \(agent.name) has answered")
        return job.status == .completed
            ? TargetTest(
                status: .success, message: "a deployment could succeed on the host of agent \(agent.name)",
                checks: [there] + found)
            : TargetTest(
                status: .failed, message: job.lastError ?? "the test ended without a result", checks: [there] + found)
    }

    private func outcome(
        _ status: ConnectionTestStatus,
        _ agent: Agent,
        _ detail: String,
        isThere: Bool
    ) -> TargetTest {
        TargetTest(
            status: status, message: detail,
            checks: [TargetTest.Check(name: "agent", isOK: isThere, detail: detail)]
        )
    }
}
