import Domain
import PKI
import Testing

@Suite("Lint before signature")
struct LinterTests {
    static func rules(
        _ change: (inout CertificateTemplate) -> Void, spec: KeySpec = .ecdsaP256, name: String = "www.example.com"
    ) throws -> [LintRule] {
        let root = try TestAuthority.root()
        var template = try TestAuthority.template(name, key: .generate(spec), issuer: root, isCA: false)
        change(&template)
        return Linter().findings(in: template.tbsCertificate(), issuer: root.certificate).map(\.rule)
    }

    @Test("a good leaf has no finding")
    func clean() throws { #expect(try Self.rules { _ in } == []) }

    @Test("each broken rule is found")
    func broken() throws {
        #expect(try Self.rules { $0.keyUsage = [] } == [.keyUsage])
        #expect(try Self.rules { $0.keyUsage = [.digitalSignature, .keyCertSign] } == [.keyUsage])
        #expect(try Self.rules { $0.keyUsage = [.digitalSignature, .keyEncipherment] } == [.keyUsageForKeyType])
        #expect(
            try Self.rules({ $0.keyUsage = [.digitalSignature, .keyAgreement] }, spec: .ed25519) == [
                .keyUsageForKeyType
            ])
        #expect(try Self.rules { $0.extendedKeyUsages = [] } == [.extendedKeyUsage])
        #expect(try Self.rules { $0.extendedKeyUsages = [.clientAuth, .timeStamping] } == [.extendedKeyUsage])
        #expect(try Self.rules { $0.extendedKeyUsages = [.serverAuth, .serverAuth] } == [.extendedKeyUsage])
        #expect(try Self.rules { $0.extendedKeyUsages = [.anyExtendedKeyUsage] } == [.extendedKeyUsage])
        #expect(try Self.rules { $0.subjectAltNames = [] } == [.subjectAltName, .commonNameAmongNames])
        let other = try SubjectAltName(classifying: "other.example")
        #expect(try Self.rules { $0.subjectAltNames = [other] } == [.commonNameAmongNames])
        #expect(try Self.rules { $0.authorityKeyIdentifier = nil } == [.authorityKeyIdentifier])
        #expect(try Self.rules { $0.authorityKeyIdentifier = [1, 2, 3] } == [.authorityKeyIdentifier])
        #expect(try Self.rules { $0.subjectKeyIdentifier = [1] } == [.subjectKeyIdentifier])
        #expect(try Self.rules { $0.ocspURLs = ["ldap://x/"] } == [.locations])
        #expect(try Self.rules { $0.mustStaple = true } == [.mustStapleWithoutResponder])
        #expect(try Self.rules { $0.pathLenConstraint = 3 } == [])
        #expect(try Self.rules { $0.keyUsage = [.digitalSignature, .encipherOnly] } == [.keyUsageForKeyType])
        #expect(try Self.rules { $0.keyUsage = [.digitalSignature, .keyAgreement, .encipherOnly] } == [])
    }

