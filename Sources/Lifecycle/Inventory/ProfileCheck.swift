import Domain
import Encoding
import PKI
import Store

/// The rules of profile members (specification, domain §3.3; protocol-servers §8.1).
enum ProfileCheck {
    private static let mostPatterns = 32
    private static let longestPattern = 512
    /// The issuer's usual backdating, for periods that leave nothing beside it.
    private static let mostBackdate = 86_400
    private static let largestRSA = 8192

    /// The members as they are stored; `problems` has the reason where one is wrong.
    ///
    /// - `algorithms`: What the server certifies for nobody.
    static func checked(
        _ fields: ProfileFields, allowing algorithms: AlgorithmPolicy, into problems: inout FieldProblems
    ) -> ProfileFields {
        var checked = fields
        checked.name = problems.checkedName(fields.name)
        problems.checkLength(fields.description, at: "/description", limit: 4096)
        checked.allowedKeys = keyRules(fields.allowedKeys, into: &problems)
        if algorithms.remainder(of: checked.allowedKeys) == .nothing {
            problems.add(
                "/allowed_key_algorithms", "denied_algorithm",
                "allows only what this server certifies for nobody: \(algorithms.names.joined(separator: ", "))")
        }
        checked.allowedEKUs = purposes(fields.allowedEKUs, into: &problems)
        checked.keyUsages = keyUsages(fields.keyUsages, of: checked.allowedKeys, into: &problems)
        checkConstraints(fields.nameConstraints, into: &problems)
        checkLifetime(fields, into: &problems)
        checkPatterns(fields, into: &problems)
        checkNames(fields, into: &problems)
        checkPerspectives(fields, into: &problems)
        checkSubject(fields.subjectPolicy, into: &problems)
        for (index, text) in fields.policyOIDs.enumerated() where OID(dotted: text) == nil {
            problems.add("/policy_oids/\(index)", "invalid_oid", "must be an object identifier such as 2.23.140.1.2.1")
        }
        for (index, name) in fields.requiredCSRAttributes.enumerated() where CSRAttribute(rawValue: name) == nil {
            problems.add("/required_csr_attributes/\(index)", "unknown_attribute", "is not a known CSR attribute")
        }
        return checked
    }

    // MARK: Keys and purposes

    private static func keyRules(_ rules: [KeyRule], into problems: inout FieldProblems) -> [KeyRule] {
        guard !rules.isEmpty else { return KeyRule.defaults }
        for (index, rule) in rules.enumerated() {
            let pointer = "/allowed_key_algorithms/\(index)"
            let sizes: ClosedRange<Int>
            switch rule.algorithm {
            case .rsa: sizes = 2048...largestRSA
            case .ecdsa: sizes = 256...521
            case .ed25519, .mlDSA65, .mlDSA87: continue
            }
            problems.checkRange(rule.minSize, at: pointer + "/min_size", sizes)
            guard let maximum = rule.maxSize else { continue }
            problems.checkRange(maximum, at: pointer + "/max_size", sizes)
            if maximum < rule.minSize {
                problems.add(pointer + "/max_size", "out_of_range", "must not be below min_size")
            }
        }
        return rules.map { rule in
            let fixed = KeySpec.allCases.first { $0.algorithm == rule.algorithm && rule.algorithm.hasFixedSize }
            return fixed.map { KeyRule(algorithm: rule.algorithm, minSize: $0.size) } ?? rule
        }
    }

    /// Canonical names. Purposes that would make something else of a certificate than its holder's are refused.
    private static func purposes(_ names: [String], into problems: inout FieldProblems) -> [String] {
        if names.isEmpty { problems.add("/allowed_ekus", "required", "at least one key purpose") }
        var usages: [ExtendedKeyUsage] = []
        for (index, name) in names.enumerated() {
            let pointer = "/allowed_ekus/\(index)"
            guard let usage = ExtendedKeyUsage(rawValue: name) else {
                let known = ExtendedKeyUsage.allCases.map(\.rawValue).joined(separator: ", ")
                problems.add(pointer, "unknown_eku", "must be an object identifier or one of \(known)")
                continue
            }
            switch usage {
            case .anyExtendedKeyUsage:
                problems.add(pointer, "dangerous_eku", "stands for every purpose; name those that are meant")
            case .ocspSigning:
                problems.add(
                    pointer, "dangerous_eku",
                    "whoever holds such a certificate answers for the whole CA; certctl appoints its responders itself")
            default: break
            }
            if !usages.contains(usage) { usages.append(usage) }
        }
        if usages.contains(.timeStamping), usages.count > 1 {
            problems.add("/allowed_ekus", "conflicting_ekus", "timeStamping must be the only purpose (RFC 3161 §2.3)")
        }
        return usages.map(\.rawValue)
    }

    // MARK: The period

