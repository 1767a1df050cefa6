package import Domain

/// Judges requests against profiles: pure, complete, the same for every way in (protocol-servers §8.2).
package enum ProfileEvaluator {
    /// Every violation, not only the first. Empty means that the request may be signed for `approvedNames`.
    ///
    /// Names of the request must be approved; the certificate gets the approved set whatever the request holds.
    package static func evaluate(
        _ csr: CertificationRequest, approvedNames: [SubjectAltName], rules: ProfileRules
    ) -> [ProfileViolation] {
        var violations: [ProfileViolation] = []
        if !rules.isEnabled {
            violations.append(.init(rule: .disabled, message: "the certificate profile is disabled"))
        }
        violations += keyViolations(csr.subjectPublicKey, rules.keyRules)
        violations += requestedNameViolations(csr, approvedNames)
        violations += nameViolations(approvedNames, rules)
        violations += usageViolations(csr.extendedKeyUsages, rules.allowedExtendedKeyUsages)
        for attribute in rules.requiredCSRAttributes where !attribute.isPresent(in: csr) {
            violations.append(
                .init(rule: .csrAttribute, message: "the CSR lacks the attribute \(attribute.rawValue)"))
        }
        return violations
    }

    package static func keyViolations(_ key: SubjectPublicKey, _ rules: [KeyRule]) -> [ProfileViolation] {
        let ofFamily = rules.filter { $0.algorithm == key.algorithm }
        guard let smallest = ofFamily.map(\.minSize).min() else {
            let allowed = Set(rules.map(\.algorithm.rawValue)).sorted().joined(separator: ", ")
            return [.init(rule: .keyAlgorithm, message: "key type \(key.name) is not among those allowed: \(allowed)")]
        }
        guard key.algorithm.hasFixedSize || key.size >= smallest else {
            return [.init(rule: .keySize, message: "key \(key.name) is below the minimum of \(smallest) bits")]
        }
        return []
    }

    /// Names, patterns and the SPIFFE rule; also usable before there is a request.
    package static func nameViolations(_ names: [SubjectAltName], _ rules: ProfileRules) -> [ProfileViolation] {
        var violations: [ProfileViolation] = []
        if names.count > rules.maximumNames {
            violations.append(
                .init(rule: .nameCount, message: "\(names.count) names; at most \(rules.maximumNames) are allowed"))
        }
        if !rules.sanPatterns.isEmpty {
            for name in names where !isCovered(name, rules) {
                violations.append(
                    .init(rule: .pattern, message: "name \(name) matches no name pattern of the profile"))
            }
        }
        if let pattern = rules.spiffePattern, let problem = spiffeProblem(names, pattern) {
            violations.append(.init(rule: .spiffe, message: problem))
        }
        return violations
    }

    /// The identity that the SPIFFE rule demands need not match a second pattern as well.
    private static func isCovered(_ name: SubjectAltName, _ rules: ProfileRules) -> Bool {
        if rules.spiffePattern != nil, name.kind == .uri { return true }
        return rules.sanPatterns.contains { $0.matches(name) }
    }

    private static func requestedNameViolations(
        _ csr: CertificationRequest, _ approved: [SubjectAltName]
    ) -> [ProfileViolation] {
        let approved = Set(approved)
        do throws(CSRError) {
            return try csr.names().filter { !approved.contains($0) }.map {
                .init(rule: .name, message: "the CSR asks for \($0), which is not approved for this certificate")
            }
        } catch {
            return [.init(rule: .name, message: error.description)]
        }
    }

    private static func usageViolations(
        _ requested: [OID], _ allowed: Set<ExtendedKeyUsage>
    ) -> [ProfileViolation] {
        requested.compactMap { oid in
            let usage = ExtendedKeyUsage(oid: oid)
            if let usage, allowed.contains(usage) { return nil }
            let name = usage?.rawValue ?? oid.description
            return .init(rule: .extendedKeyUsage, message: "extended key usage \(name) is not allowed by the profile")
        }
    }

    /// SPIFFE X.509-SVID §2: exactly one URI, of the scheme, without port, user, query or fragment.
    private static func spiffeProblem(_ names: [SubjectAltName], _ pattern: String) -> String? {
        let uris = names.compactMap { name -> URIName? in if case .uri(let uri) = name { uri } else { nil } }
        guard uris.count == 1, let uri = uris.first else {
            return "the profile demands exactly one URI name that matches \(pattern)"
        }
        guard uri.scheme == "spiffe", !uri.text.contains(where: { "?#@".contains($0) }),
            !uri.text.dropFirst("spiffe:".count).contains(":")
        else { return "\(uri) is not a SPIFFE identity" }
        let wanted = pattern.split(separator: "/", omittingEmptySubsequences: false)
        let given = uri.text.split(separator: "/", omittingEmptySubsequences: false)
        let isMatch =
            wanted.count == given.count && zip(wanted, given).allSatisfy { $0 == "*" ? !$1.isEmpty : $0 == $1 }
        return isMatch ? nil : "\(uri) does not match \(pattern)"
    }
}
