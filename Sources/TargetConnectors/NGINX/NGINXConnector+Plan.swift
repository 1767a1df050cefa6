import ConnectorKit
import Deployment
import Domain
import HostEffects
import PKI

extension NGINXConnector {
    /// Who owns new files where nothing else says it: the account that nginx runs as on this host.
    private static let accounts = ["nginx", "www-data"]

    func makePlan(_ material: DeploymentMaterial, job: JobID, target: TargetID, isForced: Bool) -> DeploymentPlan {
        var files = [
            PlannedFile(
                role: .certificate,
                path: config.certificatePath,
                contents: Secret(certificateText(material)),
                ownership: config.certificateOwnership,
                defaults: .firstExisting(of: Self.accounts, mode: 0o644)
            )
        ]
        if let path = config.keyPath, let key = material.key {
            files.append(
                PlannedFile(
                    role: .key,
                    path: path,
                    contents: key,
                    ownership: config.keyOwnership,
                    defaults: .firstExisting(of: Self.accounts, mode: 0o640)
                )
            )
        }
        if let path = config.chainPath, !material.chain.isEmpty {
            files.append(
                PlannedFile(
                    role: .chain,
                    path: path,
                    contents: Secret(material.chainPEM),
                    ownership: config.chainOwnership,
                    defaults: .firstExisting(of: Self.accounts, mode: 0o644)
                )
            )
        }
        if let path = config.trustPath, !material.trust.isEmpty {
            files.append(
                PlannedFile(
                    role: .trust,
                    path: path,
                    contents: Secret(material.trustPEM),
                    ownership: config.trustOwnership,
                    defaults: .firstExisting(of: Self.accounts, mode: 0o644)
                )
            )
        }
        return makePlan(files, servedChain: servedChain(material), job: job, target: target, isForced: isForced)
    }

    func makePlan(
        _ files: [PlannedFile],
        servedChain: [[UInt8]],
        job: JobID,
        target: TargetID,
        isForced: Bool
    ) -> DeploymentPlan {
        DeploymentPlan(
            jobID: job,
            targetID: target,
            files: files,
            validate: config.validate,
            reload: config.reload,
            commandTimeout: config.commandTimeout,
            verification: config.verification,
            servedChain: servedChain,
            backupRetention: config.backupRetention,
            isForced: isForced
        )
    }

    /// nginx serves what the certificate file holds.
    func servedChain(_ material: DeploymentMaterial) -> [[UInt8]] {
        switch config.chainMode {
        case .fullchain, .separate: [material.leaf.der] + material.chain.map(\.der)
        case .leaf: [material.leaf.der]
        }
    }

    private func certificateText(_ material: DeploymentMaterial) -> String {
        switch config.chainMode {
        case .fullchain, .separate: material.leafPEM + material.chainPEM
        case .leaf: material.leafPEM
        }
    }
}
