package import Domain

/// An agent as the API shows it (specification, rest-api §7.8).
package struct AgentBody: WireValue {
    package var id = AgentID.unset
    package var name = ""
    package var hostname = ""
    package var status = AgentStatus.offline
    package var lastHeartbeatAt: Timestamp?
    package var registeredAt = Timestamp.epoch
    package var os = ""
    package var architecture = ""
    package var ipAddress = ""
    package var softwareVersion = ""
    package var retiredAt: Timestamp?
    package var retiredReason: String?
    package var capabilities: [String] = []
    package var vantage: String?
    package var perspectives: [String] = []
    package var lastError: String?
    package var rowVersion = 0

    package init() {}

    package static let contract = Contract<Self>(
        "Agent", "A program on a host that holds keys and deploys.", agentMembers
    )

    fileprivate static let agentMembers: [Field<Self>] = [
        .required("id", \.id, "Identifier."),
        .required("name", \.name, .text(1...128, example: "edge-1"), "Unique name."),
        .required("hostname", \.hostname, .text(0...255, example: "edge-1.example.com"), "Host it runs on."),
        .required("status", \.status, "Liveness, from its heartbeats."),
        .optional("last_heartbeat_at", \.lastHeartbeatAt, "Last sign of life."),
        .required("registered_at", \.registeredAt, "Enrolment."),
        .defaulted("os", \.os, AgentMembers.word, "linux, darwin or windows."),
        .defaulted("architecture", \.architecture, AgentMembers.word, "amd64 or arm64."),
        .defaulted("ip_address", \.ipAddress, AgentMembers.word, "Source address toward the server."),
        .defaulted("version", \.softwareVersion, AgentMembers.word, "Version of the agent program."),
        .optional("retired_at", \.retiredAt, "When it was retired."),
        .optional("retired_reason", \.retiredReason, .longText, "Why."),
        .defaulted("capabilities", \.capabilities, "Target types and abilities it announced."),
        .optional(
            "vantage", \.vantage, AgentMembers.perspective,
            "Perspective of the ACME server at which it says that it stands."),
        .defaulted(
            "perspectives", \.perspectives, .list(AgentMembers.perspective, maximum: 64),
            "Perspectives for which the settings of the control plane appoint it."),
        .optional("last_error", \.lastError, .longText, "Its own last failure, from its last heartbeat."),
        .defaulted("row_version", \.rowVersion, "Row version; also the ETag."),
    ]
}

/// Shapes that several agent types share.
enum AgentMembers {
    static let word = Schema.text(0...128, example: "linux")
    static let perspective = Schema.text(1...32, example: "eu")
    static let capabilities = Schema.list(.text(1...64, example: "NGINX"), maximum: 64)
}

/// `POST /api/v1/agents`.
package struct RegisterAgentRequest: WireValue {
    package var id: AgentID?
    package var name = ""
    package var hostname = ""
    package var os = ""
    package var architecture = ""
    package var ipAddress = ""
    package var softwareVersion = ""
    package var capabilities: [String] = []

    package init() {}

    package static let contract = Contract<Self>(
        "RegisterAgent", "An agent to enrol.",
        [
            .optional("id", \.id, "Chosen identifier; made up when absent."),
            .required("name", \.name, .text(1...128, example: "edge-1"), "Unique name."),
            .required("hostname", \.hostname, .text(1...255, example: "edge-1.example.com"), "Host it runs on."),
            .defaulted("os", \.os, AgentMembers.word, "linux, darwin or windows."),
            .defaulted("architecture", \.architecture, AgentMembers.word, "amd64 or arm64."),
            .defaulted("ip_address", \.ipAddress, AgentMembers.word, "Source address toward the server."),
            .defaulted("version", \.softwareVersion, AgentMembers.word, "Version of the agent program."),
            .defaulted("capabilities", \.capabilities, AgentMembers.capabilities, "Target types and abilities."),
        ]
    )
}

/// The answer to an enrolment: the agent, and its credential for this one time.
package struct RegisterAgentAnswer: WireValue {
    package var agent = AgentBody()
    package var apiKey = ""

    package init() {}

    package static let contract = Contract<Self>(
        "RegisteredAgent", "The agent with its credential, shown once.",
        AgentBody.agentMembers.map { $0.lifted(through: \Self.agent) } + [
            .required("api_key", \.apiKey, .text(1...255, example: "shown-once"), "The credential bound to the agent.")
        ]
    )
}

/// `POST /api/v1/agents/{id}/rotate-key`.
package struct AgentKeyAnswer: WireValue {
    package var apiKey = ""
    package var previousValidUntil: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "AgentKey", "A new credential, shown once.",
        [
            .required("api_key", \.apiKey, .text(1...255, example: "shown-once"), "The new credential."),
            .optional(
                "previous_valid_until", \.previousValidUntil, "The old one works until then, or until first use."),
        ]
    )
}

/// `DELETE /api/v1/agents/{id}`.
package struct RetireAgentAnswer: WireValue {
    package var retiredAt = Timestamp.epoch
    package var wasAlreadyRetired = false
    package var cascaded = false
    package var counts: [String: Int] = [:]

    package init() {}

    package static let contract = Contract<Self>(
        "RetiredAgent", "What the retirement touched.",
        [
            .required("retired_at", \.retiredAt, "When."),
            .required("already_retired", \.wasAlreadyRetired, "Always false here; a repeated request answers 204."),
            .required("cascade", \.cascaded, "Whether dependents were retired with it."),
            .required("counts", \.counts, "active_targets, active_certificates, pending_jobs."),
        ]
    )
}
