package import Domain
import Encoding
import Query
package import Store

/// Takes what agents and operators saw when they looked at a deployed endpoint (specification, targets §1.10).
package struct VerificationFlow: Sendable {
    private let context: LifecycleContext
    private let jobs = JobStore()

    package init(_ context: LifecycleContext) { self.context = context }

    /// Stores the outcome with the deployment job. It does not change the job's status.
    ///
    /// - `agent`: The agent that reports, which may do so for its own jobs alone; `nil` for an operator.
    package func record(
        _ id: JobID,
        of agent: AgentID?,
        target: TargetID,
        _ verification: Verification,
        by author: Authorship
    ) async throws -> Job {
        try await context.write { tx in
            let job = try jobs.get(id, within: author.clearance, in: tx)
            guard agent == nil || job.agentID == agent else {
                throw ServiceError(.notFound, "there is no job \(id.text) of this agent")
            }
            guard job.type == .deployment, job.targetID == target else {
                throw ServiceError(
                    .unprocessable,
                    "job \(id.text) deploys nothing to target \(target.text)",
                    problems: [
                        FieldProblem(pointer: "/target_id", code: "wrong_target", detail: "is not the job's target")
                    ]
                )
            }
            guard let verified = try jobs.recordVerification(id, verification, in: tx) else {
                throw ServiceError(.notFound, "there is no job \(id.text)")
            }
            try context.recorder.record(
                verification.status == .failed ? .verificationFailed : .verificationSucceeded,
                id.text,
                details: [
                    "status": .string(verification.status.rawValue),
                    "fingerprint": .string(verification.fingerprintSHA256 ?? ""),
                    "error": .string(verification.error ?? ""),
                ],
                by: author,
                in: tx
            )
            return verified
        }
    }
}
