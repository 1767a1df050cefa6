import Domain
import Encoding
import PKI
import Store

/// Key usages (RFC 5280 §4.2.1.3) and name constraints (§4.2.1.10) of profiles.
extension ProfileCheck {
    /// Canonical names. What no allowed key can do is refused, and what only CAs do.
    static func keyUsages(
        _ names: [String], of keys: [KeyRule], into problems: inout FieldProblems
    ) -> [String] {
        var usage: KeyUsage = []
        for (index, name) in names.enumerated() {
            let pointer = "/key_usages/\(index)"
            guard let bit = KeyUsage(name: name) else {
                let known = KeyUsage.ofLeaves.names.joined(separator: ", ")
                problems.add(pointer, "unknown_key_usage", "must be one of \(known)")
                continue
            }
            if !bit.isDisjoint(with: .ofAuthorities) {
                problems.add(pointer, "dangerous_key_usage", "is for CAs, and never for what they certify")
            } else if !keys.contains(where: { KeyUsage.possible(for: $0.algorithm).contains(bit) }) {
                problems.add(pointer, "impossible_key_usage", "is nothing that a key of allowed_key_algorithms can do")
            }
            usage.formUnion(bit)
        }
        guard !usage.isEmpty else { return [] }
        let halves: KeyUsage = [.encipherOnly, .decipherOnly]
        if !usage.isDisjoint(with: halves), !usage.contains(.keyAgreement) || usage.isSuperset(of: halves) {
            problems.add(
                "/key_usages", "conflicting_key_usages",
                "encipherOnly or decipherOnly narrows keyAgreement, and only one of them (RFC 5280 §4.2.1.3)")
        }
        for algorithm in Set(keys.map(\.algorithm)).sorted(by: { $0.rawValue < $1.rawValue })
        where usage.isDisjoint(with: .possible(for: algorithm)) {
            problems.add("/key_usages", "no_usage_left", "leaves nothing that \(algorithm.rawValue) keys can do")
        }
        return usage.names
    }

    /// The object form alone, of the kinds of names that leaves have.
    static func checkConstraints(_ constraints: JSONObject?, into problems: inout FieldProblems) {
        guard let constraints else { return }
        func refuse(_ detail: String) { problems.add("/name_constraints", "invalid_constraints", detail) }
        for part in constraints where part.value.objectValue?["directory"] != nil {
            return refuse("has directory names; what the subject holds is for subject_policy")
        }
        do {
            if try NameConstraints(json: .object(constraints)) == nil {
                refuse("permits and excludes nothing; leave it out")
            }
        } catch {
            refuse("\(error)")
        }
    }

    static func keyUsageWarnings(_ fields: ProfileFields, _ purposes: Set<ExtendedKeyUsage>) -> [String] {
        let usage = KeyUsage(fields.keyUsages.compactMap { KeyUsage(name: $0) })
        guard !usage.isEmpty else { return [] }
        var warnings: [String] = []
        if !usage.contains(.digitalSignature), !purposes.isDisjoint(with: [.serverAuth, .clientAuth]) {
            warnings.append("key_usages lacks digitalSignature, so TLS 1.3 can't use the certificates")
        }
        if usage.isDisjoint(with: [.digitalSignature, .contentCommitment]),
            !purposes.isDisjoint(with: [.codeSigning, .timeStamping, .documentSigning, .documentSigningRFC9336])
        {
            warnings.append("key_usages has nothing that signs, which a purpose of the profile is about")
        }
        for algorithm in Set(fields.allowedKeys.map(\.algorithm)).sorted(by: { $0.rawValue < $1.rawValue }) {
            let missing = usage.subtracting(.possible(for: algorithm))
            if !missing.isEmpty { warnings.append("\(algorithm.rawValue) keys get no \(missing), which they can't do") }
        }
        return warnings
    }
}

extension KeyUsage {
    /// What the keys of leaves can do, of whichever family.
    static let ofLeaves = KeyUsage(KeyAlgorithm.allCases.map { possible(for: $0) })
}
