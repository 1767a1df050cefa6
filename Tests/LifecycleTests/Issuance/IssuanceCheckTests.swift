import ConnectorKit
import Domain
import Lifecycle
import PKI
import Testing

@Suite("issuers §2.8: what an issuer hands out is checked before it is stored")
struct IssuanceCheckTests {
    static let now = Timestamp(secondsSinceEpoch: 1_780_000_000)

    struct Authority {
        let certificate: X509Certificate
        let key: PrivateKey

        init(_ name: String, under issuer: Authority?, pathLength: Int? = nil, lifetime: Duration = .days(365)) throws {
            key = try PrivateKey.generate(.ecdsaP256)
            let subject = try DistinguishedName(commonName: name)
            var template = CertificateTemplate(
                serialNumber: .random(.system), issuer: issuer?.certificate.subject ?? subject, subject: subject,
                validity: (now - .days(30), now - .days(30) + lifetime), subjectPublicKey: key.publicKey,
                signatureAlgorithm: key.publicKey.signatureAlgorithm)
            template.isCA = true
            template.pathLenConstraint = pathLength
            template.keyUsage = [.keyCertSign, .cRLSign]
            certificate = try (issuer?.key ?? key).certify(template)
        }
    }

    /// The faults of a leaf under the last of `authorities`, delivered with `chain`.
    static func faults(
        under authority: Authority, chain: [Authority], limits: IssuanceLimits? = nil,
        _ change: (inout CertificateTemplate) throws -> Void = { _ in }
    ) throws -> [String] {
        let key = try PrivateKey.generate(.ecdsaP256)
        let name = try SubjectAltName(classifying: "www.example.com")
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "www.example.com", subjectAltNames: [name], key: key, mustStaple: false, extendedKeyUsages: [])
        var template = CertificateTemplate(
            serialNumber: .random(.system), issuer: authority.certificate.subject,
            subject: try DistinguishedName(commonName: "www.example.com"), validity: (now, now + .days(10)),
            subjectPublicKey: key.publicKey, signatureAlgorithm: authority.key.publicKey.signatureAlgorithm)
        template.subjectAltNames = [name]
        template.keyUsage = [.digitalSignature]
        template.extendedKeyUsages = [.serverAuth]
        try change(&template)
        let issued = IssuedCertificate(
            leaf: try authority.key.certify(template), chain: chain.map(\.certificate))
        let request = IssuanceRequest(
            idempotencyKey: "k", certificateID: CertificateID(stored: "mc-test"), commonName: "www.example.com",
            subjectAltNames: [name], csr: try VerifiedCertificationRequest(csr), serialNumber: nil,
            limits: limits ?? IssuanceLimits(maxTTL: nil, extendedKeyUsages: [.serverAuth]))
        return IssuanceCheck.faults(of: issued, for: request, authority: [], now: now)
    }

    @Test("a limit of the period is kept to the second, with notAfter counted", arguments: [0, -1])
    func period(_ grace: Int) throws {
        let root = try Authority("Root", under: nil)
        // The leaf is valid for ten days and the second of its notAfter.
        let cap = Duration.days(10) + .seconds(1 + grace)
        let faults = try Self.faults(
            under: root, chain: [root], limits: IssuanceLimits(maxTTL: cap, extendedKeyUsages: [.serverAuth]))
        #expect(faults.isEmpty == (grace == 0), "\(faults)")
    }

    @Test("what a profile demands and the issuer left out or changed is a fault, each with its reason")
    func template() throws {
        let root = try Authority("Root", under: nil)
        func faults(
            _ demand: (inout IssuanceLimits) throws -> Void, mustStaple: Bool = false,
            usages: [ExtendedKeyUsage] = [.serverAuth], _ change: (inout CertificateTemplate) throws -> Void = { _ in }
        ) throws -> [String] {
            var limits = IssuanceLimits(maxTTL: nil, extendedKeyUsages: usages, mustStaple: mustStaple)
            try demand(&limits)
            return try Self.faults(under: root, chain: [root], limits: limits, change)
        }
        #expect(try faults({ _ in }).isEmpty)
        #expect(try faults({ _ in }, mustStaple: true) == ["must-staple is missing (RFC 7633)"])
        #expect(try faults({ _ in }, mustStaple: true) { $0.mustStaple = true }.isEmpty)
        #expect(try faults({ $0.keyUsage = [.digitalSignature, .keyAgreement] }).count == 1)
        #expect(try faults({ $0.keyUsage = [.digitalSignature] }).isEmpty)
        #expect(try faults({ $0.isUsageCritical = true }).count == 1)
        #expect(try faults({ $0.isUsageCritical = true }) { $0.isExtendedKeyUsageCritical = true }.isEmpty)
        #expect(try faults({ $0.policies = [OID(1, 2, 3, 4)] }) == ["it lacks the certificate policies [1.2.3.4]"])
        #expect(try faults({ $0.policies = [OID(1, 2, 3, 4)] }) { $0.policies = [OID(1, 2, 3, 4)] }.isEmpty)
        #expect(try faults({ $0.subject = try DistinguishedName(commonName: "WWW.example.com") }).isEmpty)
        #expect(try faults({ $0.subject = .empty }).count == 1)
        #expect(try faults({ _ in }, usages: [.clientAuth]).count == 1, "a purpose that nobody allowed")
        #expect(
            try faults({ _ in }) { $0.extendedKeyUsages = [] } == ["it names no key purpose, which allows every one"])
        #expect(try faults({ _ in }) { $0.keyUsage = [.digitalSignature, .keyCertSign] }.count == 1)
    }

    @Test("a chain that clients accept has no fault, in its order only")
    func sound() throws {
        let root = try Authority("Root", under: nil)
        let upper = try Authority("Upper", under: root, pathLength: 1)
        let lower = try Authority("Lower", under: upper, pathLength: 0)
        #expect(try Self.faults(under: lower, chain: [lower, upper]).isEmpty)
        #expect(try Self.faults(under: lower, chain: [lower, upper, root]).isEmpty)
        #expect(try Self.faults(under: lower, chain: [upper, lower]).count == 1)
        #expect(try Self.faults(under: lower, chain: []) == ["no certificate of its issuer came with it"])
    }

    @Test("a chain that clients refuse is a fault, with the certificate that is to blame")
    func refused() throws {
        let root = try Authority("Root", under: nil)
        let limited = try Authority("Limited", under: root, pathLength: 0)
        let below = try Authority("Below", under: limited)
        let faults = try Self.faults(under: below, chain: [below, limited])
        #expect(faults == ["certificate CN=Below exceeds a path length limit"])
        let expired = try Authority("Expired", under: root, lifetime: .days(20))
        let late = try Self.faults(under: expired, chain: [expired, root])
        #expect(late.count == 1 && late[0].hasPrefix("certificate CN=Expired has expired: not after"), "\(late)")
    }
}

extension PrivateKey {
    /// Signs without linting: the certificates here are the faulty ones of others.
    fileprivate func certify(_ template: CertificateTemplate) throws -> X509Certificate {
        let tbs = template.tbsCertificate()
        return try X509Certificate(der: tbs.certificateDER(signature: sign(tbs.der)))
    }
}
