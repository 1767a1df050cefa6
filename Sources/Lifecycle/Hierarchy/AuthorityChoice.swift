import Domain
import PKI
import Query
import Store

/// Which CA of a tree signs a certificate (protocol-servers §6.1).
enum AuthorityChoice {
    /// `nil` for an issuer that is one authority. The CA that is chosen can't retire before the transaction ends, which
    /// puts the order on record: from then on its end waits for the order.
    ///
    /// The one that the profile names; else the one that the issuer names; without either, of the active issuing CAs that
    /// may certify the names and the purposes, one whose key is of the kind that the profile prefers, or else that of the
    /// request; among equals the one that lives longest. One whose key is denied signs nothing.
    static func choose(
        for subject: IssuanceInputs, _ names: [SubjectAltName], _ purposes: [ExtendedKeyUsage], key: SubjectPublicKey,
        allowing algorithms: AlgorithmPolicy, in tx: any Transaction
    ) throws -> AuthorityID? {
        guard subject.hierarchyMode == .tree else { return nil }
        let candidates = try IntermediateCAStore().issuing(for: subject.issuerID, isLocking: true, in: tx)
        if let profile = subject.profile, let chosen = profile.issuingCAID {
            return try ChosenAuthority.incumbent(
                chosen, by: .profile(name: profile.name), of: subject.issuerID, among: candidates, in: tx
            ).id
        }
        if let usual = subject.usualCAID {
            return try ChosenAuthority.incumbent(
                usual, by: .issuer(subject.issuerID), of: subject.issuerID, among: candidates, in: tx
            ).id
        }
        guard let longest = candidates.first else {
            throw ServiceError(
                .unavailable,
                "the tree \(subject.issuerID.text) has no active issuing CA: create one with certctl intermediates create",
                retryAfter: .seconds(60))
        }
        let fitting = candidates.filter { node in
            guard let certificate = node.certPEM.flatMap({ try? X509Certificate(pem: $0) }) else { return false }
            let key = KeyKind(certificate.subjectPublicKey)
            return permits(purposes, node) && permits(names, certificate)
                && algorithms.denial(signingWith: key) == nil
        }
        let wanted = subject.profile?.allowedKeys.first?.algorithm ?? key.algorithm
        let preferred = fitting.first { KeySpec(rawValue: $0.keyAlgorithm)?.algorithm == wanted } ?? fitting.first
        // Where none may certify it, whoever is asked says which of them it refuses.
        return (preferred ?? longest).id
    }

    private static func permits(_ purposes: [ExtendedKeyUsage], _ node: IntermediateCA) -> Bool {
        let allowed = Set(node.allowedEKUs)
        return allowed.isEmpty || allowed.contains(ExtendedKeyUsage.anyExtendedKeyUsage.rawValue)
            || allowed.isSuperset(of: purposes.map(\.rawValue))
    }

    private static func permits(_ names: [SubjectAltName], _ certificate: X509Certificate) -> Bool {
        certificate.extensions.nameConstraints.map { $0.violation(in: names) == nil } ?? true
    }
}
