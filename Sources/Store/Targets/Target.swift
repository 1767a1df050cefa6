package import Domain
package import Encoding
import Query

/// A consumer of certificates, as stored.
package struct Target: Hashable, Sendable {
    package let id: TargetID
    package let name: String
    package let type: TargetType
    package let agentID: AgentID
    /// Without its secrets: each shows as `********`.
    package let config: JSONValue
    package let enabled: Bool
    package let lastTestedAt: Timestamp?
    package let testStatus: ConnectionTestStatus
    package let source: ConfigSource
    package let retiredAt: Timestamp?
    package let retiredReason: String?
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    /// - `p`: what stands before each column name, where a join needs it.
    init(_ row: Row, prefix p: String = "") throws(DatabaseError) {
        id = try row.id(p + "id")
        name = try row.text(p + "name")
        type = try row.value(p + "type")
        agentID = try row.id(p + "agent_id")
        config = try row.json(p + "config")
        enabled = try row.bool(p + "enabled")
        lastTestedAt = try row.optionalTime(p + "last_tested_at")
        testStatus = try row.value(p + "test_status")
        source = try row.value(p + "source")
        retiredAt = try row.optionalTime(p + "retired_at")
        retiredReason = try row.optionalText(p + "retired_reason")
        rowVersion = try row.int(p + "row_version")
        createdAt = try row.time(p + "created_at")
        updatedAt = try row.time(p + "updated_at")
    }

    /// Whether new deployments go to it.
    package var acceptsDeployments: Bool { enabled && retiredAt == nil }
}

/// What a client decides about a target.
package struct TargetFields: Hashable, Sendable {
    package var name: String
    package var agentID: AgentID
    /// Without its secrets.
    package var config: JSONValue
    /// The whole configuration, sealed for this row; `nil` when it holds no secret.
    package var encryptedConfig: [UInt8]?
    package var enabled: Bool

    /// Whether a file of trusted CAs is part of it; every type that has one calls it the same.
    var carriesTrust: Bool { config["trust_path"]?.stringValue.map { !$0.isEmpty } ?? false }

    package init(
        name: String,
        agentID: AgentID,
        config: JSONValue,
        encryptedConfig: [UInt8]?,
        enabled: Bool = true
    ) {
        self.name = name
        self.agentID = agentID
        self.config = config
        self.encryptedConfig = encryptedConfig
        self.enabled = enabled
    }
}

/// Which targets a list shows.
package struct TargetFilter: Hashable, Sendable {
    package var agentIDs: [AgentID] = []
    package var types: [TargetType] = []
    package var enabled: Bool?
    package var certificateID: CertificateID?
    package var includesRetired = false
    package var search: String?

    package init() {}

    var conditions: [SQL] {
        var all: [SQL] = []
        if !agentIDs.isEmpty { all.append("d.agent_id IN \(list: agentIDs)") }
        if !types.isEmpty { all.append("d.type IN \(list: types)") }
        if let enabled { all.append("d.enabled = \(enabled)") }
        if let certificateID {
            all.append(
                """
                EXISTS (SELECT 1 FROM certificate_target_mappings m
                    WHERE m.target_id = d.id AND m.certificate_id = \(certificateID))
                """
            )
        }
        if !includesRetired { all.append("d.retired_at IS NULL") }
        if let search { all.append("\("d.name", contains: search)") }
        return all
    }
}

package enum TargetSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case name
    case type

    var key: SQL {
        switch self {
        case .createdAt: "d.created_at"
        case .updatedAt: "d.updated_at"
        case .name: "d.name"
        case .type: "d.type"
        }
    }
}