    private static func checkLifetime(_ fields: ProfileFields, into problems: inout FieldProblems) {
        let limit = fields.maxTTLSeconds
        if limit < 0 { problems.add("/max_ttl_seconds", "out_of_range", "must not be negative") }
        if fields.defaultTTLSeconds < 0 {
            problems.add("/default_ttl_seconds", "out_of_range", "must not be negative")
        }
        if limit > 0, fields.defaultTTLSeconds > limit {
            problems.add("/default_ttl_seconds", "out_of_range", "must not exceed max_ttl_seconds, which is \(limit)")
        }
        if let backdate = fields.backdateSeconds {
            problems.checkRange(backdate, at: "/backdate_seconds", 0...mostBackdate)
            let period = [limit, fields.defaultTTLSeconds].filter { $0 > 0 }.min()
            // notAfter counts as valid, so a period of n seconds ends n - 1 seconds after its begin.
            if let period, backdate >= period - 1 {
                problems.add("/backdate_seconds", "no_lifetime_left", "leaves nothing of a period of \(period) seconds")
            }
        }
        if fields.allowShortLived, !(1..<3600).contains(limit) {
            problems.add("/allow_short_lived", "needs_short_ttl", "needs max_ttl_seconds between 1 and 3599")
        }
        if fields.allowShortLived, fields.mustStapleMode != .never {
            problems.add(
                "/must_staple", "conflicting_rules",
                "short-lived certificates say that nothing tells of their revocation (RFC 9608): there is no staple")
        }
    }

    // MARK: Names

    private static func checkPatterns(_ fields: ProfileFields, into problems: inout FieldProblems) {
        if fields.requiredSANPatterns.count > mostPatterns {
            problems.add("/required_san_patterns", "too_many", "at most \(mostPatterns) patterns")
        }
        for (index, text) in fields.requiredSANPatterns.prefix(mostPatterns).enumerated() {
            let pointer = "/required_san_patterns/\(index)"
            problems.checkLength(text, at: pointer, limit: longestPattern)
            do {
                let pattern = try SANPattern(text)
                if !fields.allowedSANTypes.isEmpty, !fields.allowedSANTypes.map(\.kind).contains(pattern.kind) {
                    problems.add(
                        pointer, "never_matches",
                        "is about \(pattern.kind.rawValue) names, which allowed_san_types does not list")
                }
            } catch {
                problems.add(pointer, "invalid_pattern", "\(error)")
            }
        }
        problems.checkLength(fields.spiffeURIPattern, at: "/spiffe_uri_pattern", limit: longestPattern)
        guard !fields.spiffeURIPattern.isEmpty else { return }
        if !fields.spiffeURIPattern.hasPrefix("spiffe://") {
            problems.add("/spiffe_uri_pattern", "invalid_pattern", "must start with spiffe://")
        }
        if !fields.allowedSANTypes.isEmpty, !fields.allowedSANTypes.contains(.uri) {
            problems.add("/allowed_san_types", "conflicting_rules", "must list uri, which spiffe_uri_pattern demands")
        }
    }

    private static func checkNames(_ fields: ProfileFields, into problems: inout FieldProblems) {
        problems.checkRange(fields.maxSANs, at: "/max_sans", 0...CertificationRequest.maximumNames)
        if Set(fields.allowedSANTypes).count < fields.allowedSANTypes.count {
            problems.add("/allowed_san_types", "duplicate", "lists a type twice")
        }
        if Set(fields.acmeProfiles).count < fields.acmeProfiles.count {
            problems.add("/acme_profiles", "duplicate", "lists a profile twice")
        }
    }

    private static func checkPerspectives(_ fields: ProfileFields, into problems: inout FieldProblems) {
        let names = fields.acmePerspectives
        for (index, name) in names.enumerated() where !ACMEPerspective.isName(name) {
            problems.add("/acme_perspectives/\(index)", "invalid_name", "is not 1 to 32 of a-z 0-9 -")
        }
        if Set(names).count < names.count {
            problems.add("/acme_perspectives", "duplicate", "lists a perspective twice")
        }
        if names.contains(ACMEPerspective.nobody), names.count > 1 || fields.acmePerspectiveQuorum > 0 {
            problems.add(
                "/acme_perspectives", "conflicting_rules",
                "\(ACMEPerspective.nobody) stands alone, without acme_perspective_quorum")
        }
        problems.checkRange(fields.acmePerspectiveQuorum, at: "/acme_perspective_quorum", 0...16)
        if !names.isEmpty, fields.acmePerspectiveQuorum > names.count {
            problems.add(
                "/acme_perspective_quorum", "out_of_range", "is more than acme_perspectives lists: \(names.count)")
        }
        problems.checkRange(fields.acmeOrdersPerHour, at: "/acme_orders_per_hour", 0...1_000_000)
    }

    private static func checkSubject(_ policy: SubjectPolicy?, into problems: inout FieldProblems) {
        guard let policy else { return }
        for attribute in SubjectAttribute.allCases {
            guard let value = policy.fixed[attribute] else { continue }
            let pointer = "/subject_policy/fixed/\(attribute.rawValue)"
            do {
                _ = try DistinguishedName([(attribute.type, value)])
            } catch {
                problems.add(pointer, "invalid_value", "\(error)")
            }
            if policy.allowed.contains(attribute) {
                problems.add(pointer, "conflicting_rules", "is in allowed_rdns as well; it is either fixed or free")
            }
        }
    }

