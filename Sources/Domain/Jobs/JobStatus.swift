/// What a job does (specification, domain §3.9).
package enum JobType: String, Sendable, CaseIterable {
    case issuance = "Issuance"
    case renewal = "Renewal"
    case deployment = "Deployment"
    case validation = "Validation"
}

/// Where a job stands (specification, domain §6.1).
package enum JobStatus: String, Sendable, CaseIterable {
    case pending = "Pending"
    case awaitingCSR = "AwaitingCSR"
    case awaitingApproval = "AwaitingApproval"
    case running = "Running"
    case completed = "Completed"
    case failed = "Failed"
    case cancelled = "Cancelled"
}

/// Why a job failed, deciding whether it is tried again.
package enum JobErrorClass: String, Sendable, CaseIterable {
    case transient, permanent, timeout
    case agentOffline = "agent_offline"
}

/// What opened a job.
package enum JobTrigger: String, Sendable, CaseIterable {
    case schedule, ari, api, bulk, retry, `protocol`
}

/// The outcome of looking at what an endpoint serves after a deployment.
package enum VerificationStatus: String, Sendable, CaseIterable {
    case pending, success, failed, skipped
}
