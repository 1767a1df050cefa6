package import Domain
import Encoding
import PKI
import Query
package import Store

/// The chain that an endpoint sent, as PEM or what else came, and the name that was asked for there.
package struct ServedChainReport: Hashable, Sendable {
    /// Most certificates that are looked at.
    static let mostCertificates = 10

    package let pem: String
    /// A host name or an address; `nil` when the endpoint was reached without one that means anything.
    package let serverName: String?

    package init(pem: String, serverName: String?) {
        self.pem = pem
        self.serverName = serverName
    }
}

/// Takes what agents and operators saw when they looked at a deployed endpoint (specification, targets §1.10).
package struct VerificationFlow: Sendable {
    private let context: LifecycleContext
    private let jobs = JobStore()

    package init(_ context: LifecycleContext) { self.context = context }

    /// Stores the outcome with the deployment job. It does not change the job's status.
    ///
    /// - `served`: The chain that was served, which is validated here: agents do not know whom to trust.
    /// - `agent`: The agent that reports, which may do so for its own jobs alone; `nil` for an operator.
    package func record(
        _ id: JobID,
        of agent: AgentID?,
        target: TargetID,
        _ verification: Verification,
        served: ServedChainReport? = nil,
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
            var verification = verification
            if let served { verification.path = try Self.verdict(on: served, of: job, in: tx) }
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
                    "path": .string(verification.path?.outcome.rawValue ?? ""),
                ],
                by: author,
                in: tx
            )
            return verified
        }
    }

    /// What a client of the endpoint that trusts the CAs of this installation would say.
    private static func verdict(
        on served: ServedChainReport, of job: Job, in tx: any Transaction
    ) throws -> PathVerdict {
        let chain: [X509Certificate]
        do {
            chain = try X509Certificate.bundle(pem: served.pem, most: ServedChainReport.mostCertificates)
        } catch {
            return PathVerdict(.malformed, "what is served can't be read: \(error)")
        }
        let profile = try job.certificateID.flatMap { try IssuanceInputs.read($0, in: tx) }?.profile
        // A name that can't be in a certificate is in none.
        let name = served.serverName.map { try? SubjectAltName(classifying: $0) }
        if let asked = served.serverName, name == .some(nil) {
            return PathVerdict(.nameMismatch, "\(asked) is no name that a certificate could have")
        }
        return try KnownPaths.judge(of: chain, in: tx).verdict(
            on: chain, for: name ?? nil,
            parameters: KnownPaths.parameters(at: tx.now, under: profile, purpose: .serverAuth))
    }
}
