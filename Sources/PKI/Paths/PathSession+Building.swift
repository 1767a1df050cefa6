import Domain

extension PathSession {
    /// Up to `limit` valid paths from `leaf` to a certificate that `isTrusted`, shorter ones before longer ones.
    ///
    /// Throws the most telling refusal when there is none.
    func paths(
        from leaf: X509Certificate, purpose: OID?, limit: Int, isTrusted: (X509Certificate) -> Bool
    ) throws(ChainError) -> [ValidatedPath] {
        if let problem = rules.problem(ofLeaf: leaf, purpose: purpose) { throw problem }
        if isTrusted(leaf) { return [try validate(leaf, above: [], purpose: purpose)] }
        var search = Search(leaf: leaf, purpose: purpose, limit: limit)
        do {
            // Iterative deepening: a short path is found however large a maze the other certificates make.
            repeat {
                search.height += 1
                search.isCut = false
                try extend(&search, isTrusted)
            } while search.isCut && search.height + 1 < parameters.limits.depth && search.found.count < limit
        } catch {
            // Paths that were found before the budget ended are as good as ever.
            if search.found.isEmpty { throw error }
        }
        guard search.found.isEmpty else { return search.found }
        throw search.failure?.error ?? ChainError(.untrusted, leaf, missingIssuer(of: leaf))
    }

    /// A search upward, depth-first within a height, that remembers why it turned back.
    private struct Search {
        let leaf: X509Certificate
        let purpose: OID?
        let limit: Int
        var above: [X509Certificate] = []
        /// Certificates above the leaf in the paths that are looked for now.
        var height = 0
        /// Whether a path was left that might have gone on above ``height``.
        var isCut = false
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
            if search.above.count < search.height {
                if !isRoot { try extend(&search, isTrusted) }
            } else if isRoot {
                try complete(&search)
            } else {
                search.isCut = true
            }
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
