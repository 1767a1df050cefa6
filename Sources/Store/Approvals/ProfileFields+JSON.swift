import Domain
package import Encoding

extension ProfileFields {
    /// The members as the API names them: the payload of an approval that proposes them.
    package var json: JSONObject {
        [
            "name": .string(name), "description": .string(description),
            "allowed_key_algorithms": .array(
                allowedKeys.map { ["algorithm": .string($0.algorithm.rawValue), "min_size": JSONValue($0.minSize)] }
            ),
            "max_ttl_seconds": JSONValue(maxTTLSeconds), "allowed_ekus": JSONValue(allowedEKUs),
            "required_san_patterns": JSONValue(requiredSANPatterns), "spiffe_uri_pattern": .string(spiffeURIPattern),
            "allow_short_lived": .bool(allowShortLived), "must_staple": .bool(mustStaple),
            "required_csr_attributes": JSONValue(requiredCSRAttributes),
            "acme_auth_mode": .string(acmeAuthMode.rawValue), "requires_approval": .bool(requiresApproval),
            "enabled": .bool(enabled),
        ]
    }

    /// Reads ``json`` back; `nil` unless every member is there.
    package init?(json: JSONObject) {
        guard let name = json["name"]?.stringValue, let description = json["description"]?.stringValue,
            let keys = json["allowed_key_algorithms"]?.arrayValue, let ttl = json["max_ttl_seconds"]?.integerValue,
            let purposes = json["allowed_ekus"]?.arrayValue, let patterns = json["required_san_patterns"]?.arrayValue,
            let spiffe = json["spiffe_uri_pattern"]?.stringValue, let short = json["allow_short_lived"]?.boolValue,
            let staple = json["must_staple"]?.boolValue,
            let attributes = json["required_csr_attributes"]?.arrayValue,
            let mode = json["acme_auth_mode"]?.stringValue.flatMap({ ACMEAuthMode(rawValue: $0) }),
            let approval = json["requires_approval"]?.boolValue, let enabled = json["enabled"]?.boolValue
        else { return nil }
        let rules = keys.compactMap { rule -> KeyRule? in
            guard let algorithm = rule["algorithm"]?.stringValue.flatMap({ KeyAlgorithm(rawValue: $0) }),
                let size = rule["min_size"]?.integerValue
            else { return nil }
            return KeyRule(algorithm: algorithm, minSize: Int(size))
        }
        guard rules.count == keys.count else { return nil }
        self.init(
            name: name,
            description: description,
            allowedKeys: rules,
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
    }
}
