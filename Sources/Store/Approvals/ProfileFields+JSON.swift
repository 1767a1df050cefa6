package import Domain
package import Encoding
import Query

extension ProfileFields {
    /// The members as the API names them: the payload of an approval that proposes them.
    package var json: JSONObject {
        var object: JSONObject = [
            "name": .string(name), "description": .string(description), "allowed_key_algorithms": keysJSON,
            "max_ttl_seconds": JSONValue(maxTTLSeconds), "allowed_ekus": JSONValue(allowedEKUs),
            "required_san_patterns": JSONValue(requiredSANPatterns), "spiffe_uri_pattern": .string(spiffeURIPattern),
            "allow_short_lived": .bool(allowShortLived), "must_staple": .bool(mustStaple),
            "required_csr_attributes": JSONValue(requiredCSRAttributes),
            "acme_auth_mode": .string(acmeAuthMode.rawValue), "requires_approval": .bool(requiresApproval),
            "enabled": .bool(enabled),
        ]
        object["default_ttl_seconds"] = JSONValue(defaultTTLSeconds)
        object["backdate_seconds"] = backdateSeconds.map { JSONValue($0) } ?? .null
        object["eku_critical"] = .bool(ekuCritical)
        object["allowed_san_types"] = JSONValue(allowedSANTypes.map(\.rawValue))
        object["max_sans"] = JSONValue(maxSANs)
        object["subject_policy"] = subjectPolicy?.json ?? .null
        object["policy_oids"] = JSONValue(policyOIDs)
        object["must_staple_on_request"] = .bool(mustStapleOnRequest)
        object["key_usages"] = JSONValue(keyUsages)
        object["name_constraints"] = nameConstraints.map { .object($0) } ?? .null
        object["key_reuse"] = .string(keyReuse.rawValue)
        object["acme_require_eab"] = acmeRequireEAB.map { .bool($0) } ?? .null
        object["acme_challenge_types"] = JSONValue(acmeChallengeTypes.map(\.rawValue))
        object["acme_allow_wildcards"] = .bool(acmeAllowWildcards)
        object["acme_allow_single_label"] = .bool(acmeAllowSingleLabel)
        object["acme_preauthorization"] = .bool(acmePreauthorization)
        object["acme_profiles"] = JSONValue(acmeProfiles.map(\.text))
        object["acme_perspectives"] = JSONValue(acmePerspectives)
        object["acme_perspective_quorum"] = JSONValue(acmePerspectiveQuorum)
        object["acme_orders_per_hour"] = JSONValue(acmeOrdersPerHour)
        object["issuer_id"] = issuerID.map { .string($0.text) } ?? .null
        object["issuing_ca_id"] = issuingCAID.map { .string($0.text) } ?? .null
        object["owner_id"] = ownerID.map { .string($0.text) } ?? .null
        object["team_id"] = teamID.map { .string($0.text) } ?? .null
        object["renewal_policy_id"] = renewalPolicyID.map { .string($0.text) } ?? .null
        return object
    }

    /// Reads ``json`` back; `nil` unless every member is there. Proposals of earlier releases lack the members after
    /// `enabled`, which are then as if nobody had set them.
    package init?(json: JSONObject) {
        guard let name = json["name"]?.stringValue, let description = json["description"]?.stringValue,
            let keys = json["allowed_key_algorithms"].flatMap(Self.keyRules),
            let ttl = json["max_ttl_seconds"]?.integerValue,
            let purposes = json["allowed_ekus"]?.arrayValue, let patterns = json["required_san_patterns"]?.arrayValue,
            let spiffe = json["spiffe_uri_pattern"]?.stringValue, let short = json["allow_short_lived"]?.boolValue,
            let staple = json["must_staple"]?.boolValue,
            let attributes = json["required_csr_attributes"]?.arrayValue,
            let mode = json["acme_auth_mode"]?.stringValue.flatMap({ ACMEAuthMode(rawValue: $0) }),
            let approval = json["requires_approval"]?.boolValue, let enabled = json["enabled"]?.boolValue
        else { return nil }
        self.init(
            name: name,
            description: description,
            allowedKeys: keys,
            maxTTLSeconds: Int(ttl),
            allowedEKUs: purposes.compactMap(\.stringValue),
            requiredSANPatterns: patterns.compactMap(\.stringValue),
            spiffeURIPattern: spiffe,
            allowShortLived: short,
            mustStaple: staple,
            requiredCSRAttributes: attributes.compactMap(\.stringValue),
            acmeAuthMode: mode,
            requiresApproval: approval,
            enabled: enabled
        )
        guard readLater(json) else { return nil }
    }

