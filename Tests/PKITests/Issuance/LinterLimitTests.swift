import Domain
import Testing

@testable import PKI

@Suite("Lint: subjects, and the limits of the issuing certificate")
struct LinterLimitTests {
    private static func rules(
        subject: DistinguishedName, isCA: Bool = false, issuer: TestAuthority? = nil,
        _ change: (inout CertificateTemplate) -> Void = { _ in }
    ) throws -> [LintRule] {
        let issuer = try issuer ?? TestAuthority.root()
        let now = TestAuthority.now
        var template = CertificateTemplate(
            serialNumber: .random(.system), issuer: issuer.certificate.subject, subject: subject,
            validity: (now, now + .days(30)), subjectPublicKey: try PrivateKey.generate(.ecdsaP256).publicKey,
            signatureAlgorithm: issuer.key.publicKey.signatureAlgorithm)
        template.isCA = isCA
        template.keyUsage = isCA ? [.keyCertSign, .cRLSign] : [.digitalSignature]
        if !isCA {
            template.extendedKeyUsages = [.serverAuth]
            template.subjectAltNames = [try SubjectAltName(classifying: "www.example.com")]
        }
        template.authorityKeyIdentifier = issuer.certificate.extensions.subjectKeyIdentifier
        change(&template)
        return Linter().findings(in: template.tbsCertificate(), issuer: issuer.certificate).map(\.rule)
    }

    private static func attribute(_ type: OID, _ value: String) -> DistinguishedName.Attribute {
        DistinguishedName.Attribute(type: type, value: value, valueDER: DERWriter.utf8String(value))
    }

    @Test("attributes of a subject: not empty, not too long, once, but units and components as often as wanted")
    func subject() throws {
        let empty = DistinguishedName.empty
        let cases: [(attributes: [(OID, String)], findings: [LintRule])] = [
            ([(.organizationName, "Example"), (.organizationalUnitName, "A"), (.organizationalUnitName, "B")], []),
            ([(.domainComponent, "example"), (.domainComponent, "com")], []),
            ([(.organizationName, "A"), (.organizationName, "B")], [.repeatedSubjectAttribute]),
            ([(.organizationName, "")], [.subjectAttributes]),
            ([(.organizationName, String(repeating: "ä", count: 64))], []),
            ([(.organizationName, String(repeating: "ä", count: 65))], [.subjectAttributes]),
            ([(.countryName, "CHE")], [.subjectAttributes]),
        ]
        for (attributes, findings) in cases {
            let subject = attributes.reduce(empty) { $0.appending([Self.attribute($1.0, $1.1)]) }
            #expect(try Self.rules(subject: subject) == findings, "\(subject)")
        }
    }

    @Test("no CA below one that allows none, and no purpose that the issuing certificate lacks, but OCSP signing")
    func limits() throws {
        let root = try TestAuthority.root()
        let name = try DistinguishedName(commonName: "www.example.com")
        let last = try root.subordinate("Last") { $0.pathLenConstraint = 0 }
        #expect(try Self.rules(subject: name, isCA: true, issuer: last) == [.pathLength])
        #expect(try Self.rules(subject: name, issuer: last) == [])
        #expect(try Self.rules(subject: name, isCA: true, issuer: root) == [])
        let mute = try Self.rules(subject: name, isCA: true, issuer: root) { $0.keyUsage = [.keyCertSign] }
        #expect(mute == [.listSigning])
        let clients = try root.subordinate("Clients") { $0.extendedKeyUsages = [.clientAuth] }
        #expect(try Self.rules(subject: name, issuer: clients) == [.extendedKeyUsageNesting])
        #expect(try Self.rules(subject: name, issuer: clients) { $0.extendedKeyUsages = [.clientAuth] } == [])
        let responder = try Self.rules(subject: DistinguishedName(commonName: "The Responder"), issuer: clients) {
            $0.extendedKeyUsages = [.ocspSigning]
            $0.isNotChecked = true
            $0.subjectAltNames = []
        }
        #expect(responder == [])
    }