    // MARK: What works, and should be thought over

    /// Settings that are lawful and still rarely meant.
    ///
    /// - `algorithms`: What the server certifies for nobody.
    /// - `isReachable`: Whether certificates name an OCSP responder of this server.
    static func warnings(
        _ fields: ProfileFields, under algorithms: AlgorithmPolicy, isReachable: Bool
    ) -> [String] {
        var warnings: [String] = []
        if fields.mustStapleMode != .never, !isReachable {
            warnings.append(
                "must-staple is refused by issuers whose certificates name no OCSP responder, and this server has no "
                    + "CERTCTL_PKI_PUBLIC_URL: set it, or ocsp_urls of the issuer")
        }
        if algorithms.remainder(of: fields.allowedKeys) != .everything {
            let denied = algorithms.names.joined(separator: ", ")
            warnings.append(
                "allowed_key_algorithms has keys that this server certifies for nobody: it denies \(denied)")
        }
        let usages = Set(fields.allowedEKUs.compactMap { ExtendedKeyUsage(rawValue: $0) })
        let patterns = fields.requiredSANPatterns.compactMap { try? SANPattern($0) }
        if usages.contains(.codeSigning), usages.count > 1 {
            warnings.append("code signing shares a key with other purposes")
        }
        if usages.contains(.serverAuth), usages.contains(.emailProtection) {
            warnings.append("serverAuth and emailProtection in one certificate: public trust programmes forbid it")
        }
        warnings += keyUsageWarnings(fields, usages)
        warnings += acmeWarnings(fields, patterns)
        for pattern in patterns where pattern.acceptsEverything {
            warnings.append("the pattern \(pattern) accepts every name of its type")
        }
        for type in fields.allowedSANTypes
        where !patterns.isEmpty && !patterns.contains(where: { $0.kind == type.kind }) {
            if type == .uri, !fields.spiffeURIPattern.isEmpty { continue }
            warnings.append("no pattern is about \(type.rawValue) names, so none of that type is accepted")
        }
        if fields.allowedKeys.contains(where: { $0.algorithm == .rsa && ($0.maxSize ?? 4096) > 4096 }) {
            warnings.append("RSA keys above 4096 bits slow every handshake down")
        }
        return warnings
    }

    private static func acmeWarnings(_ fields: ProfileFields, _ patterns: [SANPattern]) -> [String] {
        var warnings: [String] = []
        if fields.acmeAuthMode == .trustAuthenticated, fields.acmeRequireEAB == false {
            warnings.append(
                patterns.isEmpty
                    ? "over ACME anybody who reaches the server gets any name, without a key of the operator"
                    : "over ACME anybody who reaches the server gets the names of the patterns")
        }
        if fields.acmeAuthMode == .challenge, fields.acmeAllowWildcards, !fields.acmeChallengeTypes.isEmpty,
            !fields.acmeChallengeTypes.contains(where: \.isInDNS)
        {
            warnings.append("wildcards are allowed, and no challenge of acme_challenge_types can prove one")
        }
        if fields.acmeAuthMode == .trustAuthenticated, !fields.acmeChallengeTypes.isEmpty {
            warnings.append("acme_challenge_types has no effect while acme_auth_mode is trust_authenticated")
        }
        if fields.acmeAuthMode == .trustAuthenticated, fields.acmePreauthorization {
            warnings.append("acme_preauthorization has no effect while acme_auth_mode is trust_authenticated")
        }
        if fields.acmeAuthMode == .trustAuthenticated, !fields.acmePerspectives.isEmpty {
            warnings.append("acme_perspectives has no effect while acme_auth_mode is trust_authenticated")
        }
        return warnings
    }
}

extension SANType {
    var kind: SubjectAltName.Kind {
        switch self {
        case .dns: .dns
        case .ip: .ip
        case .email: .email
        case .uri: .uri
        case .upn: .upn
        }
    }
}

extension SANPattern {
    /// Whether names that have nothing to do with each other all match.
    fileprivate var acceptsEverything: Bool {
        let probes =
            switch kind {
            case .dns: ["q7.x3-j.invalid", "zzk"]
            case .ip: ["192.0.2.77", "2001:db8::4:1"]
            case .email: ["q7@x3-j.invalid", "zz.k@h2.test"]
            case .uri: ["q7x://x3-j.invalid/a", "zzk://h2/b/c"]
            case .upn: ["upn:q7@x3-j.invalid", "upn:zz.k@h2"]
            }
        return probes.allSatisfy { text in
            guard let name = try? SubjectAltName(classifying: text) else { return false }
            return matches(name, PatternBinding(commonName: "a", principal: "a"))
        }
    }
}
