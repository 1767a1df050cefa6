package import Domain

/// How the sealed log is kept (specification, security §9).
package struct AuditPlan: Sendable {
    /// `CERTCTL_AUDIT_CHECKPOINT_INTERVAL`: the longest that sealed events wait for a signature.
    package var checkpointInterval = Duration.seconds(60)
    /// `CERTCTL_AUDIT_CHAIN_VERIFY_INTERVAL`.
    package var verifyInterval = Duration.hours(6)
    /// `CERTCTL_AUDIT_RETENTION`; zero keeps events for ever.
    package var retention = Duration.zero

    package init() {}
}

/// Whoever counts what the sealed log does.
package struct AuditObservers: Sendable {
    /// Told of each verification, after it was recorded.
    package var verified: @Sendable (AuditVerificationReport) -> Void = { _ in }

    package init() {}
}

/// What a verification found, for metrics and logs.
package struct AuditVerificationReport: Sendable {
    package let rows: Int
    package let finishedAt: Timestamp
    /// `nil` when the log is sound.
    package let divergence: String?
}
