package import Domain
package import Encoding
import Query

/// A certification authority that certificates are ordered from, as stored.
package struct Issuer: Hashable, Sendable {
    package let id: IssuerID
    package let name: String
    package let type: IssuerType
    /// Without its secrets: each shows as `********`.
    package let config: JSONValue
    /// Grows with every change of the configuration, so that replicas notice.
    package let configRevision: Int
    package let enabled: Bool
    package let lastTestedAt: Timestamp?
    package let testStatus: ConnectionTestStatus
    package let source: ConfigSource
    package let hierarchyMode: HierarchyMode
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        name = try row.text("name")
        type = try row.value("type")
        config = try row.json("config")
        configRevision = try row.int("config_revision")
        enabled = try row.bool("enabled")
        lastTestedAt = try row.optionalTime("last_tested_at")
        testStatus = try row.value("test_status")
        source = try row.value("source")
        hierarchyMode = try row.value("hierarchy_mode")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }

    /// Roots to which the chains of a tree lead first, as SHA-256 of their certificates: `preferred_roots` of its configuration.
    package static func preferredRoots(_ mode: HierarchyMode, _ config: JSONValue) -> Set<String> {
        guard mode == .tree else { return [] }
        return Set((config["preferred_roots"]?.arrayValue ?? []).compactMap(\.stringValue).map(digest))
    }

    /// Digits alone, in lower case: as other programs print them, they may have colons.
    private static func digest(_ text: String) -> String { text.lowercased().filter { $0 != ":" } }

    /// Whether a certificate that is not what was ordered is revoked: `revoke_on_mismatch` of the configuration.
    package static func revokesMismatches(_ config: JSONValue) -> Bool {
        config["revoke_on_mismatch"]?.boolValue ?? true
    }

    /// The CA of a tree which signs where a profile names none: `issuing_ca_id` of its configuration.
    package static func usualCAID(_ mode: HierarchyMode, _ config: JSONValue) -> AuthorityID? {
        guard mode == .tree, let text = config["issuing_ca_id"]?.stringValue, !text.isEmpty else { return nil }
        return AuthorityID(stored: text)
    }
}

/// Whether an issuer is one authority or a tree of them (specification, domain §2).
package enum HierarchyMode: String, Sendable, CaseIterable, Bindable {
    case single, tree
}

/// What a client decides about an issuer.
package struct IssuerFields: Hashable, Sendable {
    package var name: String
    /// Without its secrets.
    package var config: JSONValue
    /// The whole configuration, sealed for this row; `nil` when it holds no secret.
    package var encryptedConfig: [UInt8]?
    package var enabled: Bool
    package var hierarchyMode: HierarchyMode

    package init(
        name: String,
        config: JSONValue,
        encryptedConfig: [UInt8]?,
        enabled: Bool = true,
        hierarchyMode: HierarchyMode = .single
    ) {
        self.name = name
        self.config = config
        self.encryptedConfig = encryptedConfig
        self.enabled = enabled
        self.hierarchyMode = hierarchyMode
    }
}

/// Which issuers a list shows.
package struct IssuerFilter: Hashable, Sendable {
    package var types: [IssuerType]
    package var enabled: Bool?
    package var search: String?

    package init(types: [IssuerType] = [], enabled: Bool? = nil, search: String? = nil) {
        self.types = types
        self.enabled = enabled
        self.search = search
    }
}

package enum IssuerSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case name
    case type

    var key: SQL {
        switch self {
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        case .name: "name"
        case .type: "type"
        }
    }
}
