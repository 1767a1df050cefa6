import Domain

extension PathSession {
    /// Up to `limit` valid paths from `leaf` to a certificate that `isTrusted`, in the order in which they are found.
    ///
    /// Throws the most telling refusal when there is none.
    func paths(
        from leaf: X509Certificate, purpose: OID?, limit: Int, isTrusted: (X509Certificate) -> Bool
    ) throws(ChainError) -> [ValidatedPath] {
        if let problem = rules.problem(ofLeaf: leaf, purpose: purpose) { throw problem }
        if isTrusted(leaf) { return [try validate(leaf, above: [], purpose: purpose)] }
        var search = Search(leaf: leaf, purpose: purpose, limit: limit)
        do {
            try extend(&search, isTrusted)
        } catch {
            // Paths that were found before the budget ended are as good as ever.
            if search.found.isEmpty { throw error }
        }
        guard search.found.isEmpty else { return search.found }
        throw search.failure?.error ?? ChainError(.untrusted, leaf, missingIssuer(of: leaf))
    }

    /// A depth-first search upward that remembers why it turned back.
    private struct Search {
        let leaf: X509Certificate
        let purpose: OID?
        let limit: Int
        var above: [X509Certificate] = []
        var found: [ValidatedPath] = []
        private(set) var failure: (rank: Rank, error: ChainError)?

        /// How much of a path there was when it was refused; the more, the more telling.
        enum Rank: Int { case signature, authority, path }

        init(leaf: X509Certificate, purpose: OID?, limit: Int) {
            self.leaf = leaf
            self.purpose = purpose
            self.limit = limit
        }

        var top: X509Certificate { above.last ?? leaf }

        mutating func note(_ rank: Rank, _ error: ChainError) {
            if let failure, failure.rank.rawValue >= rank.rawValue { return }
            failure = (rank, error)
        }
    }

    private func extend(_ search: inout Search, _ isTrusted: (X509Certificate) -> Bool) throws(ChainError) {
        guard search.above.count + 1 < parameters.limits.depth else { return }
        let top = search.top
        for candidate in candidates(above: top, in: search, isTrusted) where search.found.count < search.limit {
            try spendStep(top)
            if let refusal = top.refusedAlgorithm {
                search.note(.signature, ChainError(.weakAlgorithm, top, refusal))
                continue
            }
            guard try isSigned(top, by: candidate) else {
                search.note(.signature, ChainError(.badSignature, top))
                continue
            }
            let isRoot = isTrusted(candidate)
            if let problem = rules.problem(ofAuthority: candidate, isRoot: isRoot, purpose: search.purpose) {
                search.note(.authority, problem)
                continue
            }
            search.above.append(candidate)
            if isRoot { try complete(&search) } else { try extend(&search, isTrusted) }
            search.above.removeLast()
        }
    }

    private func complete(_ search: inout Search) throws(ChainError) {
        try spendPath(search.leaf)
        do {
            search.found.append(try validate(search.leaf, above: search.above, purpose: search.purpose))
        } catch {
            if error.reason == .tooComplex { throw error }
            search.note(.path, error)
        }
    }

    /// Issuers of `top` by name: roots first, and before the others those with the key identifier that `top` names,
    /// which is a hint for the order and never a filter. A subject with the same key occurs once in a path.
    private func candidates(
        above top: X509Certificate, in search: Search, _ isTrusted: (X509Certificate) -> Bool
    ) -> [X509Certificate] {
        let hint = top.extensions.authorityKeyIdentifier
        func preference(_ candidate: X509Certificate) -> Int {
            (isTrusted(candidate) ? 0 : 2) + (hint == nil || candidate.extensions.subjectKeyIdentifier == hint ? 0 : 1)
        }
        let path = [search.leaf] + search.above
        let matching = certificates(named: top.issuer).filter { candidate in
            !path.contains {
                $0.subjectPublicKey == candidate.subjectPublicKey && $0.subject.matches(candidate.subject)
            }
        }
        return (0..<4).flatMap { level in matching.filter { preference($0) == level } }
    }

    private func missingIssuer(of leaf: X509Certificate) -> String? {
        certificates(named: leaf.issuer).isEmpty ? "its issuer \(leaf.issuer) is not known" : nil
    }
}
