import ConnectorKit
import Deployment
import Domain
import HostEffects
import TargetConnectors

extension Installer {
    /// The target connectors of this build, on this host. `defaults` is asked at the start of each deployment.
    static func live(host: DeploymentHost, defaults: @escaping @Sendable () -> TargetDefaults) -> Installer {
        Installer { work, material in
            let connector = try makeConnector(for: work, host: host, defaults: defaults())
            return try await connector.deploy(material, job: work.job, target: work.target, isForced: false)
        }
    }

    private static func makeConnector(
        for work: DeploymentAssignment,
        host: DeploymentHost,
        defaults: TargetDefaults
    ) throws(JobFailure) -> any TargetConnector {
        guard host.policy.allows(targetType: work.targetType.rawValue) else {
            throw JobFailure(
                code: .policyDenied,
                message: "this host takes no work for \(work.targetType.rawValue) targets "
                    + "(CERTCTL_AGENT_ALLOWED_TARGET_TYPES)"
            )
        }
        do {
            let descriptor = try TargetCatalog.descriptor(of: work.targetType)
            return try descriptor.makeConnector(work.config, host: host, defaults: defaults)
        } catch {
            throw JobFailure(code: .configInvalid, message: "connector init failed: \(error)")
        }
    }

    /// Completes or undoes deployments that an earlier process left unfinished.
    ///
    /// - Returns: A line for the log for each of them.
    static func recover(on host: DeploymentHost) async throws -> [String] {
        let report = try await AtomicDeployment(host: host).recover()
        let deployments = report.deployments.map { recovered in
            "job \(recovered.jobID) on target \(recovered.targetID): \(recovered.result.message)"
        }
        return deployments + report.unreadableJournals.map { "the journal was unreadable and is kept as \($0)" }
    }
}