    @Test("key identifiers, places of authorities and delta lists are not critical (RFC 5280 §4.2)")
    func criticality() throws {
        let root = try TestAuthority.root()
        func found(_ change: (inout RawCertificate) -> Void) throws -> [LintFinding] {
            var raw = try RawCertificate("www.example.com")
            raw.names = [RawCertificate.dns("www.example.com")]
            change(&raw)
            let leaf = try raw.signed(for: .generate(.ecdsaP256), by: root.key, issuer: root.certificate.subject)
            return Linter().findings(in: leaf, issuer: root.certificate, isOurs: false).filter {
                $0.rule == .criticality
            }
        }
        #expect(try found { _ in } == [])
        #expect(try found { $0.critical = [.keyUsage, .basicConstraints] } == [])
        let location = "http://pki.example/x"
        let places = [
            ExtensionEncoding.authorityInfoAccess(ocsp: [location], caIssuers: []),
            CertificateExtension(
                oid: .freshestCRL, isCritical: false, value: ExtensionEncoding.crlDistributionPoints([location]).value),
        ]
        for oid in [OID.subjectKeyIdentifier, .authorityKeyIdentifier] {
            let findings = try found { $0.critical = [oid] }
            #expect(findings.map(\.message) == ["\(oid) is critical"])
            #expect(findings.map(\.severity) == [.error])
        }
        for place in places {
            let findings = try found { $0.extensions = [(place.oid, place.value)] }
            #expect(findings.map(\.message) == ["\(place.oid) is critical"])
        }
    }

    @Test(
        "a modulus whose length is not a multiple of eight is a warning",
        arguments: [(2048, false), (2050, true), (2055, true), (2056, false)])
    func modulus(bits: Int, isFound: Bool) throws {
        let root = try TestAuthority.root()
        // One in six has no small factors.
        var made: SubjectPublicKey?
        for _ in 0..<500 where made == nil { made = try? SubjectPublicKey(spkiDER: Self.rsa(bits: bits)) }
        let key = try #require(made)
        try #require(key.size == bits)
        var template = try CertificateTemplate(
            serialNumber: .random(.system), issuer: root.certificate.subject,
            subject: DistinguishedName(commonName: "www.example.com"),
            validity: (TestAuthority.now, TestAuthority.now + .days(30)), subjectPublicKey: key,
            signatureAlgorithm: root.key.publicKey.signatureAlgorithm)
        template.keyUsage = [.digitalSignature]
        template.extendedKeyUsages = [.serverAuth]
        template.subjectAltNames = [try SubjectAltName(classifying: "www.example.com")]
        template.authorityKeyIdentifier = root.certificate.extensions.subjectKeyIdentifier
        func found(_ lints: LintSeverities) -> [LintFinding] {
            Linter(lints).findings(in: template.tbsCertificate(), issuer: root.certificate)
        }
        let findings = found(LintSeverities())
        #expect(findings.map(\.rule) == (isFound ? [.modulusSize] : []))
        #expect(findings.map(\.severity) == (isFound ? [.warning] : []))
        #expect(findings.map(\.message) == (isFound ? ["a modulus of \(bits) bits"] : []))
        #expect(found(try #require(LintSeverities([.modulusSize: .off]))) == [])
        let strict = found(try #require(LintSeverities([.modulusSize: .error])))
        #expect(strict.map(\.severity) == (isFound ? [.error] : []))
    }

    /// A public key whose modulus is a number of that length; nobody has its factors.
    private static func rsa(bits: Int) -> [UInt8] {
        var modulus = (0..<(bits + 7) / 8).map { _ in UInt8.random(in: 0...255) }
        let top = (bits - 1) % 8
        modulus[0] = (modulus[0] & ((UInt8(1) << top) - 1)) | (UInt8(1) << top)
        modulus[modulus.count - 1] |= 1
        let identifier = DERWriter.sequence(DERWriter.oid(.rsaEncryption), DERWriter.null)
        let key = DERWriter.sequence(DERWriter.integer(magnitude: modulus), DERWriter.integer(65_537))
        return DERWriter.sequence(identifier, DERWriter.bitString(key))
    }
}
