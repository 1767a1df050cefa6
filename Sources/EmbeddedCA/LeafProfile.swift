import Domain
import PKI

/// The rules of issuers §4.1.2 as pure functions.
enum LeafProfile {
    /// Bits by purpose and key type; several purposes give the union.
    static func keyUsage(_ purposes: [ExtendedKeyUsage], _ algorithm: KeyAlgorithm) -> KeyUsage {
        var usage: KeyUsage = [.digitalSignature]
        for purpose in purposes {
            switch purpose {
            case .serverAuth, .clientAuth, .encryptingFileSystem, .keyRecoveryAgent:
                if algorithm == .rsa { usage.insert(.keyEncipherment) }
            case .emailProtection:
                usage.insert(.contentCommitment)
                if algorithm == .rsa { usage.insert(.keyEncipherment) }
                if algorithm == .ecdsa { usage.insert(.keyAgreement) }
            case .documentSigning, .documentSigningRFC9336: usage.insert(.contentCommitment)
            default: continue
            }
        }
        return usage
    }

    /// What is written: the request, or server and client authentication, within what the CA itself may do.
    static func purposes(
        requested: [ExtendedKeyUsage], chain: [X509Certificate]
    ) throws(LocalCAError) -> [ExtendedKeyUsage] {
        let limits = chain.map(\.extendedKeyUsages).filter { !$0.isEmpty && !$0.contains(.anyExtendedKeyUsage) }
        let isAllowed: (ExtendedKeyUsage) -> Bool = { usage in limits.allSatisfy { $0.contains(usage.oid) } }
        if requested.isEmpty {
            let purposes = [ExtendedKeyUsage.serverAuth, .clientAuth].filter(isAllowed)
            guard !purposes.isEmpty else {
                throw .validation(field: "ekus", reason: "the CA certificate allows neither serverAuth nor clientAuth")
            }
            return purposes
        }
        let wanted = Set(requested)
        if let refused = requested.first(where: { !isAllowed($0) }) {
            throw .validation(field: "ekus", reason: "\(refused.rawValue) is not allowed by the CA certificate")
        }
        if wanted.contains(.timeStamping), wanted.count > 1 {
            throw .validation(field: "ekus", reason: "timeStamping must be the only purpose (RFC 3161 §2.3)")
        }
        return ExtendedKeyUsage.ordered(wanted)
    }

    /// Whole seconds; never beyond the issuing certificate, nor before it.
    ///
    /// A cap is of the whole period, backdating included, and `notAfter` counts as valid (RFC 5280 §4.1.2.5). Without a
    /// wish of the profile's, backdating takes at most a tenth of it, so that very short lives are not over at once.
    static func validity(
        _ issuance: LocalIssuance, _ settings: LocalCASettings, issuer: X509Certificate
    ) throws(LocalCAError) -> (notBefore: Timestamp, notAfter: Timestamp) {
        let now = Timestamp(secondsSinceEpoch: issuance.now.secondsSinceEpoch)
        let usual = issuance.maxTTL.map { min(settings.backdate, $0 / 10) } ?? settings.backdate
        let start = issuance.orderedStart ?? now - (issuance.backdate ?? usual)
        var notBefore = max(Timestamp(secondsSinceEpoch: start.secondsSinceEpoch), issuer.notBefore)
        if let end = issuance.orderedEnd, issuance.orderedStart == nil, let cap = issuance.maxTTL {
            // Backdating takes nothing from the end that was ordered.
            notBefore = max(notBefore, min(now, end + .seconds(1) - cap))
        }
        var notAfter = min(now + settings.validity, issuer.notAfter)
        if let cap = issuance.maxTTL { notAfter = min(notAfter, notBefore + cap - .seconds(1)) }
        if let exact = issuance.notAfter { notAfter = min(notAfter, exact) }
        notAfter = Timestamp(secondsSinceEpoch: notAfter.secondsSinceEpoch)
        if let end = issuance.orderedEnd {
            guard end <= notAfter else {
                throw .validation(
                    field: "validity",
                    reason: "a certificate until \(end.rfc3339) was ordered; the latest end is \(notAfter.rfc3339)")
            }
            notAfter = end
        }
        guard issuance.orderedStart.map({ $0 == notBefore }) ?? true else {
            throw .validation(field: "validity", reason: "the CA certificate begins later, at \(notBefore.rfc3339)")
        }
        guard notAfter > max(now, notBefore) else {
            throw .validation(
                field: "validity", reason: "the certificate would have no lifetime left (\(notAfter.rfc3339))")
        }
        return (notBefore, notAfter)
    }

    /// Subject and alternative names by the policy for common names.
    static func names(
        _ issuance: LocalIssuance, _ policy: CommonNamePolicy
    ) throws(LocalCAError) -> (subject: DistinguishedName, names: [SubjectAltName]) {
        var names = issuance.names
        if let commonName = issuance.commonName, let name = try? SubjectAltName(classifying: commonName) {
            names.append(name)
        }
        names = SubjectAltName.canonicalOrder(names)
        if let subject = issuance.subject { return (subject, names) }
        let text: String? =
            switch policy {
            case .keep: issuance.commonName.flatMap { $0.hasPrefix(UserPrincipalName.prefix) ? nil : $0 }
            case .drop: nil
            case .firstSAN: SubjectAltName.commonName(among: names)?.text
            }
        // RFC 5280 upper bound: a longer common name stays among the names only.
        guard let text, !text.isEmpty, text.unicodeScalars.count <= 64 else { return (.empty, names) }
        do throws(NameError) {
            return (try DistinguishedName(commonName: text), names)
        } catch {
            throw .validation(field: "common_name", reason: error.description)
        }
    }
}
