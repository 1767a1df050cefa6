/// What an approval is about (specification, security §8).
package enum ApprovalKind: String, Sendable, CaseIterable {
    case issuance = "cert_issuance"
    case profileEdit = "profile_edit"
    case roleGrant = "role_grant"
    case bulkRevocation = "bulk_revoke"
    /// The making, taking in or ending of a CA of a tree (protocol-servers §6.2).
    case ceremony = "ca_ceremony"
}

/// Where an approval stands. Every state but the first is final.
package enum ApprovalState: String, Sendable, CaseIterable {
    case pending, approved, rejected, expired
}

/// How an approval ended, as metrics and audit count it.
package enum ApprovalOutcome: String, Sendable, CaseIterable {
    case approved, rejected, expired
    /// Approved by the setting that switches approvals off.
    case bypassed
    /// Taken back by whoever asked; its state is `rejected`.
    case withdrawn
}
