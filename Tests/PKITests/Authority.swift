import Domain
import PKI
import Testing

/// A certificate with its key, made for tests through the same template, linter and permit as in production.
struct TestAuthority {
    static let now = Timestamp(secondsSinceEpoch: 1_780_000_000)
    let certificate: X509Certificate
    let key: PrivateKey

    static func template(
        _ commonName: String, key: PrivateKey, issuer: TestAuthority?, isCA: Bool,
        from notBefore: Timestamp = now, to notAfter: Timestamp = now + .days(365)
    ) throws -> CertificateTemplate {
        let subject = commonName.isEmpty ? DistinguishedName.empty : try DistinguishedName(commonName: commonName)
        var template = CertificateTemplate(
            serialNumber: .random(.system), issuer: issuer?.certificate.subject ?? subject, subject: subject,
            validity: (notBefore, notAfter), subjectPublicKey: key.publicKey,
            signatureAlgorithm: (issuer?.key ?? key).publicKey.signatureAlgorithm)
        template.isCA = isCA
        template.keyUsage = isCA ? [.keyCertSign, .cRLSign] : [.digitalSignature]
        if !isCA {
            template.extendedKeyUsages = [.serverAuth]
            if let name = try? SubjectAltName(classifying: commonName) { template.subjectAltNames = [name] }
        }
        template.authorityKeyIdentifier = issuer?.certificate.extensions.subjectKeyIdentifier
        return template
    }

    /// Signs without linting, so that tests can make certificates that certctl would not.
    static func sign(_ template: CertificateTemplate, key: PrivateKey) throws -> X509Certificate {
        let tbs = template.tbsCertificate()
        return try X509Certificate(der: tbs.certificateDER(signature: key.sign(tbs.der)))
    }

    static func root(_ name: String = "Root", _ spec: KeySpec = .ecdsaP256) throws -> TestAuthority {
        let key = try PrivateKey.generate(spec)
        return TestAuthority(
            certificate: try sign(template(name, key: key, issuer: nil, isCA: true), key: key), key: key)
    }

    func subordinate(
        _ name: String, change: (inout CertificateTemplate) -> Void = { _ in }
    ) throws -> TestAuthority {
        let key = try PrivateKey.generate(.ecdsaP256)
        var template = try Self.template(name, key: key, issuer: self, isCA: true)
        change(&template)
        return TestAuthority(certificate: try Self.sign(template, key: self.key), key: key)
    }

    func leaf(
        _ name: String = "www.example.com", change: (inout CertificateTemplate) -> Void = { _ in }
    ) throws -> X509Certificate {
        var template = try Self.template(name, key: .generate(.ecdsaP256), issuer: self, isCA: false)
        change(&template)
        return try Self.sign(template, key: key)
    }
}