    /// `false` when a member has another form.
    private mutating func readLater(_ json: JSONObject) -> Bool {
        defaultTTLSeconds = json["default_ttl_seconds"]?.integerValue.map { Int($0) } ?? 0
        backdateSeconds = json["backdate_seconds"]?.integerValue.map { Int($0) }
        ekuCritical = json["eku_critical"]?.boolValue ?? false
        maxSANs = json["max_sans"]?.integerValue.map { Int($0) } ?? 0
        policyOIDs = json["policy_oids"]?.arrayValue?.compactMap(\.stringValue) ?? []
        mustStapleOnRequest = json["must_staple_on_request"]?.boolValue ?? false
        keyUsages = json["key_usages"]?.arrayValue?.compactMap(\.stringValue) ?? []
        nameConstraints = json["name_constraints"]?.objectValue
        acmeRequireEAB = json["acme_require_eab"]?.boolValue
        acmeAllowWildcards = json["acme_allow_wildcards"]?.boolValue ?? true
        acmeAllowSingleLabel = json["acme_allow_single_label"]?.boolValue ?? false
        acmePreauthorization = json["acme_preauthorization"]?.boolValue ?? false
        acmeProfiles = (json["acme_profiles"]?.arrayValue ?? []).compactMap(\.stringValue).map { ProfileID(stored: $0) }
        acmePerspectives = json["acme_perspectives"]?.arrayValue?.compactMap(\.stringValue) ?? []
        acmePerspectiveQuorum = json["acme_perspective_quorum"]?.integerValue.map { Int($0) } ?? 0
        acmeOrdersPerHour = json["acme_orders_per_hour"]?.integerValue.map { Int($0) } ?? 0
        issuerID = json["issuer_id"]?.stringValue.map { IssuerID(stored: $0) }
        issuingCAID = json["issuing_ca_id"]?.stringValue.map { AuthorityID(stored: $0) }
        ownerID = json["owner_id"]?.stringValue.map { OwnerID(stored: $0) }
        teamID = json["team_id"]?.stringValue.map { TeamID(stored: $0) }
        renewalPolicyID = json["renewal_policy_id"]?.stringValue.map { RenewalPolicyID(stored: $0) }
        if let policy = json["subject_policy"], !policy.isNull {
            guard let read = SubjectPolicy(json: policy) else { return false }
            subjectPolicy = read
        }
        guard let reuse = json["key_reuse"].map({ KeyReuse(rawValue: $0.stringValue ?? "") }) ?? .allow,
            let types: [SANType] = json["allowed_san_types"].map(Self.cases) ?? [],
            let challenges: [ACMEChallengeType] = json["acme_challenge_types"].map(Self.cases) ?? []
        else { return false }
        keyReuse = reuse
        allowedSANTypes = types
        acmeChallengeTypes = challenges
        return true
    }

    // MARK: Columns

    var keysValue: Value { JSONColumn.value(keysJSON) }
    var sanTypesValue: Value { JSONColumn.value(allowedSANTypes.map(\.rawValue)) }
    var challengeTypesValue: Value { JSONColumn.value(acmeChallengeTypes.map(\.rawValue)) }
    var acmeProfilesValue: Value { JSONColumn.value(acmeProfiles.map(\.text)) }
    var constraintsValue: Value { nameConstraints.map { JSONColumn.value(.object($0)) } ?? .null }
    var subjectValue: Value { subjectPolicy.map { JSONColumn.value($0.json) } ?? .null }

    private var keysJSON: JSONValue {
        .array(
            allowedKeys.map { rule in
                var object: JSONObject = [
                    "algorithm": .string(rule.algorithm.rawValue), "min_size": JSONValue(rule.minSize),
                ]
                if let maximum = rule.maxSize { object["max_size"] = JSONValue(maximum) }
                return .object(object)
            })
    }

    static func keyRules(_ json: JSONValue) -> [KeyRule]? {
        var rules: [KeyRule] = []
        for element in json.arrayValue ?? [] {
            guard let name = element["algorithm"]?.stringValue, let algorithm = KeyAlgorithm(rawValue: name),
                let size = element["min_size"]?.integerValue
            else { return nil }
            rules.append(
                KeyRule(
                    algorithm: algorithm, minSize: Int(size),
                    maxSize: element["max_size"]?.integerValue.map { Int($0) }))
        }
        return rules
    }

    /// `nil` when one is not known.
    static func cases<Case: RawRepresentable<String>>(_ json: JSONValue) -> [Case]? {
        var found: [Case] = []
        for element in json.arrayValue ?? [] {
            guard let known = element.stringValue.flatMap({ Case(rawValue: $0) }) else { return nil }
            found.append(known)
        }
        return found
    }
}

extension SubjectPolicy {
    /// The members as the API names them.
    package var json: JSONValue {
        var values = JSONObject()
        for attribute in SubjectAttribute.allCases {
            if let value = fixed[attribute] { values[attribute.rawValue] = .string(value) }
        }
        return .object([
            "allowed_rdns": JSONValue(allowed.map(\.rawValue)), "fixed": .object(values),
            "cn": .string(commonName.rawValue),
        ])
    }

    /// `nil` for another form.
    package init?(json: JSONValue) {
        guard json.objectValue != nil,
            let allowed: [SubjectAttribute] = ProfileFields.cases(json["allowed_rdns"] ?? .array([])),
            let name = CommonName(rawValue: json["cn"]?.stringValue ?? CommonName.copy.rawValue)
        else { return nil }
        var fixed: [SubjectAttribute: String] = [:]
        for member in json["fixed"]?.objectValue ?? JSONObject() {
            guard let attribute = SubjectAttribute(rawValue: member.key), let value = member.value.stringValue else {
                return nil
            }
            fixed[attribute] = value
        }
        self.init(allowed: allowed, fixed: fixed, commonName: name)
    }
}
