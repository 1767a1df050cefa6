package import Domain
import PKI
package import Store

/// Creates, changes and deletes certificate profiles.
package struct ProfileFlow: Sendable {
    private let context: LifecycleContext
    private let profiles = ProfileStore()

    package init(_ context: LifecycleContext) { self.context = context }

    package func create(id: String?, _ fields: ProfileFields, by author: Authorship) async throws -> Profile {
        var problems = FieldProblems()
        let chosen: ProfileID? = id.flatMap { problems.checkedID($0) }
        let checked = ProfileCheck.checked(fields, into: &problems)
        try problems.throwIfAny()
        return try await context.write { tx in
            let profile = try profiles.insert(chosen ?? context.newID(), checked, in: tx)
            try context.recorder.record(.created(.profile), profile.id.text, by: author, in: tx)
            return profile
        }
    }

    /// Applies `change` to what is stored.
    ///
    /// - `version`: The row version that the client saw; `nil` changes whatever is there.
    package func update(
        _ id: ProfileID,
        expecting version: Int?,
        by author: Authorship,
        _ change: @escaping @Sendable (inout ProfileFields) -> Void
    ) async throws -> Profile {
        try await context.write { tx in
            let stored = try profiles.get(id, in: tx)
            var fields = stored.fields
            change(&fields)
            var problems = FieldProblems()
            let checked = ProfileCheck.checked(fields, into: &problems)
            try problems.throwIfAny()
            let profile = try profiles.update(id, checked, expecting: version ?? stored.rowVersion, in: tx)
            try context.recorder.record(.updated(.profile), id.text, by: author, in: tx)
            return profile
        }
    }

    package func delete(_ id: ProfileID, expecting version: Int?, by author: Authorship) async throws {
        try await context.write { tx in
            try profiles.delete(id, expecting: version, in: tx)
            try context.removeGrants(in: .profile(id), by: author, in: tx)
            try context.recorder.record(.deleted(.profile), id.text, by: author, in: tx)
        }
    }
}

/// The rules of profile members (specification, domain §3.3).
enum ProfileCheck {
    private static let mostPatterns = 32
    private static let longestPattern = 512
    private static let csrAttributes: Set<String> = [
        "commonName", "surname", "serialNumber", "countryName", "localityName", "stateOrProvinceName",
        "organizationName", "organizationalUnitName", "title", "challengePassword", "emailAddress",
        "extensionRequest", "deviceSerialNumber", "unstructuredName", "unstructuredAddress",
    ]

    /// The members as they are stored; `problems` has the reason where one is wrong.
    static func checked(_ fields: ProfileFields, into problems: inout FieldProblems) -> ProfileFields {
        var checked = fields
        checked.name = problems.checkedName(fields.name)
        problems.checkLength(fields.description, at: "/description", limit: 4096)
        checked.allowedKeys = keyRules(fields.allowedKeys, into: &problems)
        checkPurposes(fields.allowedEKUs, into: &problems)
        checkLifetime(fields, into: &problems)
        checkPatterns(fields, into: &problems)
        for (index, name) in fields.requiredCSRAttributes.enumerated() where !csrAttributes.contains(name) {
            problems.add("/required_csr_attributes/\(index)", "unknown_attribute", "is not a known CSR attribute")
        }
        if fields.requiresApproval {
            problems.add(
                "/requires_approval",
                "not_available",
                "approvals are not available in this build, so nothing could ever be issued under this profile"
            )
        }
        return checked
    }

    private static func keyRules(_ rules: [KeyRule], into problems: inout FieldProblems) -> [KeyRule] {
        guard !rules.isEmpty else { return KeyRule.defaults }
        for (index, rule) in rules.enumerated() {
            let pointer = "/allowed_key_algorithms/\(index)/min_size"
            switch rule.algorithm {
            case .rsa: problems.checkRange(rule.minSize, at: pointer, 2048...16_384)
            case .ecdsa: problems.checkRange(rule.minSize, at: pointer, 256...521)
            case .ed25519: break
            }
        }
        return rules.map { rule in
            rule.algorithm == .ed25519 ? KeyRule(algorithm: .ed25519, minSize: 256) : rule
        }
    }

    private static func checkPurposes(_ names: [String], into problems: inout FieldProblems) {
        if names.isEmpty { problems.add("/allowed_ekus", "required", "at least one key purpose") }
        for (index, name) in names.enumerated() where ExtendedKeyUsage(rawValue: name) == nil {
            let known = ExtendedKeyUsage.allCases.map(\.rawValue).joined(separator: ", ")
            problems.add("/allowed_ekus/\(index)", "unknown_eku", "must be one of \(known)")
        }
    }

    private static func checkLifetime(_ fields: ProfileFields, into problems: inout FieldProblems) {
        if fields.maxTTLSeconds < 0 { problems.add("/max_ttl_seconds", "out_of_range", "must not be negative") }
        if fields.allowShortLived, !(1..<3600).contains(fields.maxTTLSeconds) {
            problems.add("/allow_short_lived", "needs_short_ttl", "needs max_ttl_seconds between 1 and 3599")
        }
    }

    private static func checkPatterns(_ fields: ProfileFields, into problems: inout FieldProblems) {
        if fields.requiredSANPatterns.count > mostPatterns {
            problems.add("/required_san_patterns", "too_many", "at most \(mostPatterns) patterns")
        }
        for (index, text) in fields.requiredSANPatterns.prefix(mostPatterns).enumerated() {
            let pointer = "/required_san_patterns/\(index)"
            problems.checkLength(text, at: pointer, limit: longestPattern)
            do {
                _ = try SANPattern(text)
            } catch {
                problems.add(pointer, "invalid_pattern", "\(error)")
            }
        }
        problems.checkLength(fields.spiffeURIPattern, at: "/spiffe_uri_pattern", limit: longestPattern)
        if !fields.spiffeURIPattern.isEmpty, !fields.spiffeURIPattern.hasPrefix("spiffe://") {
            problems.add("/spiffe_uri_pattern", "invalid_pattern", "must start with spiffe://")
        }
    }
}
