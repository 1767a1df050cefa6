package import Domain

/// Builds and checks certification paths (RFC 5280 §6) under the fixed policy of protocol-servers §7.
///
/// Revocation is not looked up here.
package struct ChainVerifier: Sendable {
    /// Most certificates in a path, leaf and root included.
    static let maximumDepth = 10
    /// Most signatures verified for one question.
    static let maximumSignatureChecks = 100
    /// Most candidate certificates.
    static let maximumCandidates = 1000

    package let roots: [X509Certificate]

    /// Roots are trusted for their name and key; their own signatures are not evaluated.
    package init(roots: [X509Certificate]) { self.roots = roots }

    /// A path from `leaf` to a root, both included.
    ///
    /// `purpose` must be allowed by the leaf and by each intermediate that limits purposes.
    package func verify(
        _ leaf: X509Certificate, intermediates: [X509Certificate], at time: Timestamp, purpose: OID? = nil
    ) throws(ChainError) -> [X509Certificate] {
        guard intermediates.count + roots.count <= Self.maximumCandidates else {
            throw ChainError(reason: .tooComplex, certificate: leaf)
        }
        var search = PathSearch(roots: roots, intermediates: intermediates, time: time, purpose: purpose)
        if let path = try search.run(from: leaf) { return path }
        throw search.firstFailure ?? ChainError(reason: .untrusted, certificate: leaf)
    }

    /// The certificates of `pool` that lead upward from `leaf`, nearest first: drops duplicates, unrelated ones
    /// and, unless asked for, the self-signed root.
    package static func order(
        _ pool: [X509Certificate], above leaf: X509Certificate, includingRoot: Bool = false
    ) -> [X509Certificate] {
        var chain: [X509Certificate] = []
        var current = leaf
        while chain.count < maximumDepth, !current.isSelfIssued,
            let next = pool.first(where: {
                $0.subject.matches(current.issuer) && $0 != leaf && !chain.contains($0)
                    && current.verifySignature(issuedBy: $0)
            })
        {
            chain.append(next)
            current = next
        }
        if !includingRoot, let last = chain.last, last.isSelfIssued, last.verifySignature(issuedBy: last) {
            chain.removeLast()
        }
        return chain
    }
}

/// Why no path was accepted, and at which certificate.
package struct ChainError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable, CaseIterable {
        case expired, untrusted
        case notYetValid = "not_yet_valid"
        case badSignature = "bad_signature"
        case notAuthority = "not_authority"
        case nameConstraint = "name_constraint"
        case pathLength = "path_length"
        case wrongPurpose = "wrong_purpose"
        case unknownCriticalExtension = "unknown_critical_extension"
        case tooComplex = "too_complex"
    }

    package let reason: Reason
    package let subject: String

    init(reason: Reason, certificate: X509Certificate) {
        self.reason = reason
        let name = certificate.subject.description
        subject = name.isEmpty ? certificate.subjectAltNames.first?.description ?? "(empty subject)" : name
    }

    package var description: String {
        let what =
            switch reason {
            case .expired: "has expired"
            case .untrusted: "does not lead to a trusted root"
            case .notYetValid: "is not valid yet"
            case .badSignature: "is not signed by the certificate above it"
            case .notAuthority: "is not a certificate authority that may sign certificates"
            case .nameConstraint: "has a name that a certificate authority above it forbids"
            case .pathLength: "exceeds a path length limit"
            case .wrongPurpose: "may not be used for this purpose"
            case .unknownCriticalExtension: "has a critical extension that is not understood"
            case .tooComplex: "has too many possible paths"
            }
        return "certificate \(subject) \(what)"
    }
}

/// Depth-first search with budgets; remembers the first refusal for the message.
private struct PathSearch {
    let roots: [X509Certificate]
    let intermediates: [X509Certificate]
    let time: Timestamp
    let purpose: OID?
    private var signatureChecks = 0
    private(set) var firstFailure: ChainError?

    init(roots: [X509Certificate], intermediates: [X509Certificate], time: Timestamp, purpose: OID?) {
        self.roots = roots
        self.intermediates = intermediates
        self.time = time
        self.purpose = purpose
    }

    mutating func run(from leaf: X509Certificate) throws(ChainError) -> [X509Certificate]? {
        if let reason = leafProblem(leaf) { throw ChainError(reason: reason, certificate: leaf) }
        if roots.contains(leaf) { return [leaf] }
        return try extend([leaf])
    }

    private mutating func extend(_ path: [X509Certificate]) throws(ChainError) -> [X509Certificate]? {
        guard path.count < ChainVerifier.maximumDepth, let top = path.last else { return nil }
        for (isRoot, candidate) in candidates(above: top, in: path) {
            guard try isSigned(top, by: candidate) else {
                note(.badSignature, top)
                continue
            }
            if let reason = problem(with: candidate, above: path, isRoot: isRoot) {
                note(reason, reason == .nameConstraint ? path[0] : candidate)
                continue
            }
            if isRoot { return path + [candidate] }
            if let complete = try extend(path + [candidate]) { return complete }
        }
        return nil
    }

