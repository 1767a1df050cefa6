import Domain

/// The rules themselves: each returns what is wrong, or `nil`. What only shows beside the issuing certificate needs it.
struct LintInspection {
    let certificate: X509Certificate
    /// The certificate itself when it is self-signed; `nil` when it is not known.
    let issuer: X509Certificate?
    /// Whether an authority of this server signs it.
    let isOurs: Bool
    let algorithms: AlgorithmPolicy

    private static let allowedExtensions: Set<OID> = [
        .basicConstraints, .keyUsage, .extendedKeyUsage, .subjectKeyIdentifier, .authorityKeyIdentifier,
        .subjectAltName, .crlDistributionPoints, .freshestCRL, .authorityInfoAccess, .certificatePolicies, .tlsFeature,
        .ocspNoCheck, .nameConstraints, .noRevAvail,
    ]

    var extensions: CertificateExtensions { certificate.extensions }
    var isSelfSigned: Bool { certificate == issuer }

    func problem(with rule: LintRule) -> String? {
        switch rule {
        case .encoding: certificate.version == 3 ? nil : "version is \(certificate.version), not 3"
        case .serialNumber: serialNumber
        case .issuerName: issuerName
        case .signatureAlgorithm: signatureAlgorithm
        case .validityEncoding: validityEncoding
        case .validityOrder: certificate.notBefore < certificate.notAfter ? nil : "notAfter is not after notBefore"
        case .validityWithinIssuer: validityWithinIssuer
        case .validityLength: validityLength
        case .basicConstraints: basicConstraints
        case .pathLength: pathLength
        case .keyUsage: keyUsage
        case .keyUsageForKeyType: keyUsageForKeyType
        case .digitalSignature: digitalSignature
        case .listSigning: listSigning
        case .extendedKeyUsage: extendedKeyUsage
        case .extendedKeyUsageNesting: extendedKeyUsageNesting
        case .mixedPurposes: mixedPurposes
        case .subjectAttributes: subjectAttributes
        case .repeatedSubjectAttribute: repeatedSubjectAttribute
        case .subjectAltName: subjectAltName
        case .subjectAltNameCriticality: subjectAltNameCriticality
        case .commonNameAmongNames: commonNameAmongNames
        case .hostNameForm: hostNameForm
        case .subjectKeyIdentifier: subjectKeyIdentifier
        case .authorityKeyIdentifier: authorityKeyIdentifier
        case .criticality: criticality
        case .unexpectedExtension: unexpectedExtension
        case .locations: locations
        case .revocationInformation: revocationInformation
        case .nameConstraints: nameConstraints
        case .keyReuse: keyReuse
        case .modulusSize: modulusSize
        case .deniedAlgorithm: deniedAlgorithm
        case .ocspResponder: ocspResponder
        case .mustStapleWithoutResponder:
            extensions.mustStaple && extensions.ocspURLs.isEmpty ? "must-staple without an OCSP address" : nil
        case .noRevocationAvailable: noRevocationAvailable
        }
    }

    /// §4.1.2.2 is kept by the type; 64 bits of entropy need at least 8 octets nearly always.
    private var serialNumber: String? {
        certificate.serialNumber.magnitude.count >= 8 ? nil : "shorter than 64 bits, so it was not drawn at random"
    }

    private var issuerName: String? {
        if certificate.issuer.isEmpty { return "issuer is empty" }
        guard let issuer else { return nil }
        return certificate.issuer.der == issuer.subject.der ? nil : "is not the subject of the issuing certificate"
    }

    private var signatureAlgorithm: String? {
        guard let issuer else { return nil }
        // Another authority may choose a larger digest than ours do.
        if !isOurs, certificate.signatureAlgorithm != nil { return nil }
        let expected = issuer.subjectPublicKey.signatureAlgorithm
        return certificate.signatureAlgorithm == expected
            ? nil : "is \(certificate.signatureAlgorithm?.description ?? "unknown"), the issuing key makes \(expected)"
    }

    private var validityEncoding: String? {
        let expected = DERWriter.sequence(
            DERTime.encode(certificate.notBefore), DERTime.encode(certificate.notAfter))
        return certificate.validityDER.elementsEqual(expected)
            ? nil : "UTCTime is for years through 2049, GeneralizedTime from 2050"
    }

    private var validityWithinIssuer: String? {
        if let issuer, certificate.notAfter > issuer.notAfter {
            return "outlives the issuing certificate (\(issuer.notAfter.rfc3339))"
        }
        return nil
    }

    private var basicConstraints: String? {
        guard let item = extensions[.basicConstraints], let value = extensions.basicConstraints else {
            return "missing"
        }
        if !item.isCritical { return "not critical" }
        return value.isCA || value.pathLenConstraint == nil ? nil : "path length without CA:TRUE"
    }

    private var keyUsage: String? {
        guard let item = extensions[.keyUsage], let usage = extensions.keyUsage else { return "missing" }
        if !item.isCritical { return "not critical" }
        if usage.isEmpty { return "no bit is set" }
        let signsCertificates = usage.contains(.keyCertSign) || usage.contains(.cRLSign)
        if certificate.isCA { return usage.contains(.keyCertSign) ? nil : "CA without keyCertSign" }
        return signsCertificates ? "leaf with keyCertSign or cRLSign" : nil
    }

