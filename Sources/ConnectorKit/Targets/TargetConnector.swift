package import Deployment
package import Domain
package import Encoding

/// A consumer of certificates that this process can reach (specification, targets §4.1).
///
/// Construction checks the configuration as text; nothing is touched before a call.
package protocol TargetConnector: Sendable {
    var type: TargetType { get }

    /// Looks whether a deployment could succeed here: paths, permissions, commands. Changes nothing.
    func testHost() async -> [TargetCheck]

    /// What ``deploy(_:job:target:isForced:)`` would do. Never includes key material.
    func plan(_ material: DeploymentMaterial, job: JobID, target: TargetID) async -> DeploymentPreview

    /// Installs a version and sees it served. Whatever goes wrong is in the result.
    /// - Throws: `CancellationError` before anything was touched; later cancellation does not interrupt.
    func deploy(
        _ material: DeploymentMaterial,
        job: JobID,
        target: TargetID,
        isForced: Bool
    ) async throws(CancellationError) -> DeploymentResult

    /// Puts the newest backup back and sees it served.
    func rollBack(job: JobID, target: TargetID) async throws(CancellationError) -> DeploymentResult

    /// Whether this version is live.
    func verify(_ material: DeploymentMaterial) async -> VerificationReport
}

/// One finding of a host test.
package struct TargetCheck: Hashable, Sendable {
    package let name: String
    package let isOK: Bool
    /// What was found; on failure also what to do.
    package let detail: String

    package init(name: String, isOK: Bool, detail: String) {
        self.name = name
        self.isOK = isOK
        self.detail = detail
    }

    package var json: JSONValue {
        ["name": .string(name), "ok": .bool(isOK), "message": .string(detail)]
    }
}
