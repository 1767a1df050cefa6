/// The liveness of an agent (specification, domain §4.4): a function of its heartbeats, never set by hand.
package enum AgentStatus: String, Sendable, CaseIterable {
    case online = "Online"
    case offline = "Offline"
    case degraded = "Degraded"
}

/// Rows of the agent table that own discovery by the server itself and can never authenticate.
package enum SentinelAgent {
    package static let identifiers = ["server-scanner", "cloud-aws-sm", "cloud-azure-kv", "cloud-gcp-sm"]
}
