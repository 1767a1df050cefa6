import Domain
import Encoding

/// What the running agent last knew about itself, for `certctl-agent status`.
struct AgentStatusRecord: Hashable, Sendable {
    var agent: AgentID
    var server: String
    var version: String
    var processID: Int
    var startedAt: Timestamp
    var heartbeatInterval: Duration
    /// When the control plane last acknowledged a heartbeat.
    var lastHeartbeatAt: Timestamp?
    /// When the control plane last answered a question for work.
    var lastPollAt: Timestamp?
    /// Exchanges that failed since the last one that succeeded.
    var consecutiveFailures = 0
    var lastError: String?
    var heldJobs: [JobID] = []
    var waitingReports = 0

    /// Whether the last acknowledged heartbeat is younger than three intervals.
    func isAlive(at now: Timestamp) -> Bool {
        guard let lastHeartbeatAt else { return false }
        return now - lastHeartbeatAt <= heartbeatInterval * 3
    }
}

/// The status record on disk. Replaced as a whole.
struct StatusFile: Sendable {
    static let fileName = "status.json"

    let folder: DurableFolder

    func write(_ record: AgentStatusRecord) throws {
        try folder.write(Self.fileName, octets: record.json.octets)
    }

    /// `nil` when no agent ran with this state directory.
    func read() throws -> AgentStatusRecord? {
        guard let octets = try folder.read(Self.fileName) else { return nil }
        guard let json = try? JSONValue(parsing: octets), let record = AgentStatusRecord(json: json) else {
            throw StateFileError(file: folder.path(of: Self.fileName), reason: "is not a status record")
        }
        return record
    }
}

extension AgentStatusRecord {
    var json: JSONValue {
        var json: JSONValue = [
            "agent_id": .string(agent.text),
            "server": .string(server),
            "version": .string(version),
            "pid": .integer(Int64(processID)),
            "started_at": .string(startedAt.rfc3339),
            "heartbeat_interval_seconds": .number(heartbeatInterval.inSeconds),
            "consecutive_failures": .integer(Int64(consecutiveFailures)),
            "running_jobs": JSONValue(heldJobs.map(\.text)),
            "waiting_reports": .integer(Int64(waitingReports)),
        ]
        json["last_heartbeat_at"] = lastHeartbeatAt.map { .string($0.rfc3339) }
        json["last_poll_at"] = lastPollAt.map { .string($0.rfc3339) }
        json["last_error"] = lastError.map { .string($0) }
        return json
    }

    fileprivate init?(json: JSONValue) {
        guard let agent = json["agent_id"]?.stringValue.flatMap({ try? AgentID($0) }),
            let server = json["server"]?.stringValue,
            let version = json["version"]?.stringValue,
            let startedAt = Self.time(json["started_at"]),
            let interval = json["heartbeat_interval_seconds"]?.numberValue
        else { return nil }
        self.init(
            agent: agent,
            server: server,
            version: version,
            processID: Int(json["pid"]?.integerValue ?? 0),
            startedAt: startedAt,
            heartbeatInterval: .microseconds(Int64(interval * 1_000_000)),
            lastHeartbeatAt: Self.time(json["last_heartbeat_at"]),
            lastPollAt: Self.time(json["last_poll_at"]),
            consecutiveFailures: Int(json["consecutive_failures"]?.integerValue ?? 0),
            lastError: json["last_error"]?.stringValue,
            heldJobs: (json["running_jobs"]?.arrayValue ?? []).compactMap(\.stringValue).compactMap { try? JobID($0) },
            waitingReports: Int(json["waiting_reports"]?.integerValue ?? 0)
        )
    }

    private static func time(_ value: JSONValue?) -> Timestamp? {
        value?.stringValue.flatMap { try? Timestamp(rfc3339: $0) }
    }
}
