import Domain
import EmbeddedCA
import Encoding
import PKI
import TestSupport
import Testing

/// A local authority and what a test needs to issue from it.
struct CAUnderTest {
    static let now = Timestamp(secondsSinceEpoch: 1_780_000_000)
    let authority: LocalCA
    let key: PrivateKey

    static func generated(
        _ spec: KeySpec = .ecdsaP256, lifetime: Duration = .days(3650),
        _ change: (inout LocalCASettings) -> Void = { _ in }
    ) async throws -> CAUnderTest {
        let key = try PrivateKey.generate(spec)
        let signer = InProcessSigner(key: key)
        let root = try await LocalCA.createRoot(
            commonName: "CertCtl Local CA", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer,
            validity: (now - .seconds(60), now + lifetime))
        var settings = LocalCASettings()
        change(&settings)
        return CAUnderTest(
            authority: try LocalCA(certificateChain: [root], signer: signer, settings: settings, now: now), key: key)
    }

    static func issuance(
        _ names: [String], commonName: String? = nil, spec: KeySpec = .ecdsaP256,
        csrNames: [String] = ["ignored.example"], now: Timestamp = now,
        _ change: (inout LocalIssuance) -> Void = { _ in }
    ) throws -> LocalIssuance {
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: csrNames.map { try SubjectAltName(classifying: $0) },
            key: .generate(spec), mustStaple: true, extendedKeyUsages: [.codeSigning])
        var issuance = LocalIssuance(
            serial: RecordedSerial(alreadyRecorded: .random(.system)), request: try VerifiedCertificationRequest(csr),
            commonName: commonName, names: try names.map { try SubjectAltName(classifying: $0) }, now: now)
        change(&issuance)
        return issuance
    }
}

@Suite("Issuers §4.1.2: leaves of the local authority")
struct LocalCATests {
    @Test(
        "leaves of every key type from authorities of every key type satisfy openssl",
        arguments: [KeySpec.ecdsaP256, .ecdsaP384, .rsa2048, .ed25519], [KeySpec.ecdsaP256, .rsa2048, .ed25519])
    func secondOpinion(authority: KeySpec, subject: KeySpec) async throws {
        let ca = try await CAUnderTest.generated(authority)
        let leaf = try await ca.authority.issue(
            CAUnderTest.issuance(["www.example.com", "10.0.0.1"], commonName: "www.example.com", spec: subject))
        #expect(leaf.chain.isEmpty, "a self-signed root is not delivered")
        let openssl = try OpenSSL()
        let root = try openssl.file("root.pem", ca.authority.certificate.pem)
        let file = try openssl.file("leaf.pem", leaf.certificate.pem)
        try await openssl.succeed(
            "verify", "-x509_strict", "-attime", "1780000100", "-purpose", "sslserver", "-verify_hostname",
            "www.example.com", "-verify_ip", "10.0.0.1", "-CAfile", root, file)
        try await openssl.succeed("asn1parse", "-in", file, "-noout")
    }

    @Test("a leaf has exactly the content of the rules")
    func content() async throws {
        let ca = try await CAUnderTest.generated {
            $0.crlDistributionPoints = ["http://pki.example/crl"]
            $0.ocspURLs = ["http://pki.example/ocsp"]
            $0.caIssuersURLs = ["http://pki.example/ca"]
        }
        let issuance = try CAUnderTest.issuance(["b.example", "a.example", "A.example"], commonName: "c.example") {
            $0.mustStaple = true
        }
        let leaf = try await ca.authority.issue(issuance).certificate
        #expect(leaf.serialNumber == issuance.serial.serialNumber)
        #expect(leaf.subject.description == "CN=c.example")
        #expect(leaf.subjectAltNames.map(\.text) == ["a.example", "b.example", "c.example"])
        #expect(leaf.notBefore == CAUnderTest.now - .seconds(60))
        #expect(leaf.notAfter == CAUnderTest.now + .days(90))
        #expect(leaf.keyUsage == [.digitalSignature])
        #expect(leaf.extendedKeyUsages == [.serverAuth, .clientAuth])
        #expect(leaf.extensions.mustStaple)
        #expect(leaf.extensions.ocspURLs == ["http://pki.example/ocsp"])
        #expect(leaf.extensions.subjectKeyIdentifier?.count == 20)
        #expect(leaf.extensions.authorityKeyIdentifier == ca.authority.certificate.extensions.subjectKeyIdentifier)
        #expect(leaf.extensions.basicConstraints == nil || !leaf.isCA)
        #expect(leaf.extensions[.basicConstraints]?.isCritical == true)
    }

