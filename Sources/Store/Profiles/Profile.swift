package import Domain
import Encoding
import Query

/// What a client decides about a certificate profile.
package struct ProfileFields: Hashable, Sendable {
    package var name: String
    package var description: String
    package var allowedKeys: [KeyRule]
    /// Zero for no cap.
    package var maxTTLSeconds: Int
    package var allowedEKUs: [String]
    package var requiredSANPatterns: [String]
    package var spiffeURIPattern: String
    package var allowShortLived: Bool
    package var mustStaple: Bool
    package var requiredCSRAttributes: [String]
    package var acmeAuthMode: ACMEAuthMode
    package var requiresApproval: Bool
    package var enabled: Bool

    package init(
        name: String,
        description: String = "",
        allowedKeys: [KeyRule] = KeyRule.defaults,
        maxTTLSeconds: Int = 0,
        allowedEKUs: [String] = [ExtendedKeyUsage.serverAuth.rawValue],
        requiredSANPatterns: [String] = [],
        spiffeURIPattern: String = "",
        allowShortLived: Bool = false,
        mustStaple: Bool = false,
        requiredCSRAttributes: [String] = [],
        acmeAuthMode: ACMEAuthMode = .trustAuthenticated,
        requiresApproval: Bool = false,
        enabled: Bool = true
    ) {
        self.name = name
        self.description = description
        self.allowedKeys = allowedKeys
        self.maxTTLSeconds = maxTTLSeconds
        self.allowedEKUs = allowedEKUs
        self.requiredSANPatterns = requiredSANPatterns
        self.spiffeURIPattern = spiffeURIPattern
        self.allowShortLived = allowShortLived
        self.mustStaple = mustStaple
        self.requiredCSRAttributes = requiredCSRAttributes
        self.acmeAuthMode = acmeAuthMode
        self.requiresApproval = requiresApproval
        self.enabled = enabled
    }

    /// - `p`: what stands before each column name, where a join needs it.
    init(_ row: Row, prefix p: String = "") throws(DatabaseError) {
        name = try row.text(p + "name")
        description = try row.text(p + "description")
        allowedKeys = try Self.keyRules(row.json(p + "allowed_key_algorithms"))
        maxTTLSeconds = try row.int(p + "max_ttl_seconds")
        allowedEKUs = try row.texts(p + "allowed_ekus")
        requiredSANPatterns = try row.texts(p + "required_san_patterns")
        spiffeURIPattern = try row.text(p + "spiffe_uri_pattern")
        allowShortLived = try row.bool(p + "allow_short_lived")
        mustStaple = try row.bool(p + "must_staple")
        requiredCSRAttributes = try row.texts(p + "required_csr_attributes")
        acmeAuthMode = try row.value(p + "acme_auth_mode")
        requiresApproval = try row.bool(p + "requires_approval")
        enabled = try row.bool(p + "enabled")
    }

    var keysValue: Value {
        JSONColumn.value(
            .array(
                allowedKeys.map { rule in
                    ["algorithm": .string(rule.algorithm.rawValue), "min_size": .integer(Int64(rule.minSize))]
                }
            )
        )
    }

    private static func keyRules(_ json: JSONValue) throws(DatabaseError) -> [KeyRule] {
        var rules: [KeyRule] = []
        for element in json.arrayValue ?? [] {
            guard let name = element["algorithm"]?.stringValue, let algorithm = KeyAlgorithm(rawValue: name),
                let size = element["min_size"]?.integerValue
            else {
                throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "a profile holds a broken key rule")
            }
            rules.append(KeyRule(algorithm: algorithm, minSize: Int(size)))
        }
        return rules
    }
}

/// How the ACME server proves control of names under a profile (specification, domain §2).
package enum ACMEAuthMode: String, Sendable, CaseIterable, Bindable {
    case trustAuthenticated = "trust_authenticated"
    case challenge
}

/// What may be issued, as stored.
package struct Profile: Hashable, Sendable {
    package let id: ProfileID
    package let fields: ProfileFields
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        fields = try ProfileFields(row)
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }
}

/// Which profiles a list shows.
package struct ProfileFilter: Hashable, Sendable {
    package var enabled: Bool?
    package var search: String?

    package init(enabled: Bool? = nil, search: String? = nil) {
        self.enabled = enabled
        self.search = search
    }
}

package enum ProfileSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case name

    var key: SQL {
        switch self {
        case .createdAt: "created_at"
        case .updatedAt: "updated_at"
        case .name: "name"
        }
    }
}