    private func candidates(above top: X509Certificate, in path: [X509Certificate]) -> [(Bool, X509Certificate)] {
        let named = roots.map { (true, $0) } + intermediates.map { (false, $0) }
        let matching = named.filter { _, candidate in
            candidate.subject.matches(top.issuer)
                && !path.contains {
                    $0.subjectPublicKey == candidate.subjectPublicKey && $0.subject.matches(candidate.subject)
                }
        }
        // A key identifier is a hint for the order, never a filter.
        guard let hint = top.extensions.authorityKeyIdentifier else { return matching }
        let hinted = matching.filter { $0.1.extensions.subjectKeyIdentifier == hint }
        return hinted + matching.filter { $0.1.extensions.subjectKeyIdentifier != hint }
    }

    private mutating func isSigned(
        _ certificate: X509Certificate, by candidate: X509Certificate
    ) throws(ChainError) -> Bool {
        signatureChecks += 1
        guard signatureChecks <= ChainVerifier.maximumSignatureChecks else {
            throw ChainError(reason: .tooComplex, certificate: certificate)
        }
        return certificate.verifySignature(issuedBy: candidate)
    }

    private mutating func note(_ reason: ChainError.Reason, _ certificate: X509Certificate) {
        if firstFailure == nil { firstFailure = ChainError(reason: reason, certificate: certificate) }
    }

    private func leafProblem(_ leaf: X509Certificate) -> ChainError.Reason? {
        if !leaf.extensions.unknownCritical.isEmpty { return .unknownCriticalExtension }
        if time < leaf.notBefore { return .notYetValid }
        if time > leaf.notAfter { return .expired }
        return allowsPurpose(leaf) ? nil : .wrongPurpose
    }

    private func problem(
        with authority: X509Certificate, above path: [X509Certificate], isRoot: Bool
    ) -> ChainError.Reason? {
        if !authority.extensions.unknownCritical.isEmpty { return .unknownCriticalExtension }
        if time < authority.notBefore { return .notYetValid }
        if time > authority.notAfter { return .expired }
        let maySign = authority.keyUsage.map { $0.contains(.keyCertSign) } ?? true
        // A version 1 root has no way to say that it is an authority; being trusted says it.
        let isAuthority = authority.isCA || (isRoot && authority.version == 1)
        guard isAuthority, maySign else { return .notAuthority }
        if let limit = authority.extensions.basicConstraints?.pathLenConstraint {
            guard path.dropFirst().filter({ !$0.isSelfIssued }).count <= limit else { return .pathLength }
        }
        if !isRoot, !allowsPurpose(authority) { return .wrongPurpose }
        guard let constraints = authority.extensions.nameConstraints else { return nil }
        return Self.violates(constraints, path) ? .nameConstraint : nil
    }

    private func allowsPurpose(_ certificate: X509Certificate) -> Bool {
        guard let purpose, !certificate.extendedKeyUsages.isEmpty else { return true }
        if certificate.extendedKeyUsages.contains(purpose) { return true }
        let isWildcardEnough = purpose != .timeStamping && purpose != .ocspSigning
        return isWildcardEnough && certificate.extendedKeyUsages.contains(.anyExtendedKeyUsage)
    }

    /// Whether any name of the path below lies outside `constraints`; self-issued intermediates are exempt.
    private static func violates(_ constraints: NameConstraints, _ path: [X509Certificate]) -> Bool {
        path.enumerated().contains { position, certificate in
            if position > 0, certificate.isSelfIssued { return false }
            return constraints.isViolated(by: certificate)
        }
    }
}

extension NameConstraints {
    /// Whether a certificate below the constrained authority breaks the constraints (protocol-servers §7).
    package func isViolated(by certificate: X509Certificate) -> Bool {
        if forbids(subject: certificate.subject) { return true }
        if hasUnsupportedForm, !certificate.extensions.unsupportedNames.isEmpty { return true }
        var names = certificate.subjectAltNames
        if !certificate.isCA, let commonName = certificate.subject.commonName,
            let name = try? SubjectAltName(classifying: commonName), !names.contains(name)
        {
            // A common name without a dot is a label for people as often as a host.
            if commonName.contains(".") || commonName.contains(":") { names.append(name) }
        }
        let hasMailbox = names.contains { $0.kind == .email }
        if !hasMailbox {
            for text in certificate.subject.values(of: .emailAddress) {
                guard let address = try? EmailAddress(text) else { continue }
                names.append(.email(address))
            }
        }
        return violation(in: names) != nil
    }
}