    @Test("noRevAvail is a leaf's, and nothing that tells of revocation is beside it (RFC 9608 §3)")
    func noRevocation() throws {
        func rules(_ change: (inout CertificateTemplate) -> Void) throws -> [LintRule] {
            try Self.rules {
                $0.hasNoRevocation = true
                change(&$0)
            }
        }
        #expect(try rules { _ in } == [])
        #expect(try rules { $0.caIssuersURLs = ["http://pki.example/ca.cer"] } == [])
        #expect(try rules { $0.crlDistributionPoints = ["http://pki.example/crl"] } == [.noRevocationAvailable])
        #expect(try rules { $0.freshestCRL = ["http://pki.example/crl"] } == [.noRevocationAvailable])
        #expect(try rules { $0.ocspURLs = ["http://pki.example/ocsp"] } == [.noRevocationAvailable])
        #expect(
            try rules { $0.mustStaple = true } == [.mustStapleWithoutResponder, .noRevocationAvailable])
        let root = try TestAuthority.root()
        let below = try root.subordinate("Below") { $0.hasNoRevocation = true }
        let findings = Linter().findings(in: below.certificate, issuer: root.certificate, isOurs: true)
        #expect(findings.map(\.rule) == [.noRevocationAvailable])
        #expect(LintRule.noRevocationAvailable.isFixed)
    }

    @Test("what works badly in practice is a warning, and what breaks its issuer's limits an error")
    func practice() throws {
        func names(_ texts: String...) throws -> [SubjectAltName] {
            try (texts + ["www.example.com"]).map { try SubjectAltName(classifying: $0) }
        }
        let (underscore, whole, fine) = (try names("a_b.example"), try names("*.test"), try names("*.b.test"))
        #expect(try Self.rules { $0.subjectAltNames = underscore } == [.hostNameForm])
        #expect(try Self.rules { $0.subjectAltNames = whole } == [.hostNameForm])
        #expect(try Self.rules { $0.subjectAltNames = fine } == [])
        #expect(try Self.rules { $0.extendedKeyUsages = [.serverAuth, .emailProtection] } == [.mixedPurposes])
        #expect(try Self.rules { $0.extendedKeyUsages = [.clientAuth, .emailProtection] } == [])
        #expect(try Self.rules { $0.keyUsage = [.keyAgreement] } == [.digitalSignature])
        #expect(LintRule.mixedPurposes.defaultSeverity == .warning && !LintRule.mixedPurposes.isFixed)
        let root = try TestAuthority.root()
        func of(_ lints: LintSeverities, _ change: (inout CertificateTemplate) -> Void, isCA: Bool = false) throws
            -> [LintRule]
        {
            var template = try TestAuthority.template(
                "www.example.com", key: .generate(.ecdsaP256), issuer: root, isCA: isCA)
            change(&template)
            return Linter(lints).findings(in: template.tbsCertificate(), issuer: root.certificate).map(\.rule)
        }
        let demanding = try #require(LintSeverities([.revocationInformation: .warning]))
        #expect(try of(demanding) { _ in } == [.revocationInformation])
        #expect(try of(demanding) { $0.ocspURLs = ["http://ocsp.example/"] } == [])
        let lax = try #require(LintSeverities([.hostNameForm: .off]))
        #expect(try of(lax) { $0.subjectAltNames = underscore } == [])
    }

    @Test("severities are chosen for adjustable rules alone")
    func choices() {
        #expect(LintSeverities([.keyUsage: .warning]) == nil && LintSeverities([.encoding: .off]) == nil)
        #expect(LintSeverities([.keyUsage: .error]) == LintSeverities())
        for rule in LintRule.allCases {
            #expect(!rule.isFixed || rule.defaultSeverity == .error, "\(rule)")
            #expect(!rule.summary.isEmpty && !rule.source.isEmpty)
        }
    }

    @Test("a certificate of another authority is looked at as far as it is known")
    func foreign() throws {
        let (root, other) = (try TestAuthority.root(), try TestAuthority.root("Other", .ed25519))
        let leaf = try root.leaf()
        func rules(_ issuer: X509Certificate?, isOurs: Bool = false) -> [LintRule] {
            Linter().findings(in: leaf, issuer: issuer, isOurs: isOurs).map(\.rule)
        }
        #expect(rules(root.certificate) == [] && rules(nil) == [])
        #expect(rules(other.certificate) == [.issuerName, .authorityKeyIdentifier])
        #expect(rules(other.certificate, isOurs: true) == [.issuerName, .signatureAlgorithm, .authorityKeyIdentifier])
    }

    @Test("an OCSP responder is exactly that, and nobody else is excused from being asked about")
    func responder() throws {
        func rules(_ change: (inout CertificateTemplate) -> Void) throws -> [LintRule] {
            try Self.rules(
                { template in
                    template.extendedKeyUsages = [.ocspSigning]
                    template.isNotChecked = true
                    change(&template)
                }, name: "OCSP Responder for Root")
        }
        #expect(try rules { _ in } == [])
        #expect(try rules { $0.isNotChecked = false } == [.ocspResponder])
        #expect(try rules { $0.extendedKeyUsages = [.ocspSigning, .clientAuth] } == [.ocspResponder])
        #expect(try rules { $0.extendedKeyUsages = [.clientAuth] } == [.ocspResponder])
        #expect(try rules { $0.keyUsage = [.digitalSignature, .contentCommitment] } == [.ocspResponder])
        #expect(try Self.rules { $0.isNotChecked = true } == [.ocspResponder])
        #expect(
            try rules { $0.subjectAltNames = [try? SubjectAltName(classifying: "a.example")].compactMap(\.self) }
                == [.ocspResponder])
    }

    @Test("validity must rise and end with the issuer's")
    func validity() throws {
        let root = try TestAuthority.root()
        let key = try PrivateKey.generate(.ecdsaP256)
        func rules(_ from: Timestamp, _ to: Timestamp) throws -> [LintRule] {
            let template = try TestAuthority.template(
                "a.example", key: key, issuer: root, isCA: false, from: from, to: to)
            return Linter().findings(in: template.tbsCertificate(), issuer: root.certificate).map(\.rule)
        }
        let now = TestAuthority.now
        #expect(try rules(now, now) == [.validityOrder])
        #expect(try rules(now, now + .days(366)) == [.validityWithinIssuer])
        #expect(try rules(now, now + .days(826)) == [.validityWithinIssuer, .validityLength])
    }

    @Test("issuer name, algorithm and key reuse are compared with the issuing certificate")
    func issuer() throws {
        let root = try TestAuthority.root()
        let other = try TestAuthority.root("Other", .ed25519)
        let template = try TestAuthority.template("a.example", key: other.key, issuer: root, isCA: false)
        let findings = Linter().findings(in: template.tbsCertificate(), issuer: other.certificate).map(\.rule)
        #expect(findings == [.issuerName, .signatureAlgorithm, .authorityKeyIdentifier, .keyReuse])
    }

    @Test("a permit needs a clean certificate and the recorded serial; severities can be chosen")
    func permit() throws {
        let root = try TestAuthority.root()
        var template = try TestAuthority.template("a.example", key: .generate(.ed25519), issuer: root, isCA: false)
        let recorded = RecordedSerial(alreadyRecorded: template.serialNumber)
        _ = try Linter().admit(template.tbsCertificate(), serial: recorded, issuer: root.certificate)
        #expect(throws: LintFailure.self) {
            let foreign = RecordedSerial(alreadyRecorded: .random(.system))
            _ = try Linter().admit(template.tbsCertificate(), serial: foreign, issuer: root.certificate)
        }
        template.mustStaple = true
        #expect(throws: LintFailure.self) {
            _ = try Linter().admit(template.tbsCertificate(), serial: recorded, issuer: root.certificate)
        }
        let lenient = Linter(try #require(LintSeverities([.mustStapleWithoutResponder: .warning])))
        _ = try lenient.admit(template.tbsCertificate(), serial: recorded, issuer: root.certificate)
    }
}
