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
}
