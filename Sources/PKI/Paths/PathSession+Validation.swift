import Domain

extension PathSession {
    /// RFC 5280 §6.1 for one path. `above` leads from the issuer of `leaf` to the root; it is empty for a leaf that is
    /// itself a root. `purpose` is that of the leaf.
    func validate(
        _ leaf: X509Certificate, above: [X509Certificate], purpose: OID?
    ) throws(ChainError) -> ValidatedPath {
        let path = [leaf] + above
        let root = above.last ?? leaf
        let count = above.count
        var policies = PolicyState(parameters, count: count)
        var constraints = [parameters.nameConstraints, root.extensions.nameConstraints].compactMap(\.self)
        var pathLength = root.extensions.basicConstraints?.pathLenConstraint ?? count
        if count > 0, let problem = rules.problem(ofAuthority: root, isRoot: true, purpose: purpose) { throw problem }
        for index in (0..<count).reversed() {
            let certificate = path[index]
            try checkSignature(of: certificate, by: path[index + 1])
            try checkNames(of: certificate, isLast: index == 0, under: constraints)
            guard policies.process(certificate, isLast: index == 0) else { throw ChainError(.policy, certificate) }
            if index == 0 { break }
            if let problem = rules.problem(ofAuthority: certificate, isRoot: false, purpose: purpose) { throw problem }
            guard policies.prepareForNext(certificate) else {
                throw ChainError(.policy, certificate, "it maps anyPolicy")
            }
            if !certificate.isSelfIssued {
                guard pathLength > 0 else { throw ChainError(.pathLength, certificate) }
                pathLength -= 1
            }
            pathLength = min(pathLength, certificate.extensions.basicConstraints?.pathLenConstraint ?? .max)
            if let own = certificate.extensions.nameConstraints { constraints.append(own) }
        }
        if let problem = rules.problem(ofLeaf: leaf, purpose: purpose) { throw problem }
        guard let (authority, user) = policies.wrapUp(leaf, accepting: parameters.initialPolicies) else {
            throw ChainError(.policy, leaf)
        }
        try checkRevocation(of: path)
        return ValidatedPath(certificates: path, authorityPolicies: authority, userPolicies: user)
    }

    private func checkSignature(of certificate: X509Certificate, by issuer: X509Certificate) throws(ChainError) {
        if let refusal = certificate.refusedAlgorithm { throw ChainError(.weakAlgorithm, certificate, refusal) }
        guard certificate.issuer.matches(issuer.subject) else { throw ChainError(.untrusted, certificate) }
        guard try isSigned(certificate, by: issuer) else { throw ChainError(.badSignature, certificate) }
    }

    /// §6.1.3 (b) and (c). A name is in the intersection of the permitted trees when every authority permits it.
    private func checkNames(
        of certificate: X509Certificate, isLast: Bool, under constraints: [NameConstraints]
    ) throws(ChainError) {
        if certificate.isSelfIssued, !isLast { return }
        for authority in constraints {
            try spendComparisons(authority.comparisons(with: certificate), certificate)
            if let name = authority.violation(by: certificate) { throw ChainError(.nameConstraint, certificate, name) }
        }
    }

    /// From the top, so that whoever signs a list was checked before it is believed.
    private func checkRevocation(of path: [X509Certificate]) throws(ChainError) {
        guard parameters.revocation != .off else { return }
        for index in path.indices.dropLast().reversed() {
            switch try revocationStatus(of: path[index], in: path, at: index) {
            case .unrevoked: continue
            case .revoked(let reason, let date):
                throw ChainError(.revoked, path[index], "\(reason.rawValue), since \(date.rfc3339)")
            case .undetermined(let why):
                // RFC 9608 §4: its authority says that nothing tells of it.
                if !path[index].isCA, path[index].extensions.contains(.noRevAvail) { continue }
                if parameters.revocation == .hard { throw ChainError(.revocationUnknown, path[index], why) }
            }
        }
    }
}