    @Test("key usages of the profile, and noRevAvail in place of addresses (RFC 9608), as openssl reads them")
    func profileTemplate() async throws {
        let ca = try await CAUnderTest.generated {
            $0.crlDistributionPoints = ["http://pki.example/crl"]
            $0.freshestCRL = ["http://pki.example/delta"]
            $0.ocspURLs = ["http://pki.example/ocsp"]
            $0.caIssuersURLs = ["http://pki.example/ca"]
        }
        let leaf = try await ca.authority.issue(
            CAUnderTest.issuance(["a.example"], spec: .rsa2048) {
                $0.keyUsage = [.digitalSignature, .dataEncipherment]
                $0.hasNoRevocation = true
                $0.maxTTL = .seconds(1800)
            }
        ).certificate
        #expect(leaf.keyUsage == [.digitalSignature, .dataEncipherment])
        #expect(leaf.extensions.contains(.noRevAvail) && leaf.extensions[.noRevAvail]?.isCritical == false)
        let openssl = try OpenSSL()
        let text = try await openssl.succeed(
            "x509", "-in", try openssl.file("leaf.pem", leaf.pem), "-noout", "-text")
        #expect(text.contains("Digital Signature, Data Encipherment"), "\(text)")
        #expect(text.contains("2.5.29.56") || text.contains("No Revocation Available"), "\(text)")
        for absent in ["CRL Distribution", "Freshest", "OCSP - URI"] { #expect(!text.contains(absent), "\(text)") }
        #expect(text.contains("CA Issuers - URI:http://pki.example/ca"), "\(text)")
    }

    @Test("must-staple is refused where no certificate names a responder (RFC 7633)")
    func unstapled() async throws {
        let ca = try await CAUnderTest.generated()
        let issuance = try CAUnderTest.issuance(["a.example"]) { $0.mustStaple = true }
        let refused = await #expect(throws: LocalCAError.self) { _ = try await ca.authority.issue(issuance) }
        #expect(refused.map { "\($0)" }?.contains("must_staple") ?? false, "\(refused as Any)")
    }

    @Test("nothing of the request but its key reaches the certificate")
    func allowList() async throws {
        let ca = try await CAUnderTest.generated()
        let leaf = try await ca.authority.issue(
            CAUnderTest.issuance(["a.example"], csrNames: ["evil.example", "also.evil.example"])
        ).certificate
        #expect(leaf.subjectAltNames.map(\.text) == ["a.example"])
        #expect(!leaf.extensions.mustStaple)
        #expect(!leaf.extendedKeyUsages.contains(.codeSigning))
        #expect(leaf.subject.isEmpty)
        #expect(leaf.extensions[.subjectAltName]?.isCritical == true)
        #expect(leaf.extensions.crlDistributionPoints.isEmpty)
        #expect(!leaf.extensions.contains(.authorityInfoAccess))
    }

    static let usages: [([ExtendedKeyUsage], KeySpec, KeyUsage)] = [
        ([.serverAuth], .rsa2048, [.digitalSignature, .keyEncipherment]),
        ([.serverAuth], .ecdsaP256, [.digitalSignature]),
        ([.emailProtection], .ecdsaP256, [.digitalSignature, .contentCommitment, .keyAgreement]),
        ([.emailProtection], .rsa2048, [.digitalSignature, .contentCommitment, .keyEncipherment]),
        ([.emailProtection], .ed25519, [.digitalSignature, .contentCommitment]),
        ([.codeSigning], .rsa2048, [.digitalSignature]),
        ([.timeStamping], .ecdsaP256, [.digitalSignature]),
    ]

    @Test("key usage follows purpose and key type", arguments: usages)
    func keyUsage(purposes: [ExtendedKeyUsage], spec: KeySpec, expected: KeyUsage) async throws {
        let ca = try await CAUnderTest.generated()
        let leaf = try await ca.authority.issue(
            CAUnderTest.issuance(["a.example"], spec: spec) { $0.extendedKeyUsages = purposes }
        ).certificate
        #expect(leaf.keyUsage == expected)
        #expect(leaf.extendedKeyUsages == purposes.map(\.oid))
        #expect(leaf.extensions[.extendedKeyUsage]?.isCritical == (purposes == [.timeStamping]))
    }

    @Test("the end is the earliest of all limits, never beyond the authority")
    func validity() async throws {
        let now = CAUnderTest.now
        let ca = try await CAUnderTest.generated(lifetime: .days(30))
        func end(_ change: (inout LocalIssuance) -> Void) async throws -> Timestamp {
            try await ca.authority.issue(CAUnderTest.issuance(["a.example"], change)).certificate.notAfter
        }
        #expect(try await end { _ in } == now + .days(30))
        // The whole period is 600 seconds, notAfter included: 60 of backdating, and 540 from now on.
        #expect(try await end { $0.maxTTL = .seconds(600) } == now + .seconds(539))
        #expect(
            try await end {
                $0.maxTTL = .seconds(600); $0.backdate = .zero
            } == now + .seconds(599))
        #expect(try await end { $0.maxTTL = .seconds(100) } == now + .seconds(89), "backdating takes a tenth at most")
        await #expect(throws: LocalCAError.self) {
            try await end {
                $0.maxTTL = .seconds(50); $0.backdate = .seconds(49)
            }
        }
        #expect(
            try await end {
                $0.notAfter = now + .hours(2); $0.maxTTL = .days(1)
            } == now + .hours(2))
        await #expect(throws: LocalCAError.self) { try await end { $0.notAfter = now } }
        let late = try CAUnderTest.issuance(["a.example"], now: now + .days(31))
        await #expect {
            try await ca.authority.issue(late)
        } throws: {
            "\($0)".contains("expired at")
        }
    }

    @Test("the template of a profile is written as it says, and OpenSSL reads it so")
    func template() async throws {
        let ca = try await CAUnderTest.generated { $0.policies = [OID(1, 2, 3, 4)] }
        let own = try #require(ExtendedKeyUsage(rawValue: "1.3.6.1.4.1.99999.7"))
        let subject = try DistinguishedName([(.countryName, "CH"), (.organizationName, "Example Ltd")])
        let leaf = try await ca.authority.issue(
            CAUnderTest.issuance(["a.example"], commonName: "a.example", spec: .rsa2048) {
                $0.subject = subject
                $0.extendedKeyUsages = [.serverAuth, .documentSigning, own]
                $0.isUsageCritical = true
                $0.policies = [OID(2, 23, 140, 1, 2, 1)]
                $0.backdate = .seconds(30)
                $0.maxTTL = .days(1)
            }
        ).certificate
        #expect(leaf.subject.description == "O=Example Ltd,C=CH")
        #expect(leaf.notBefore == CAUnderTest.now - .seconds(30))
        #expect(leaf.notAfter + .seconds(1) == leaf.notBefore + .days(1))
        #expect(leaf.keyUsage == [.digitalSignature, .keyEncipherment, .contentCommitment])
        let openssl = try OpenSSL()
        let file = try openssl.file("leaf.pem", leaf.pem)
        let text = try await openssl.succeed("x509", "-in", file, "-noout", "-text")
        for part in [
            "Subject: C = CH, O = Example Ltd", "X509v3 Extended Key Usage: critical", "1.3.6.1.4.1.99999.7",
            "Policy: 1.2.3.4", "Policy: 2.23.140.1.2.1",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
        try await openssl.succeed(
            "verify", "-x509_strict", "-attime", "1780000100", "-purpose", "sslserver", "-CAfile",
            try openssl.file("root.pem", ca.authority.certificate.pem), file)
    }

    @Test(
        "the common name follows the policy",
        arguments: [
            (CommonNamePolicy.keep, "CN=z.example"), (.drop, ""), (.firstSAN, "CN=a.example"),
        ])
    func commonName(policy: CommonNamePolicy, subject: String) async throws {
        let ca = try await CAUnderTest.generated { $0.commonNamePolicy = policy }
        let leaf = try await ca.authority.issue(CAUnderTest.issuance(["a.example"], commonName: "z.example"))
            .certificate
        #expect(leaf.subject.description == subject)
        #expect(leaf.subjectAltNames.map(\.text) == ["a.example", "z.example"])
    }

    @Test("refusals name their field")
    func refusals() async throws {
        let ca = try await CAUnderTest.generated()
        func field(_ issuance: LocalIssuance) async -> String? {
            do {
                _ = try await ca.authority.issue(issuance)
            } catch LocalCAError.validation(let field, _) {
                return field
            } catch {
                return "\(error)"
            }
            return nil
        }
        #expect(await field(try CAUnderTest.issuance([])) == "names")
        #expect(
            await field(
                try CAUnderTest.issuance(["a.example"]) { $0.extendedKeyUsages = [.timeStamping, .serverAuth] })
                == "ekus")
    }

    @Test("a signer that answers rubbish releases nothing")
    func badSigner() async throws {
        struct Rubbish: Signer {
            let publicKey: SubjectPublicKey
            let purposes = SigningPurposes.authority
            func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] { [1, 2, 3] }
        }
        let ca = try await CAUnderTest.generated()
        let broken = try LocalCA(
            certificateChain: [ca.authority.certificate], signer: Rubbish(publicKey: ca.key.publicKey),
            settings: LocalCASettings(), now: CAUnderTest.now)
        await #expect {
            try await broken.issue(CAUnderTest.issuance(["a.example"]))
        } throws: {
            if case .badSignature = $0 as? LocalCAError { true } else { false }
        }
    }

    @Test("a generated root has the shape of the rules")
    func root() async throws {
        let root = try await CAUnderTest.generated(.ecdsaP384).authority.certificate
        #expect(root.extensions.basicConstraints?.isCA == true)
        #expect(root.extensions.basicConstraints?.pathLenConstraint == 0)
        #expect(root.keyUsage == [.keyCertSign, .cRLSign])
        #expect(root.serialNumber.magnitude.count >= 16)
        #expect(root.signatureAlgorithm == .ecdsa(.sha384))
        #expect(root.verifySignature(issuedBy: root))
    }

    @Test("equal requests give equal octets to sign")
    func extensionsAreDeterministic() async throws {
        let ca = try await CAUnderTest.generated()
        let issuance = try CAUnderTest.issuance(["b.example", "a.example"])
        let first = try ca.authority.template(for: issuance).tbsCertificate().der
        #expect(try ca.authority.template(for: issuance).tbsCertificate().der == first)
    }
}
