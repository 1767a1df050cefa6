/// The valid_policy_graph of RFC 9618, which replaces the tree of RFC 5280 §6.1 and grows linearly where that grew
/// exponentially.
struct PolicyGraph {
    /// A node is named by its valid_policy, which is unique in its level.
    private struct Node {
        var expected: Set<OID>
        var parents: Set<OID>
    }

    /// Level 0 belongs to the trust anchor, level i to certificate i.
    private var levels: [[OID: Node]] = [[.anyPolicy: Node(expected: [.anyPolicy], parents: [])]]

    /// "NULL" in the words of the RFC: no policy is left.
    var isNull: Bool { levels.isEmpty }

    /// §6.1.3 (d) and (e): the next level from the policies of a certificate, none when it has no such extension.
    mutating func extend(by policies: [OID], allowingAny: Bool) {
        guard let previous = levels.last else { return }
        var parentsOfExpected: [OID: Set<OID>] = [:]
        for (policy, node) in previous {
            for expected in node.expected { parentsOfExpected[expected, default: []].insert(policy) }
        }
        var next: [OID: Node] = [:]
        for policy in policies where policy != .anyPolicy {
            let matching = parentsOfExpected[policy] ?? (previous[.anyPolicy] == nil ? [] : [.anyPolicy])
            if !matching.isEmpty { next[policy] = Node(expected: [policy], parents: matching) }
        }
        if allowingAny, policies.contains(.anyPolicy) {
            for (expected, parents) in parentsOfExpected where next[expected] == nil {
                next[expected] = Node(expected: [expected], parents: parents)
            }
        }
        levels.append(next)
        prune()
    }

    /// §6.1.4 (b) (1): what the issuer calls one name, the subject calls others.
    mutating func map(_ policy: OID, to subjectPolicies: Set<OID>) {
        guard var level = levels.popLast() else { return }
        if level[policy] != nil {
            level[policy]?.expected = subjectPolicies
        } else if let any = level[.anyPolicy] {
            level[policy] = Node(expected: subjectPolicies, parents: any.parents)
        }
        levels.append(level)
    }

    /// §6.1.4 (b) (2): mappings are inhibited, so what would be mapped ends here.
    mutating func remove(_ policy: OID) {
        guard var level = levels.popLast() else { return }
        level[policy] = nil
        levels.append(level)
        prune()
    }

    /// Deletes nodes above the last level that have no children; an empty last level deletes all.
    private mutating func prune() {
        for index in levels.indices.dropLast().reversed() {
            let used = levels[index + 1].values.reduce(into: Set<OID>()) { $0.formUnion($1.parents) }
            levels[index] = levels[index].filter { used.contains($0.key) }
        }
        if levels.last?.isEmpty ?? true { levels = [] }
    }

    /// §6.1.5 (g): the authority-constrained-policy-set.
    var authorityPolicies: Set<OID> {
        var policies: Set<OID> = []
        for level in levels {
            for (policy, node) in level where policy != .anyPolicy && node.parents == [.anyPolicy] {
                policies.insert(policy)
            }
        }
        if levels.last?[.anyPolicy] != nil { policies.insert(.anyPolicy) }
        return policies
    }
}

/// The state variables of RFC 5280 §6.1.2 that have to do with policies.
struct PolicyState {
    private var graph = PolicyGraph()
    private var explicitPolicy: Int
    private var policyMapping: Int
    private var inhibitAnyPolicy: Int

    /// `count` is the number of certificates below the trust anchor.
    init(_ parameters: PathParameters, count: Int) {
        explicitPolicy = parameters.requiresExplicitPolicy ? 0 : count + 1
        policyMapping = parameters.inhibitsPolicyMapping ? 0 : count + 1
        inhibitAnyPolicy = parameters.inhibitsAnyPolicy ? 0 : count + 1
    }

    /// §6.1.3 (d) to (f). Whether the path may still be valid.
    mutating func process(_ certificate: X509Certificate, isLast: Bool) -> Bool {
        graph.extend(
            by: certificate.extensions.policies,
            allowingAny: inhibitAnyPolicy > 0 || (!isLast && certificate.isSelfIssued))
        return explicitPolicy > 0 || !graph.isNull
    }

    /// §6.1.4 (a), (b), (h), (i) and (j). Whether the mappings are permissible.
    mutating func prepareForNext(_ certificate: X509Certificate) -> Bool {
        let extensions = certificate.extensions
        var mappings: [OID: Set<OID>] = [:]
        for mapping in extensions.policyMappings {
            guard mapping.issuerDomainPolicy != .anyPolicy, mapping.subjectDomainPolicy != .anyPolicy else {
                return false
            }
            mappings[mapping.issuerDomainPolicy, default: []].insert(mapping.subjectDomainPolicy)
        }
        for (policy, subjectPolicies) in mappings {
            if policyMapping > 0 { graph.map(policy, to: subjectPolicies) } else { graph.remove(policy) }
        }
        if !certificate.isSelfIssued {
            explicitPolicy = max(explicitPolicy - 1, 0)
            policyMapping = max(policyMapping - 1, 0)
            inhibitAnyPolicy = max(inhibitAnyPolicy - 1, 0)
        }
        explicitPolicy = min(explicitPolicy, extensions.policyConstraints?.requireExplicitPolicy ?? .max)
        policyMapping = min(policyMapping, extensions.policyConstraints?.inhibitPolicyMapping ?? .max)
        inhibitAnyPolicy = min(inhibitAnyPolicy, extensions.inhibitAnyPolicy ?? .max)
        return true
    }

    /// §6.1.5 (a), (b) and (g); `nil` when the path fails.
    mutating func wrapUp(
        _ leaf: X509Certificate, accepting initial: Set<OID>?
    ) -> (authority: Set<OID>, user: Set<OID>)? {
        explicitPolicy = max(explicitPolicy - 1, 0)
        if leaf.extensions.policyConstraints?.requireExplicitPolicy == 0 { explicitPolicy = 0 }
        let authority = graph.authorityPolicies
        var user = authority
        if let initial, !initial.contains(.anyPolicy) {
            user = authority.contains(.anyPolicy) ? initial : authority.intersection(initial)
        }
        return explicitPolicy > 0 || !user.isEmpty ? (authority, user) : nil
    }
}
