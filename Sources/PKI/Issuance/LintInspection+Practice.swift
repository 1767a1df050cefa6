import Domain

/// Rules about what works in practice rather than what a certificate is.
extension LintInspection {
    private var isServer: Bool { !certificate.isCA && extensions.extendedKeyUsages.contains(.serverAuth) }
    private var lifetime: Duration { certificate.notAfter - certificate.notBefore }

    /// What Apple's clients take from authorities that were added by their users.
    var validityLength: String? {
        isServer && lifetime > .days(825) ? "valid for more than 825 days" : nil
    }

    var pathLength: String? {
        guard certificate.isCA, !isSelfSigned, issuer?.extensions.basicConstraints?.pathLenConstraint == 0 else {
            return nil
        }
        return "the issuing certificate allows no CA below it"
    }

    var digitalSignature: String? {
        let purposes = extensions.extendedKeyUsages
        guard !certificate.isCA, purposes.contains(.serverAuth) || purposes.contains(.clientAuth),
            let usage = extensions.keyUsage, !usage.contains(.digitalSignature)
        else { return nil }
        return "without digitalSignature, so TLS 1.3 can't use it"
    }

    var listSigning: String? {
        guard certificate.isCA, let usage = extensions.keyUsage, !usage.contains(.cRLSign) else { return nil }
        return "CA without cRLSign, so it can't publish what it revoked"
    }

    /// Responders answer for an authority whatever its own purposes are.
    var extendedKeyUsageNesting: String? {
        guard let limit = issuer?.extensions.extendedKeyUsages, !limit.isEmpty, !limit.contains(.anyExtendedKeyUsage)
        else { return nil }
        return extensions.extendedKeyUsages.first { !limit.contains($0) && $0 != .ocspSigning }
            .map { "\($0) is no purpose of the issuing certificate" }
    }

    var mixedPurposes: String? {
        guard isServer else { return nil }
        let others: [OID] = [.emailProtection, .codeSigning, .timeStamping, .ocspSigning]
        return extensions.extendedKeyUsages.first { others.contains($0) }.map { "serverAuth beside \($0)" }
    }

    var subjectAttributes: String? {
        for attribute in certificate.subject.relativeNames.joined() {
            guard let value = attribute.value else { continue }
            if value.isEmpty { return "\(attribute.type) is empty" }
            let length = value.unicodeScalars.count
            let limit = DistinguishedName.limit(of: attribute.type)
            if length > limit {
                return "\(attribute.type) has \(length) characters, more than \(limit)"
            }
        }
        return nil
    }

    var repeatedSubjectAttribute: String? {
        var seen: Set<OID> = []
        for attribute in certificate.subject.relativeNames.joined()
        where attribute.type != .organizationalUnitName && attribute.type != .domainComponent {
            guard seen.insert(attribute.type).inserted else { return "\(attribute.type) occurs twice" }
        }
        return nil
    }

    var hostNameForm: String? {
        for case .dns(let name) in certificate.subjectAltNames {
            if name.text.utf8.contains(0x5F) { return "\(name) has an underscore" }
            if name.isWildcard, name.text.split(separator: ".").count < 3 {
                return "\(name) stands for a whole top-level domain"
            }
        }
        return nil
    }

    /// Key identifiers (§4.2.1.1, §4.2.1.2), where the authority is (§4.2.2.1) and its delta lists (§4.2.1.15).
    var criticality: String? {
        let plain: [OID] = [.subjectKeyIdentifier, .authorityKeyIdentifier, .authorityInfoAccess, .freshestCRL]
        return extensions.all.first { $0.isCritical && plain.contains($0.oid) }.map { "\($0.oid) is critical" }
    }

    /// Nobody revokes what ends within a week anyway; responders say themselves that nobody asks about them.
    var revocationInformation: String? {
        guard !certificate.isCA, lifetime > .days(7), extensions[.ocspNoCheck] == nil,
            extensions[.noRevAvail] == nil,
            extensions.crlDistributionPoints.isEmpty, extensions.ocspURLs.isEmpty
        else { return nil }
        return "neither a revocation list nor an OCSP responder"
    }

    var modulusSize: String? {
        let key = certificate.subjectPublicKey
        return key.algorithm == .rsa && !key.size.isMultiple(of: 8) ? "a modulus of \(key.size) bits" : nil
    }

    /// A CA whose key is denied still appoints who answers for its revocations: a deny-list stops no revocation.
    var deniedAlgorithm: String? {
        guard !algorithms.denied.isEmpty else { return nil }
        let key = certificate.subjectPublicKey
        if let denial = algorithms.denial(of: KeyKind(key)) {
            return "key \(key.name) is denied by \(denial.rawValue) of \(AlgorithmPolicy.setting)"
        }
        let isResponder = extensions.extendedKeyUsages.contains(.ocspSigning) && !certificate.isCA
        guard !isResponder, let denial = deniedSignature else { return nil }
        let signature = certificate.signatureAlgorithm?.description ?? "unknown"
        return "signature, \(signature), is denied by \(denial.rawValue) of \(AlgorithmPolicy.setting)"
    }

    private var deniedSignature: DeniableAlgorithm? {
        if let issuer, let denial = algorithms.denial(signingWith: KeyKind(issuer.subjectPublicKey)) { return denial }
        return certificate.signatureAlgorithm.flatMap { algorithms.denial(of: $0) }
    }
}
