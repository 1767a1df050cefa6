import ConnectorKit
package import Deployment
package import Domain
import Encoding
import HostEffects

extension NGINXConnector {
    /// Deploys the newest backup the way a new version is deployed: checked, atomic, verified. The file of trusted CAs follows the
    /// tree of the issuer, and stays.
    package func rollBack(job: JobID, target: TargetID) async throws(CancellationError) -> DeploymentResult {
        var paths: [FileRole: String] = [.certificate: config.certificatePath]
        paths[.key] = config.keyPath
        paths[.chain] = config.chainPath
        do {
            let files = try await AtomicDeployment(host: host).newestBackup(of: paths)
            let served = servedChain(files)
            let plan = makePlan(files, servedChain: served, job: job, target: target, isForced: false)
            return described(try await AtomicDeployment(host: host).deploy(plan))
        } catch let cancellation as CancellationError {
            throw cancellation
        } catch {
            let report = VerificationReport.skipped("there was nothing to roll back to", expected: "")
            var result = DeploymentResult(startedAt: host.time.now, verification: report)
            result.errorCode = .rollbackFailed
            result.failedStage = .prepare
            result.message = "\(error)"
            return described(result)
        }
    }

    private func servedChain(_ files: [PlannedFile]) -> [[UInt8]] {
        let blocks = files.first { $0.role == .certificate }?.contents.withText { try? PEMBlock.parse($0) }
        return (blocks ?? []).filter { $0.label == "CERTIFICATE" }.map(\.octets)
    }
}
