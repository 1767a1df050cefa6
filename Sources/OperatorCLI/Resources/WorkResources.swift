import ArgumentParser

package enum Jobs: Resource {
    package typealias Members = NoMembers
    package static let command = "jobs"
    package static let noun = "job"
    package static let required: [String] = []
    package static let columns = [
        Column("ID", "id"), Column("TYPE", "type"), Column("CERTIFICATE", "certificate_id"),
        Column("STATUS", "status"), Column("ATTEMPTS", "attempts"), Column("TARGET", "target_id", wide: true),
        Column("AGENT", "agent_id", wide: true), Column("TRIGGER", "trigger", wide: true),
        Column("CREATED", "created_at", .time, wide: true), Column("ERROR", "last_error", wide: true),
    ]
    package static let details = [
        Column("ID", "id"), Column("TYPE", "type"), Column("CERTIFICATE ID", "certificate_id"),
        Column("TARGET ID", "target_id"), Column("AGENT ID", "agent_id"), Column("STATUS", "status"),
        Column("ATTEMPTS", "attempts"), Column("MAX ATTEMPTS", "max_attempts"), Column("LAST ERROR", "last_error"),
        Column("VERIFICATION", "verification_status"), Column("SCHEDULED AT", "scheduled_at", .time),
        Column("STARTED AT", "started_at", .time), Column("COMPLETED AT", "completed_at", .time),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "Status; several with commas.") var status: String?
        @Option(help: "Issuance, Renewal, Deployment or Validation.") var type: String?
        @Option(help: "Jobs of this certificate.") var certificateID: String?
        @Option(help: "Jobs for this target.") var targetID: String?
        @Option(help: "Jobs of this agent.") var agentID: String?

        package init() {}

        package var parameters: [(name: String, value: String)] {
            let options: [(String, String?)] = [
                ("status", status), ("type", type), ("certificate_id", certificateID), ("target_id", targetID),
                ("agent_id", agentID),
            ]
            return options.compactMap { name, value in value.map { (name, $0) } }
        }
    }
}

package enum Agents: Resource {
    package typealias Members = NoMembers
    package static let command = "agents"
    package static let noun = "agent"
    package static let required: [String] = []
    package static let columns = [
        Column("ID", "id"), Column("HOSTNAME", "hostname"), Column("STATUS", "status"), Column("OS", "os"),
        Column("ARCHITECTURE", "architecture"), Column("IP ADDRESS", "ip_address"),
        Column("NAME", "name", wide: true), Column("VERSION", "version", wide: true),
        Column("VANTAGE", "vantage", wide: true), Column("PERSPECTIVES", "perspectives", wide: true),
        Column("LAST HEARTBEAT", "last_heartbeat_at", .time, wide: true),
    ]
    package static let details = [
        Column("ID", "id"), Column("NAME", "name"), Column("HOSTNAME", "hostname"), Column("STATUS", "status"),
        Column("OS", "os"), Column("ARCHITECTURE", "architecture"), Column("IP ADDRESS", "ip_address"),
        Column("VERSION", "version"), Column("LAST HEARTBEAT", "last_heartbeat_at", .time),
        Column("VANTAGE", "vantage"), Column("PERSPECTIVES", "perspectives"),
        Column("RETIRED AT", "retired_at", .time), Column("REASON", "retired_reason"),
    ]
    static let retiredColumns = [
        Column("ID", "id"), Column("HOSTNAME", "hostname"), Column("OS", "os"), Column("ARCHITECTURE", "architecture"),
        Column("RETIRED AT", "retired_at", .time), Column("REASON", "retired_reason"),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "Online, Offline or Degraded.") var status: String?

        package init() {}

        package var parameters: [(name: String, value: String)] { status.map { [("status", $0)] } ?? [] }
    }
}

package enum AuditEvents: Resource {
    package typealias Members = NoMembers
    package static let command = "audit"
    package static let noun = "audit event"
    package static let required: [String] = []
    package static let columns = [
        Column("ID", "id"), Column("TIME", "timestamp", .time), Column("ACTOR", "actor"), Column("ACTION", "action"),
        Column("TYPE", "resource_type"), Column("RESOURCE", "resource_id"),
        Column("ACTOR TYPE", "actor_type", wide: true), Column("CLIENT", "client_ip", wide: true),
        Column("REQUEST ID", "request_id", wide: true), Column("DETAILS", "details", wide: true),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "cert_lifecycle, auth or config.") var category: String?
        @Option(help: "RFC 3339 time.") var since: String?
        @Option(help: "RFC 3339 time.") var until: String?
        @Option(help: "Name of the actor.") var actor: String?
        @Option(help: "What was done.") var action: String?
        @Option(help: "Kind of object.") var resourceType: String?
        @Option(help: "Object.") var resourceID: String?

        package init() {}

        package var parameters: [(name: String, value: String)] {
            let options: [(String, String?)] = [
                ("category", category), ("since", since), ("until", until), ("actor", actor), ("action", action),
                ("resource_type", resourceType), ("resource_id", resourceID),
            ]
            return options.compactMap { name, value in value.map { (name, $0) } }
        }
    }
}
