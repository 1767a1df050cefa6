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
            .optional("config", \.config, "What the server asks of the agent."),
        ]
    )
}

/// What a server asks of its agents. An agent's own settings win, except over intervals; members that are absent leave
/// everything as it is.
package struct AgentRuntimeConfig: WireValue {
    package var configVersion = 0
    package var heartbeatIntervalSeconds: Int?
    package var pollIntervalSeconds: Int?
    package var verifiesDeployment: Bool?
    /// With a unit, such as `10s`.
    package var verifyTimeout: String?
    /// With a unit, such as `2s`.
    package var verifyDelay: String?
    /// Earlier files kept for each target; -1 keeps none.
    package var backupRetention: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "AgentRuntimeConfig", "Intervals and deployment defaults for an agent.",
        [
            .required("config_version", \.configVersion, "Changes when anything here does."),
            .optional("heartbeat_interval", \.heartbeatIntervalSeconds, "Seconds."),
            .optional("poll_interval", \.pollIntervalSeconds, "Seconds."),
            .optional("verify_deployment", \.verifiesDeployment, "Whether deployed endpoints are looked at."),
            .optional("verify_timeout", \.verifyTimeout, .text(2...32, example: "10s"), "Time for one look."),
            .optional("verify_delay", \.verifyDelay, .text(2...32, example: "2s"), "Wait between reload and look."),
            .optional("deploy_backup_retention", \.backupRetention, "Earlier files kept for each target; -1: none."),
        ]
    )
}
