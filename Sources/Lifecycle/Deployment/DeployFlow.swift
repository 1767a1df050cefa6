package import Domain
import Encoding
import Query
package import Store

/// Opens deployment jobs: after an issuance, and because somebody asked.
package struct DeployFlow: Sendable {
    private let context: LifecycleContext
    private let jobs = JobStore()

    package init(_ context: LifecycleContext) { self.context = context }

    /// Opens a deployment of the current version to every attached target, or to one of them.
    ///
    /// - `isForced`: The agents write and reload although the target already has the files, and install a version that
    ///   is not valid now.
    package func deploy(
        _ id: CertificateID,
        to only: TargetID? = nil,
        isForced: Bool = false,
        trigger: JobTrigger = .api,
        by author: Authorship
    ) async throws -> [Job] {
        try await context.write { tx in
            let certificate = try CertificateStore().lock(id, within: author.clearance, in: tx)
            switch certificate.status {
            case .archived, .revoked:
                throw ServiceError(.invalidState, "\(id.text) is \(certificate.status.rawValue.lowercased())")
            case .pending, .active, .expiring, .expired, .renewalInProgress, .failed: break
            }
            let targets = try chosenTargets(of: id, only: only, in: tx)
            let opened = try targets.map { target in
                guard let version = try VersionStore().current(of: id, slot: target.agentID, in: tx) else {
                    throw ServiceError(
                        .invalidState,
                        "nothing was issued yet for the key of agent \(target.agentID.text); renew \(id.text) first"
                    )
                }
                return deployment(
                    of: id,
                    version: version.version.id,
                    to: target,
                    batch: nil,
                    trigger: trigger,
                    isForced: isForced,
                    by: author
                )
            }
            let result = try insert(opened, by: author, in: tx)
            try context.recorder.record(
                .deploymentTriggered,
                id.text,
                details: ["target_ids": JSONValue(targets.map(\.id.text)), "force": .bool(isForced)],
                by: author,
                in: tx
            )
            return result
        }
    }

    private func chosenTargets(
        of id: CertificateID,
        only: TargetID?,
        in tx: any Transaction
    ) throws -> [Target] {
        let attached = try TargetStore().attached(to: id, in: tx)
        if let only, !attached.contains(where: { $0.id == only }) {
            throw ServiceError(
                .unprocessable,
                "target \(only.text) is not attached to \(id.text)",
                problems: [FieldProblem(pointer: "/target_id", code: "not_attached", detail: "is not attached")]
            )
        }
        let targets = attached.filter { (only == nil || $0.id == only) && $0.acceptsDeployments }
        guard !targets.isEmpty else {
            throw ServiceError(.invalidState, "\(id.text) has no enabled target to deploy to")
        }
        return targets
    }

    /// Opens the deployments that follow an issuance, in its transaction: one for each enabled target of the agent
    /// whose key was certified. What was still open for the same target is cancelled, because it would install an
    /// older version.
    func open(
        _ certificate: CertificateID,
        version: VersionID,
        agent: AgentID,
        batch: BatchID?,
        trigger: JobTrigger,
        by author: Authorship,
        in tx: any Transaction
    ) throws {
        let targets = try TargetStore().attached(to: certificate, in: tx)
            .filter { $0.agentID == agent && $0.acceptsDeployments }
        let new = targets.map {
            deployment(of: certificate, version: version, to: $0, batch: batch, trigger: trigger, by: author)
        }
        try insert(new, by: author, in: tx)
    }

    @discardableResult
    private func insert(_ new: [NewJob], by author: Authorship, in tx: any Transaction) throws -> [Job] {
        for job in new {
            guard let certificate = job.certificateID, let target = job.targetID else { continue }
            try jobs.cancelOpen(
                .mapping(certificate, target),
                reason: "superseded by a newer deployment",
                in: tx
            )
        }
        try jobs.open(new, in: tx)
        for job in new {
            try context.recorder.record(
                .deploymentJobCreated,
                job.id.text,
                details: [
                    "certificate_id": .string(job.certificateID?.text ?? ""),
                    "target_id": .string(job.targetID?.text ?? ""),
                    "version_id": .string(job.versionID?.text ?? ""),
                ],
                by: author,
                in: tx
            )
        }
        return try new.map { try jobs.get($0.id, in: tx) }
    }

    private func deployment(
        of certificate: CertificateID,
        version: VersionID,
        to target: Target,
        batch: BatchID?,
        trigger: JobTrigger,
        isForced: Bool = false,
        by author: Authorship
    ) -> NewJob {
        NewJob(
            id: context.newID(),
            type: .deployment,
            certificateID: certificate,
            targetID: target.id,
            agentID: target.agentID,
            status: .pending,
            maxAttempts: RetrySchedule.defaultMaxAttempts,
            versionID: version,
            batchID: batch,
            trigger: trigger,
            isForced: isForced,
            requestedBy: author.actor,
            dedupeKey: NewJob.deploymentKey(certificate, to: target.id)
        )
    }
}
