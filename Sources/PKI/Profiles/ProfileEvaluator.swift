package import Domain

/// Where a request came from, as far as the rules differ (protocol-servers §8.2).
package enum RequestPath: Sendable {
    /// A client of the API, or an agent.
    case direct
    /// ACME: its requests have no attributes, and clients ask for purposes out of habit; the profile decides.
    case acme
}

/// The family and the size of a key, which are what profiles speak of.
package struct KeyKind: Hashable, Sendable, CustomStringConvertible {
    package let algorithm: KeyAlgorithm
    package let size: Int

    package init(_ algorithm: KeyAlgorithm, size: Int) {
        self.algorithm = algorithm
        self.size = size
    }

    package init(_ key: SubjectPublicKey) { self.init(key.algorithm, size: key.size) }

    /// As in ``SubjectPublicKey/name``.
    package var description: String { SubjectPublicKey.name(of: algorithm, size: size) }
}

/// Everything about a request that a profile judges.
package struct ProfileRequest: Sendable {
    /// `nil` where a request is only expected and nothing is known of it but names and key.
    package let csr: CertificationRequest?
    /// `nil` where it is not known.
    package let key: KeyKind?
    /// Whether the request was made for another certificate: then its names say nothing.
    package let isEarlier: Bool
    /// The names of the certificate record, which are the names that get signed.
    package let approvedNames: [SubjectAltName]
    package var commonName: String
    /// Who asks: the identifier of the actor.
    package var principal: String
    package var path: RequestPath

    package init(
        _ csr: CertificationRequest, approvedNames: [SubjectAltName], commonName: String = "", principal: String = "",
        path: RequestPath = .direct
    ) {
        self.csr = csr
        key = KeyKind(csr.subjectPublicKey)
        isEarlier = false
        self.approvedNames = approvedNames
        self.commonName = commonName
        self.principal = principal
        self.path = path
    }

    /// A request that nobody has made yet, for the names of a record.
    ///
    /// - `key`: The key that it will bring.
    /// - `earlier`: The last one by the same requester, who is expected to make another like it.
    package init(
        expecting key: KeyKind?, like earlier: CertificationRequest?, names: [SubjectAltName], commonName: String,
        principal: String, path: RequestPath
    ) {
        csr = earlier
        self.key = key
        isEarlier = true
        approvedNames = names
        self.commonName = commonName
        self.principal = principal
        self.path = path
    }

    var binding: PatternBinding {
        let name = (try? SubjectAltName(classifying: commonName))?.patternText
        return PatternBinding(commonName: name ?? commonName, principal: principal)
    }

    /// The common name of the record as a subject may have it: never the name of a user in a directory, which clients
    /// would read as a mailbox.
    var subjectCommonName: String? { commonName.hasPrefix(UserPrincipalName.prefix) ? nil : commonName }
}

