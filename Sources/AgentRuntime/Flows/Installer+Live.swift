import ConnectorKit
import Deployment
import Domain
import Encoding
import HostEffects
import TargetConnectors

extension Installer {
    /// The target connectors of this build, on this host. `defaults` is asked at the start of each deployment.
    static func live(host: DeploymentHost, defaults: @escaping @Sendable () -> TargetDefaults) -> Installer {
        Installer { work, material in
            let connector = try makeConnector(work.targetType, work.config, host: host, defaults: defaults())
            return try await connector.deploy(material, job: work.job, target: work.target, isForced: work.isForced)
        }
    }

    fileprivate static func makeConnector(
        _ type: TargetType,
        _ config: JSONObject,
        host: DeploymentHost,
        defaults: TargetDefaults
    ) throws(JobFailure) -> any TargetConnector {
        guard host.policy.allows(targetType: type.rawValue) else {
            throw JobFailure(
                code: .policyDenied,
                message: "this host takes no work for \(type.rawValue) targets "
                    + "(CERTCTL_AGENT_ALLOWED_TARGET_TYPES)"
            )
        }
        do {
            let descriptor = try TargetCatalog.descriptor(of: type)
            return try descriptor.makeConnector(config, host: host, defaults: defaults)
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

extension HostTester {
    /// The target connectors of this build, on this host.
    static func live(host: DeploymentHost, defaults: @escaping @Sendable () -> TargetDefaults) -> HostTester {
        HostTester { work throws(JobFailure) in
            try await Installer.makeConnector(work.targetType, work.config, host: host, defaults: defaults()).testHost()
        }
    }
}
