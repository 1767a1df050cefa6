/// The certificatePolicies extension (RFC 5280 §4.2.1.4); qualifiers are passed over.
enum CertificatePolicies {
    /// At least one policy, each once.
    static func parse(_ node: DERNode) throws(DERError) -> [OID] {
        var policies: [OID] = []
        for element in try node.sequence("certificatePolicies", limit: 64).remaining {
            var fields = try element.sequence("policy", limit: 2)
            let policy = try fields.next().oid("policy identifier")
            guard !policies.contains(policy) else { throw DERError("policy \(policy) occurs twice") }
            policies.append(policy)
        }
        guard !policies.isEmpty else { throw DERError("certificatePolicies is empty") }
        return policies
    }
}

/// One entry of the policyMappings extension (RFC 5280 §4.2.1.5).
package struct PolicyMapping: Hashable, Sendable {
    package let issuerDomainPolicy: OID
    package let subjectDomainPolicy: OID

    static func list(_ node: DERNode) throws(DERError) -> [PolicyMapping] {
        var mappings: [PolicyMapping] = []
        for element in try node.sequence("policyMappings", limit: 64).remaining {
            var fields = try element.sequence("policy mapping", limit: 2)
            mappings.append(
                PolicyMapping(
                    issuerDomainPolicy: try fields.next().oid("issuerDomainPolicy"),
                    subjectDomainPolicy: try fields.next().oid("subjectDomainPolicy")))
        }
        guard !mappings.isEmpty else { throw DERError("policyMappings is empty") }
        return mappings
    }
}

/// The policyConstraints extension (RFC 5280 §4.2.1.11).
package struct PolicyConstraints: Hashable, Sendable {
    package let requireExplicitPolicy: Int?
    package let inhibitPolicyMapping: Int?

    init(_ node: DERNode) throws(DERError) {
        var fields = try node.sequence("policyConstraints", limit: 2)
        requireExplicitPolicy = try Self.skipCerts(fields.next(ifContextTag: 0))
        inhibitPolicyMapping = try Self.skipCerts(fields.next(ifContextTag: 1))
        try fields.end()
        guard requireExplicitPolicy != nil || inhibitPolicyMapping != nil else {
            throw DERError("policyConstraints is empty")
        }
    }

    private static func skipCerts(_ node: DERNode?) throws(DERError) -> Int? {
        guard let node else { return nil }
        return try DERNode.small(node.integerContent("policyConstraints"), "policyConstraints")
    }
}