/// Judges requests against profiles: pure, complete, the same for every way in (protocol-servers §8.2).
package enum ProfileEvaluator {
    /// Every violation, not only the first. Empty means that the request may be signed as ``template(for:rules:)`` says.
    ///
    /// Names of the request must be approved; the certificate gets the approved set whatever the request holds.
    package static func evaluate(_ request: ProfileRequest, rules: ProfileRules) -> [ProfileViolation] {
        let csr = request.csr
        var violations: [ProfileViolation] = []
        if !rules.isEnabled {
            violations.append(.init(rule: .disabled, message: "the certificate profile is disabled"))
        }
        if let key = request.key {
            if let denial = rules.algorithms.denial(of: key) {
                let message = "this server certifies no \(denial.rawValue) keys; the key is \(key)"
                violations.append(.init(rule: .deniedAlgorithm, message: message))
            }
            violations += keyViolations(key, rules.keyRules)
            if let usage = rules.keyUsage, usage.isDisjoint(with: .possible(for: key.algorithm)) {
                let message = "a key \(key) can do nothing of what the profile grants: \(usage)"
                violations.append(.init(rule: .keyUsage, message: message))
            }
        }
        if let csr, !request.isEarlier { violations += requestedNameViolations(csr, request.approvedNames) }
        violations += nameViolations(request.approvedNames, rules, request.binding)
        violations += SubjectRules.violations(request, rules)
        violations += mailboxViolations(request, rules)
        if request.path == .direct, let csr {
            violations += usageViolations(csr.extendedKeyUsages, rules.allowedExtendedKeyUsages)
            for attribute in rules.requiredCSRAttributes where !attribute.isPresent(in: csr) {
                violations.append(
                    .init(rule: .csrAttribute, message: "the CSR lacks the attribute \(attribute.rawValue)"))
            }
        }
        return violations
    }

    /// What a request without violations leads to.
    package static func template(for request: ProfileRequest, rules: ProfileRules) -> ProfileTemplate {
        let requested = Set((request.csr?.extendedKeyUsages ?? []).compactMap { ExtendedKeyUsage(oid: $0) })
        let takesAll = request.path == .acme || requested.isEmpty
        let usages = takesAll ? rules.allowedExtendedKeyUsages : requested.intersection(rules.allowedExtendedKeyUsages)
        let isStapled = rules.mustStaple || (rules.allowsMustStaple && request.csr?.mustStaple ?? false)
        var template = ProfileTemplate(
            subject: rules.subjectPolicy.flatMap { SubjectRules.subject(request, $0) },
            extendedKeyUsages: ExtendedKeyUsage.ordered(usages), isUsageCritical: rules.isUsageCritical,
            ttl: rules.ttl, backdate: rules.backdate, mustStaple: isStapled && !rules.isShortLived,
            policies: rules.policies)
        template.hasNoRevocation = rules.isShortLived
        template.keyUsage = rules.keyUsage.map { usage in
            request.key.map { usage.intersection(.possible(for: $0.algorithm)) } ?? usage
        }
        return template
    }

    package static func keyViolations(_ key: KeyKind, _ rules: [KeyRule]) -> [ProfileViolation] {
        let ofFamily = rules.filter { $0.algorithm == key.algorithm }
        guard !ofFamily.isEmpty else {
            let allowed = Set(rules.map(\.algorithm.rawValue)).sorted().joined(separator: ", ")
            return [.init(rule: .keyAlgorithm, message: "key type \(key) is not among those allowed: \(allowed)")]
        }
        guard !ofFamily.contains(where: { $0.admits(size: key.size) }) else { return [] }
        let smallest = ofFamily.map(\.minSize).min() ?? 0
        guard key.size >= smallest else {
            return [.init(rule: .keySize, message: "key \(key) is below the minimum of \(smallest) bits")]
        }
        let ranges = ofFamily.map { "\($0.minSize) to \($0.maxSize.map(String.init) ?? "any")" }
        return [
            .init(
                rule: .keySize,
                message: "key \(key) is outside the sizes allowed: \(ranges.joined(separator: ", ")) bits")
        ]
    }

    /// Kinds, patterns and the SPIFFE rule; also usable before there is a request.
    package static func nameViolations(
        _ names: [SubjectAltName], _ rules: ProfileRules, _ binding: PatternBinding = PatternBinding()
    ) -> [ProfileViolation] {
        var violations: [ProfileViolation] = []
        if names.count > rules.maximumNames {
            violations.append(
                .init(rule: .nameCount, message: "\(names.count) names; at most \(rules.maximumNames) are allowed"))
        }
        let kinds = rules.nameKinds
        for name in names where !kinds.contains(name.kind) {
            violations.append(
                .init(rule: .nameKind, message: "name \(name) is of a type that the profile does not allow"))
        }
        for case .dns(let name) in names {
            guard let objection = name.objection else { continue }
            violations.append(.init(rule: .nameForm, message: "name \(name): \(objection)"))
        }
        if !rules.sanPatterns.isEmpty {
            for name in names where kinds.contains(name.kind) && !isCovered(name, rules, binding) {
                violations.append(
                    .init(rule: .pattern, message: "name \(name) matches no name pattern of the profile"))
            }
        }
        if let constraints = rules.nameConstraints {
            for name in names where kinds.contains(name.kind) && constraints.violation(in: [name]) != nil {
                let message = "name \(name) is outside the name constraints of the profile"
                violations.append(.init(rule: .nameConstraint, message: message))
            }
        }
        if let pattern = rules.spiffePattern, let problem = spiffeProblem(names, pattern) {
            violations.append(.init(rule: .spiffe, message: problem))
        }
        return violations
    }

    /// The identity that the SPIFFE rule demands need not match a second pattern as well.
    private static func isCovered(
        _ name: SubjectAltName, _ rules: ProfileRules, _ binding: PatternBinding
    ) -> Bool {
        if rules.spiffePattern != nil, name.kind == .uri { return true }
        return rules.sanPatterns.contains { $0.matches(name, binding) }
    }

    /// A mailbox in the subject is a name as well (RFC 5280 §4.2.1.10).
    private static func mailboxViolations(_ request: ProfileRequest, _ rules: ProfileRules) -> [ProfileViolation] {
        guard let constraints = rules.nameConstraints, let policy = rules.subjectPolicy,
            let subject = SubjectRules.subject(request, policy)
        else { return [] }
        return subject.values(of: .emailAddress).compactMap { text in
            guard let address = try? EmailAddress(text), constraints.violation(in: [.email(address)]) != nil else {
                return nil
            }
            let message = "e-mail address \(text) of the subject is outside the name constraints of the profile"
            return .init(rule: .nameConstraint, message: message)
        }
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
            let name = usage?.rawValue ?? "\(oid)"
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
