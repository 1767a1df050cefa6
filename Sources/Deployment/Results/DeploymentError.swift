/// Why a deployment did not succeed, as reports name it (specification, targets §1.6).
package enum DeploymentErrorCode: String, Sendable, CaseIterable {
    case configInvalid = "config_invalid"
    case policyDenied = "policy_denied"
    case unsafeParentDirectory = "unsafe_parent_directory"
    case keyMissing = "key_missing"
    case keyMismatch = "key_mismatch"
    /// It does not parse, is not valid now, or its chain does not link.
    case certificateInvalid = "certificate_invalid"
    /// The consumer's configuration was broken before anything changed.
    case preexistingConfigError = "preexisting_config_error"
    /// A file could not be read, written or replaced.
    case writeFailed = "write_failed"
    case validateFailed = "validate_failed"
    case reloadFailed = "reload_failed"
    case reloadFailedRolledBack = "reload_failed_rolled_back"
    case verifyFailed = "verify_failed"
    case verifyFailedRolledBack = "verify_failed_rolled_back"
    /// Neither the new nor surely the old state: a person must look.
    case rollbackFailed = "rollback_failed"
    case timeout
    /// The process ended during the deployment, which was undone at the next start.
    case interruptedRolledBack = "interrupted_rolled_back"
}

/// A step that failed, before it is known whether undoing the rest works.
package struct DeploymentFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: DeploymentErrorCode
    package let stage: DeploymentStage
    /// What happened, on what, and what to do; includes what a command printed.
    package let message: String

    package init(_ code: DeploymentErrorCode, at stage: DeploymentStage, _ message: String) {
        self.code = code
        self.stage = stage
        self.message = message
    }

    package var description: String { "\(stage.rawValue): \(message)" }
}

/// The steps of a deployment in their order.
package enum DeploymentStage: String, Sendable, CaseIterable {
    case prepare, lock, inspect
    case validateBefore = "validate_before"
    case observeBefore = "observe_before"
    case backup, stage, check, commit, validate, reload, verify, rollback
}
