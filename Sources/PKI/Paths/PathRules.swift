import Domain

/// The rules that look at one certificate alone.
struct PathRules {
    let parameters: PathParameters

    /// What forbids `leaf` whatever is above it.
    func problem(ofLeaf leaf: X509Certificate, purpose: OID?) -> ChainError? {
        if let problem = problem(ofAny: leaf) { return problem }
        return allows(purpose, leaf) ? nil : ChainError(.wrongPurpose, leaf, purposes(of: leaf))
    }

    /// What forbids `authority` to issue certificates, as far as it can be said without its path (RFC 5280 §6.1.4).
    func problem(ofAuthority authority: X509Certificate, isRoot: Bool, purpose: OID?) -> ChainError? {
        if let problem = problem(ofAny: authority) { return problem }
        // A version 1 root has no way to say that it is an authority; being trusted says it.
        guard authority.isCA || (isRoot && authority.version == 1) else {
            return ChainError(.notAuthority, authority, "basicConstraints lacks cA")
        }
        guard authority.keyUsage?.contains(.keyCertSign) ?? true else {
            return ChainError(.notAuthority, authority, "keyUsage lacks keyCertSign")
        }
        guard isRoot || allows(purpose, authority) else {
            return ChainError(.wrongPurpose, authority, purposes(of: authority))
        }
        return nil
    }

    private func problem(ofAny certificate: X509Certificate) -> ChainError? {
        if let oid = certificate.extensions.unknownCritical.first {
            return ChainError(.unknownCriticalExtension, certificate, "\(oid)")
        }
        if parameters.time < certificate.notBefore {
            return ChainError(.notYetValid, certificate, "not before \(certificate.notBefore.rfc3339)")
        }
        if parameters.time > certificate.notAfter {
            return ChainError(.expired, certificate, "not after \(certificate.notAfter.rfc3339)")
        }
        return nil
    }

    private func allows(_ purpose: OID?, _ certificate: X509Certificate) -> Bool {
        guard let purpose, !certificate.extendedKeyUsages.isEmpty else { return true }
        if certificate.extendedKeyUsages.contains(purpose) { return true }
        let isWildcardEnough = purpose != .timeStamping && purpose != .ocspSigning
        return isWildcardEnough && certificate.extendedKeyUsages.contains(.anyExtendedKeyUsage)
    }

    private func purposes(of certificate: X509Certificate) -> String {
        let usages = certificate.extendedKeyUsages.map { ExtendedKeyUsage(oid: $0)?.rawValue ?? "\($0)" }
        return "it allows " + usages.joined(separator: ", ")
    }
}
