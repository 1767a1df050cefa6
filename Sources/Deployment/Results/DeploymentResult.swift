package import Domain

/// What a deployment did (specification, targets §2.4). The same on the wire, in the spool and in the log.
package struct DeploymentResult: Hashable, Sendable {
    package struct Phase: Hashable, Sendable {
        package let stage: DeploymentStage
        package let start: Timestamp
        package let milliseconds: Int
        /// `ok`, `failed`, or a word on what was skipped.
        package let outcome: String

        package init(stage: DeploymentStage, start: Timestamp, milliseconds: Int, outcome: String) {
            self.stage = stage
            self.start = start
            self.milliseconds = milliseconds
            self.outcome = outcome
        }
    }

    package var isSuccess: Bool
    package var errorCode: DeploymentErrorCode?
    /// For a person: what happened; what a failing command printed.
    package var message: String
    package var targetAddress: String
    package var deploymentID: String
    package var deployedAt: Timestamp
    package var phases: [Phase]
    package var changedFiles: [String]
    package var backupPaths: [String]
    package var isIdempotent: Bool
    package var isRolledBack: Bool
    package var needsManualAction: Bool
    package var failedStage: DeploymentStage?
    package var verification: VerificationReport
    package var duration: Duration
    /// Keys of the connector, such as `cert_path`.
    package var metadata: [String: String]
    /// SHA-256 of each certificate in the file of trusted CAs of the target, which was seen to be in place; empty when the target has
    /// none, or the deployment failed.
    package var trusted: [String] = []

    package init(startedAt: Timestamp, verification: VerificationReport) {
        isSuccess = false
        message = ""
        targetAddress = ""
        deploymentID = ""
        deployedAt = startedAt
        phases = []
        changedFiles = []
        backupPaths = []
        isIdempotent = false
        isRolledBack = false
        needsManualAction = false
        self.verification = verification
        duration = .zero
        metadata = [:]
    }
}
