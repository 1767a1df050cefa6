import Domain
import Encoding
import Query

extension ProfileFields {
    /// - `p`: what stands before each column name, where a join needs it.
    init(_ row: Row, prefix p: String = "") throws(DatabaseError) {
        self.init(
            name: try row.text(p + "name"),
            description: try row.text(p + "description"),
            allowedKeys: try Self.read(row, p + "allowed_key_algorithms", Self.keyRules),
            maxTTLSeconds: try row.int(p + "max_ttl_seconds"),
            allowedEKUs: try row.texts(p + "allowed_ekus"),
            requiredSANPatterns: try row.texts(p + "required_san_patterns"),
            spiffeURIPattern: try row.text(p + "spiffe_uri_pattern"),
            allowShortLived: try row.bool(p + "allow_short_lived"),
            mustStaple: try row.bool(p + "must_staple"),
            requiredCSRAttributes: try row.texts(p + "required_csr_attributes"),
            acmeAuthMode: try row.value(p + "acme_auth_mode"),
            requiresApproval: try row.bool(p + "requires_approval"),
            enabled: try row.bool(p + "enabled")
        )
        defaultTTLSeconds = try row.int(p + "default_ttl_seconds")
        backdateSeconds = try row.optionalInt(p + "backdate_seconds")
        ekuCritical = try row.bool(p + "eku_critical")
        allowedSANTypes = try Self.read(row, p + "allowed_san_types") { Self.cases($0) }
        maxSANs = try row.int(p + "max_sans")
        if let policy = try row.optionalJSON(p + "subject_policy"), !policy.isNull {
            guard let policy = SubjectPolicy(json: policy) else { throw Self.broken(p + "subject_policy") }
            subjectPolicy = policy
        }
        policyOIDs = try row.texts(p + "policy_oids")
        mustStapleOnRequest = try row.bool(p + "must_staple_on_request")
        keyUsages = try row.texts(p + "key_usages")
        if let constraints = try row.optionalJSON(p + "name_constraints"), !constraints.isNull {
            guard let members = constraints.objectValue else { throw Self.broken(p + "name_constraints") }
            nameConstraints = members
        }
        keyReuse = try row.value(p + "key_reuse")
        acmeRequireEAB = try row.optionalInt(p + "acme_require_eab").map { $0 != 0 }
        acmeChallengeTypes = try Self.read(row, p + "acme_challenge_types") { Self.cases($0) }
        acmeAllowWildcards = try row.bool(p + "acme_allow_wildcards")
        acmeAllowSingleLabel = try row.bool(p + "acme_allow_single_label")
        acmePreauthorization = try row.bool(p + "acme_preauthorization")
        acmeProfiles = try row.texts(p + "acme_profiles").map { ProfileID(stored: $0) }
        acmePerspectives = try row.texts(p + "acme_perspectives")
        acmePerspectiveQuorum = try row.int(p + "acme_perspective_quorum")
        acmeOrdersPerHour = try row.int(p + "acme_orders_per_hour")
        issuerID = try row.optionalID(p + "issuer_id")
        issuingCAID = try row.optionalID(p + "issuing_ca_id")
        ownerID = try row.optionalID(p + "owner_id")
        teamID = try row.optionalID(p + "team_id")
        renewalPolicyID = try row.optionalID(p + "renewal_policy_id")
    }

    /// A profile that can't be read lets nothing through, so a value that this release does not know is no default.
    private static func read<Element>(
        _ row: Row, _ column: String, _ read: (JSONValue) -> [Element]?
    ) throws(DatabaseError) -> [Element] {
        guard let elements = read(try row.json(column)) else { throw broken(column) }
        return elements
    }

    private static func broken(_ column: String) -> DatabaseError {
        DatabaseError(kind: .corrupt, sqlState: "certctl", message: "a profile holds a broken \(column)")
    }
}

extension KeyReuse: Bindable {}
