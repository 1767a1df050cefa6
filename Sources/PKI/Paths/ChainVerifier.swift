package import Domain

/// Builds and validates certification paths (RFC 5280 §6) under the policy of protocol-servers §7. ADR-0014.
///
/// Does no I/O: whatever certificates and lists may be needed are given to it.
package struct ChainVerifier: Sendable {
    /// Most paths that ``validPaths(of:intermediates:revocationLists:parameters:limit:)`` returns.
    package static let maximumChoice = 16

    package let roots: [X509Certificate]

    /// Roots are trusted for their name and key, within their own validity, path length and name constraints. Their own
    /// signatures are not evaluated.
    package init(roots: [X509Certificate]) { self.roots = roots }

    /// A path from `leaf` to a root, both included.
    ///
    /// `purpose` must be allowed by the leaf and by each intermediate that limits purposes. Revocation is not looked at.
    package func verify(
        _ leaf: X509Certificate, intermediates: [X509Certificate], at time: Timestamp, purpose: OID? = nil
    ) throws(ChainError) -> [X509Certificate] {
        try validate(leaf, intermediates: intermediates, parameters: PathParameters(time: time, purpose: purpose))
            .certificates
    }

    /// The first valid path in an order that tries roots before intermediates.
    ///
    /// `intermediates` is a pool in any order, with whatever else is in it.
    package func validate(
        _ leaf: X509Certificate, intermediates: [X509Certificate],
        revocationLists: [CertificateRevocationList] = [], parameters: PathParameters
    ) throws(ChainError) -> ValidatedPath {
        let found = try paths(from: leaf, intermediates, revocationLists, parameters, limit: 1)
        guard let path = found.first else { throw ChainError(.untrusted, leaf) }
        return path
    }

    /// The valid paths to choose from: shortest first, of equally long ones the longest valid first.
    package func validPaths(
        of leaf: X509Certificate, intermediates: [X509Certificate],
        revocationLists: [CertificateRevocationList] = [], parameters: PathParameters,
        limit: Int = ChainVerifier.maximumChoice
    ) throws(ChainError) -> [ValidatedPath] {
        let found = try paths(
            from: leaf, intermediates, revocationLists, parameters, limit: min(limit, Self.maximumChoice))
        return found.sorted { left, right in
            left.certificates.count == right.certificates.count
                ? left.notAfter > right.notAfter : left.certificates.count < right.certificates.count
        }
    }

    private func paths(
        from leaf: X509Certificate, _ intermediates: [X509Certificate], _ lists: [CertificateRevocationList],
        _ parameters: PathParameters, limit: Int
    ) throws(ChainError) -> [ValidatedPath] {
        guard intermediates.count + roots.count <= parameters.limits.candidates else {
            throw ChainError(.tooComplex, leaf, "more than \(parameters.limits.candidates) certificates to choose from")
        }
        let session = PathSession(
            roots: roots, intermediates: intermediates, lists: lists, parameters: parameters)
        return try session.paths(
            from: leaf, purpose: parameters.purpose, limit: limit, isTrusted: session.isRoot)
    }

    /// The certificates of `pool` that lead upward from `leaf`, nearest first: drops duplicates, unrelated ones
    /// and, unless asked for, the self-signed root.
    package static func order(
        _ pool: [X509Certificate], above leaf: X509Certificate, includingRoot: Bool = false
    ) -> [X509Certificate] {
        var chain: [X509Certificate] = []
        var current = leaf
        while chain.count < PathLimits().depth, !current.isSelfIssued,
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
