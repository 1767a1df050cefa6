/// What an operation on many objects does (specification, rest-api §6.6).
package enum OperationKind: String, Sendable, CaseIterable {
    case bulkRevocation = "bulk_revoke"
}

/// Where an operation stands. The last three are final.
package enum OperationState: String, Sendable, CaseIterable {
    /// A second person has to agree first.
    case awaitingApproval = "awaiting_approval"
    case running
    /// Every object was looked at, and what could be done to it was done.
    case succeeded
    /// Every object was looked at, and nothing could be done to any.
    case failed
    /// Ended before every object was looked at: by hand, or because nobody agreed.
    case cancelled
}

/// What became of one object of an operation.
package enum OperationOutcome: String, Sendable, CaseIterable {
    case pending, succeeded
    /// Nothing was to be done to it.
    case skipped
    case failed
}
