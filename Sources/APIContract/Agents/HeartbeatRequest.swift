package import Domain

/// `POST /api/v1/agents/{id}/heartbeat`: every member optional; an empty string does not overwrite.
package struct HeartbeatRequest: WireValue {
    package var softwareVersion: String?
    package var hostname: String?
    package var os: String?
    package var architecture: String?
    package var ipAddress: String?
    package var agentVersion: String?
    package var capabilities: [String]?
    /// Jobs whose leases the heartbeat extends.
    package var runningJobs: [JobID] = []
    /// The agent's clock; the server answers with its own.
    package var clock: Timestamp?
    package var lastError: String?

    package init() {}

    package static let contract = Contract<Self>(
        "Heartbeat", "A sign of life.",
        [
            .optional("version", \.softwareVersion, AgentMembers.word, "Version of the agent program."),
            .optional("hostname", \.hostname, .text(0...255, example: "edge-1"), "Host it runs on."),
            .optional("os", \.os, AgentMembers.word, "linux, darwin or windows."),
            .optional("architecture", \.architecture, AgentMembers.word, "amd64 or arm64."),
            .optional("ip_address", \.ipAddress, AgentMembers.word, "Source address toward the server."),
            .optional("agent_version", \.agentVersion, AgentMembers.word, "Same as version."),
            .optional("capabilities", \.capabilities, AgentMembers.capabilities, "Target types and abilities."),
            .defaulted(
                "running_jobs", \.runningJobs, .list(.id, maximum: 256), "Jobs it works on; extends their leases."),
            .optional("clock", \.clock, "The agent's time."),
            .optional("last_error", \.lastError, .longText, "Last failure of the agent itself."),
        ]
    )
}

/// The answer to a heartbeat.
package struct HeartbeatAnswer: WireValue {
    package var status = "heartbeat_recorded"
    package var clock: Timestamp?
    package var config: AgentRuntimeConfig?

    package init() {}

    package static let contract = Contract<Self>(
        "HeartbeatRecorded", "The heartbeat was recorded.",
        [
            .required("status", \.status, .choice(["heartbeat_recorded"]), "Always the same."),
            .optional("clock", \.clock, "The server's time."),
            .optional("config", \.config, "Intervals that the server asks for."),
        ]
    )
}

/// What a server asks of its agents.
package struct AgentRuntimeConfig: WireValue {
    package var configVersion = 0
    package var heartbeatIntervalSeconds = 60
    package var pollIntervalSeconds = 30

    package init() {}

    package static let contract = Contract<Self>(
        "AgentRuntimeConfig", "Intervals for an agent.",
        [
            .required("config_version", \.configVersion, "Changes when anything here does."),
            .required("heartbeat_interval", \.heartbeatIntervalSeconds, "Seconds."),
            .required("poll_interval", \.pollIntervalSeconds, "Seconds."),
        ]
    )
}
