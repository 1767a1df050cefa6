package import ConnectorKit
package import Deployment
package import Domain
import Encoding
import HostEffects
import PKI

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
        if config.keyPath != nil, material.key == nil {
            return refused(
                material, .keyMissing,
                "the target has a key_path, but the private key of this version is not on this host")
        }
        if config.trustPath != nil, material.trust.isEmpty {
            return refused(
                material, .configInvalid,
                "the target has a trust_path, and the issuer of this certificate is no tree of CAs: remove trust_path")
        }
        let plan = makePlan(material, job: job, target: target, isForced: isForced)
        var result = described(try await AtomicDeployment(host: host).deploy(plan))
        if config.trustPath != nil, result.isSuccess { result.trusted = material.trust.map(\.fingerprintSHA256) }
        return result
    }

    package func verify(_ material: DeploymentMaterial) async -> VerificationReport {
        await AtomicDeployment(host: host).verify(config.verification, servedChain: servedChain(material))
    }

    package func testHost() async -> [TargetCheck] {
        await HostTest(host: host).run(
            paths: [config.certificatePath, config.keyPath, config.chainPath, config.trustPath].compactMap { $0 },
            commands: [("validate_command", config.validate), ("reload_command", config.reload)]
        )
    }

    private func refused(
        _ material: DeploymentMaterial, _ code: DeploymentErrorCode, _ message: String
    ) -> DeploymentResult {
        let report = VerificationReport.skipped("the deployment did not start", expected: material.fingerprint)
        var result = DeploymentResult(startedAt: host.time.now, verification: report)
        result.errorCode = code
        result.failedStage = .prepare
        result.message = message
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
