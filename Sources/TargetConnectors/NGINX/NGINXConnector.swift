package import ConnectorKit
package import Deployment
package import Domain
import Encoding
import HostEffects

/// Installs certificates for an nginx on this host.
package struct NGINXConnector: TargetConnector {
    package let type = TargetType.nginx
    let config: NGINXConfig
    let host: DeploymentHost

    static let descriptor = TargetDescriptor(
        type: .nginx,
        title: "NGINX",
        schema: NGINXConfig.schema,
        crossCheck: NGINXConfig.crossCheck,
        factory: { (config, host, defaults) throws(TargetConfigError) -> any TargetConnector in
            guard let config = NGINXConfig(config, defaults: defaults) else {
                throw TargetConfigError(
                    type: .nginx, problems: NGINXConfig.schema.problems(in: .object(config), at: .root))
            }
            return NGINXConnector(config: config, host: host)
        }
    )

    package func plan(_ material: DeploymentMaterial, job: JobID, target: TargetID) async -> DeploymentPreview {
        await AtomicDeployment(host: host).preview(makePlan(material, job: job, target: target, isForced: false))
    }

    package func deploy(
        _ material: DeploymentMaterial,
        job: JobID,
        target: TargetID,
        isForced: Bool
    ) async throws(CancellationError) -> DeploymentResult {
        if config.keyPath != nil, material.key == nil { return keyMissing(material) }
        let plan = makePlan(material, job: job, target: target, isForced: isForced)
        return described(try await AtomicDeployment(host: host).deploy(plan))
    }

    package func verify(_ material: DeploymentMaterial) async -> VerificationReport {
        await AtomicDeployment(host: host).verify(config.verification, servedChain: servedChain(material))
    }

    package func testHost() async -> [TargetCheck] {
        await HostTest(host: host).run(
            paths: [config.certificatePath, config.keyPath, config.chainPath].compactMap { $0 },
            commands: [("validate_command", config.validate), ("reload_command", config.reload)]
        )
    }

    private func keyMissing(_ material: DeploymentMaterial) -> DeploymentResult {
        let report = VerificationReport.skipped("the deployment did not start", expected: material.fingerprint)
        var result = DeploymentResult(startedAt: host.time.now, verification: report)
        result.errorCode = .keyMissing
        result.failedStage = .prepare
        result.message = "the target has a key_path, but the private key of this version is not on this host"
        return described(result)
    }

    /// Adds what only the connector knows.
    func described(_ result: DeploymentResult) -> DeploymentResult {
        var result = result
        result.deploymentID = "nginx-\(result.deployedAt.secondsSinceEpoch)"
        if case .probe(let plan) = config.verification {
            result.targetAddress = "\(plan.endpoint)"
        } else {
            result.targetAddress = config.certificatePath
        }
        result.metadata["cert_path"] = config.certificatePath
        if let chainPath = config.chainPath { result.metadata["chain_path"] = chainPath }
        return result
    }
}
