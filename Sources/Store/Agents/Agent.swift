package import Domain
import Query

/// An enrolled agent, as stored, with its liveness at the time of reading.
package struct Agent: Hashable, Sendable {
    package let id: AgentID
    package let name: String
    package let hostname: String
    /// Computed from heartbeats, clock and recent jobs; for a retired agent, as last seen.
    package let status: AgentStatus
    package let lastHeartbeatAt: Timestamp?
    package let registeredAt: Timestamp
    package let os: String
    package let architecture: String
    package let ipAddress: String
    package let version: String
    /// Target types and abilities that it announced.
    package let capabilities: [String]
    /// Its own last failure, as its last heartbeat told it.
    package let lastError: String?
    package let retiredAt: Timestamp?
    package let retiredReason: String?
    package let rowVersion: Int
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        name = try row.text("name")
        hostname = try row.text("hostname")
        status = try row.value("liveness")
        lastHeartbeatAt = try row.optionalTime("last_heartbeat_at")
        registeredAt = try row.time("registered_at")
        os = try row.text("os")
        architecture = try row.text("architecture")
        ipAddress = try row.text("ip_address")
        version = try row.text("version")
        capabilities = try row.texts("capabilities")
        lastError = try row.optionalText("last_error")
        retiredAt = try row.optionalTime("retired_at")
        retiredReason = try row.optionalText("retired_reason")
        rowVersion = try row.int("row_version")
        updatedAt = try row.time("updated_at")
    }
}

/// An agent about to be enrolled.
package struct NewAgent: Sendable {
    package let id: AgentID
    package let name: String
    package let hostname: String
    /// Lower-case hexadecimal SHA-256 of the agent's key.
    package let keyHash: String
    package let metadata: AgentMetadata

    package init(id: AgentID, name: String, hostname: String, keyHash: String, metadata: AgentMetadata) {
        self.id = id
        self.name = name
        self.hostname = hostname
        self.keyHash = keyHash
        self.metadata = metadata
    }
}

/// What an agent says of itself; empty members leave what is stored.
package struct AgentMetadata: Hashable, Sendable {
    package var hostname: String
    package var os: String
    package var architecture: String
    package var ipAddress: String
    package var version: String
    /// `nil` when it said nothing; an empty list is an answer.
    package var capabilities: [String]?

    package init(
        hostname: String = "",
        os: String = "",
        architecture: String = "",
        ipAddress: String = "",
        version: String = "",
        capabilities: [String]? = nil
    ) {
        self.hostname = hostname
        self.os = os
        self.architecture = architecture
        self.ipAddress = ipAddress
        self.version = version
        self.capabilities = capabilities
    }
}

/// What a credential of an agent resolves to.
package struct AgentCredential: Hashable, Sendable {
    package let id: AgentID
    package let name: String
    package let isRetired: Bool
    /// The key that a rotation replaced, still accepted for a while.
    package let isPreviousKey: Bool
}

/// Which agents a list shows. Sentinels never appear.
package struct AgentFilter: Hashable, Sendable {
    /// Which agents by retirement.
    package enum Retirement: Hashable, Sendable { case active, retired, any }

    package var statuses: [AgentStatus] = []
    package var operatingSystems: [String] = []
    package var architectures: [String] = []
    package var versions: [String] = []
    package var retirement = Retirement.active
    /// Text within name or host name.
    package var search: String?

    package init() {}
}

package enum AgentSort: String, ListSort {
    case registeredAt = "registered_at"
    case retiredAt = "retired_at"
    case name
    case hostname

    /// Later than any retirement, for agents that serve.
    private static let never = Timestamp(secondsSinceEpoch: 253_402_300_799)

    var key: SQL {
        switch self {
        case .registeredAt: "a.registered_at"
        case .retiredAt: "COALESCE(a.retired_at, \(Self.never))"
        case .name: "a.name"
        case .hostname: "a.hostname"
        }
    }
}