    /// RFC 5480 §3, RFC 8410 §5, RFC 3279 §2.3.1, RFC 9881 §5.
    private var keyUsageForKeyType: String? {
        let usage = extensions.keyUsage ?? []
        // RFC 5280 §4.2.1.3: their meaning is not defined without it.
        if !usage.isDisjoint(with: [.encipherOnly, .decipherOnly]), !usage.contains(.keyAgreement) {
            return "encipherOnly or decipherOnly without keyAgreement"
        }
        switch certificate.subjectPublicKey.algorithm {
        case .rsa: return usage.contains(.keyAgreement) ? "keyAgreement for an RSA key" : nil
        case .ecdsa:
            return usage.isDisjoint(with: [.keyEncipherment, .dataEncipherment])
                ? nil : "encipherment for an elliptic-curve key"
        case .ed25519, .mlDSA65, .mlDSA87:
            return usage.isDisjoint(with: [.keyEncipherment, .dataEncipherment, .keyAgreement])
                ? nil : "encipherment or key agreement for a key that only signs"
        }
    }

    private var extendedKeyUsage: String? {
        let purposes = extensions.extendedKeyUsages
        if certificate.isCA { return nil }
        if purposes.isEmpty { return "missing" }
        if Set(purposes).count != purposes.count { return "a purpose occurs twice" }
        if purposes.contains(.anyExtendedKeyUsage) { return "anyExtendedKeyUsage in a leaf" }
        guard purposes.contains(.timeStamping) else { return nil }
        let isCritical = extensions[.extendedKeyUsage]?.isCritical ?? false
        return purposes.count == 1 && isCritical ? nil : "timeStamping must be alone and critical (RFC 3161 §2.3)"
    }

    private var subjectAltName: String? {
        let names = certificate.subjectAltNames
        if let first = extensions.unsupportedNames.first { return first }
        if Set(names).count != names.count { return "a name occurs twice" }
        if certificate.isCA { return certificate.subject.isEmpty ? "CA with an empty subject" : nil }
        let needsNames = certificate.subject.isEmpty || extensions.extendedKeyUsages.contains(.serverAuth)
        return needsNames && names.isEmpty ? "missing" : nil
    }

    private var subjectAltNameCriticality: String? {
        guard let item = extensions[.subjectAltName] else { return nil }
        return item.isCritical == certificate.subject.isEmpty
            ? nil : "must be critical exactly when the subject is empty (RFC 5280 §4.2.1.6)"
    }

    private var commonNameAmongNames: String? {
        guard !certificate.isCA, let commonName = certificate.subject.commonName,
            let name = try? SubjectAltName(classifying: commonName)
        else { return nil }
        return certificate.subjectAltNames.contains(name) ? nil : "common name \(name.text) is not among the names"
    }

    private var subjectKeyIdentifier: String? {
        guard let identifier = extensions.subjectKeyIdentifier else { return "missing" }
        return (8...32).contains(identifier.count) ? nil : "\(identifier.count) octets long"
    }

    private var authorityKeyIdentifier: String? {
        if isSelfSigned { return nil }
        guard let expected = issuer?.extensions.subjectKeyIdentifier else { return nil }
        guard let identifier = extensions.authorityKeyIdentifier else { return "missing" }
        return identifier == expected ? nil : "is not the subject key identifier of the issuing certificate"
    }

    private var unexpectedExtension: String? {
        guard isOurs else { return nil }
        return extensions.all.first { !Self.allowedExtensions.contains($0.oid) }.map { "\($0.oid) is not on the list" }
    }

    /// §4.2.1.10: of authorities alone, and critical, or clients that do not know it would pass over it.
    private var nameConstraints: String? {
        guard let item = extensions[.nameConstraints] else { return nil }
        if !certificate.isCA { return "in a certificate that is no CA" }
        return item.isCritical ? nil : "not critical"
    }

    private var locations: String? {
        let urls = extensions.crlDistributionPoints + extensions.ocspURLs + extensions.caIssuersURLs
        return urls.first { url in
            guard let parsed = try? URIName(url) else { return true }
            return parsed.host == nil || !["http", "https"].contains(parsed.scheme)
        }.map { "\($0) is not an http address" }
    }

    private var keyReuse: String? {
        !isSelfSigned && certificate.subjectPublicKey == issuer?.subjectPublicKey
            ? "subject key is the key of the issuing certificate" : nil
    }

    private var noRevocationAvailable: String? {
        guard let item = extensions[.noRevAvail] else { return nil }
        if item.isCritical || item.value != DERWriter.null { return "noRevAvail must be NULL and not critical" }
        if certificate.isCA { return "noRevAvail in the certificate of a CA" }
        let pointers: [OID] = [.crlDistributionPoints, .freshestCRL]
        if let oid = extensions.all.first(where: { pointers.contains($0.oid) })?.oid {
            return "noRevAvail beside \(oid)"
        }
        if !extensions.ocspURLs.isEmpty { return "noRevAvail beside the address of an OCSP responder" }
        return extensions.mustStaple ? "noRevAvail beside must-staple" : nil
    }

    private var ocspResponder: String? {
        let isResponder = extensions.extendedKeyUsages.contains(.ocspSigning)
        guard let item = extensions[.ocspNoCheck] else {
            return isResponder ? "OCSPSigning without ocsp-nocheck" : nil
        }
        if !isResponder { return "ocsp-nocheck in a certificate that is no OCSP responder's" }
        if item.isCritical || item.value != DERWriter.null { return "ocsp-nocheck must be NULL and not critical" }
        if certificate.isCA { return "a CA certificate cannot be an OCSP responder's" }
        if extensions.extendedKeyUsages.count != 1 { return "OCSPSigning beside another purpose" }
        if extensions.keyUsage != [.digitalSignature] { return "an OCSP responder's key signs and does nothing else" }
        if isSelfSigned { return "an OCSP responder's certificate is issued by the CA that it answers for" }
        return certificate.subjectAltNames.isEmpty ? nil : "an OCSP responder has no alternative names"
    }
}
