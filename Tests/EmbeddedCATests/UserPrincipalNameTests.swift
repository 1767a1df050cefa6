import Domain
import EmbeddedCA
import PKI
import TestSupport
import Testing

/// otherName 1.3.6.1.4.1.311.20.2.3, as domains read it (RFC 5280 §4.2.1.6).
@Suite("user principal names: written, read by others, and held to the limits of the CA")
struct UserPrincipalNameTests {
    private static let user = "upn:alice@corp.example"

    @Test("openssl and pyca find the name in a leaf, and certctl reads back what they wrote into a request")
    func read() async throws {
        let ca = try await CAUnderTest.generated()
        let issuance = try CAUnderTest.issuance([Self.user, "alice@corp.example"]) {
            $0.extendedKeyUsages = [.clientAuth, .smartCardLogon]
        }
        let leaf = try await ca.authority.issue(issuance).certificate
        #expect(leaf.subjectAltNames.map(\.description) == ["email:alice@corp.example", Self.user])
        let openssl = try OpenSSL()
        let file = try openssl.file("leaf.pem", leaf.pem)
        try await openssl.succeed(
            "verify", "-x509_strict", "-attime", "1780000100", "-CAfile",
            openssl.file("root.pem", ca.authority.certificate.pem), file)
        let text = try await openssl.run("x509", "-in", file, "-noout", "-ext", "subjectAltName")
        #expect(text.output.contains("othername: UPN::alice@corp.example"), "\(text.output)")
        let theirs = try await Judges.python("upn.py", [file, openssl.path("theirs.csr")], logs: openssl.directory.url)
        #expect(theirs.output == "alice@corp.example\n", "\(theirs.errors)")
        let request = try CertificationRequest(pem: openssl.read("theirs.csr"))
        try request.verifySignature()
        #expect(request.subjectAltNames.map(\.text) == ["upn:Alice@CORP.example"])
        #expect(request.subjectAltNames == [try SubjectAltName(classifying: Self.user)])
    }

    @Test(
        "a common name that is a user stays out of the subject, whatever the policy",
        arguments: [CommonNamePolicy.keep, .drop, .firstSAN])
    func subject(policy: CommonNamePolicy) async throws {
        let ca = try await CAUnderTest.generated { $0.commonNamePolicy = policy }
        let issuance = try CAUnderTest.issuance([], commonName: Self.user) { $0.extendedKeyUsages = [.clientAuth] }
        let leaf = try await ca.authority.issue(issuance).certificate
        #expect(leaf.subject.isEmpty)
        #expect(leaf.extensions[.subjectAltName]?.isCritical == true)
        #expect(leaf.subjectAltNames.map(\.text) == [Self.user])
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: Self.user, subjectAltNames: [], key: .generate(.ecdsaP256))
        #expect(csr.subject.isEmpty)
        #expect(try csr.names().map(\.text) == [Self.user])
    }

    @Test(
        "another type of value, a name of another type, and what no user is called are refused",
        arguments: [
            "otherName:1.3.6.1.4.1.311.20.2.3;IA5:alice@corp.example", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice",
            "otherName:1.3.6.1.4.1.311.20.2.3;INT:7", "otherName:1.3.6.1.4.1.311.20.2.4;UTF8:alice@corp.example",
            "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ali\u{200B}ce@corp.example",
        ])
    func refused(name: String) async throws {
        let openssl = try OpenSSL()
        let outcome = try await openssl.run([
            "req", "-new", "-newkey", "ed25519", "-nodes", "-utf8", "-keyout", openssl.path("k"), "-subj",
            "/CN=a.example",
            "-addext", "subjectAltName=\(name)",
        ])
        try #require(outcome.status == 0, "\(outcome.errors)")
        #expect { try CertificationRequest(pem: outcome.output) } throws: {
            ($0 as? CSRError)?.field == .subjectAltNames
        }
    }

    /// RFC 5280 §4.2.1.10: constraints of one form say nothing about the others; a form that can't be judged is refused.
    @Test(
        "a CA whose constraints speak of such names certifies none; one with other constraints does",
        arguments: [
            ("permitted;otherName:1.3.6.1.4.1.311.20.2.3;UTF8:corp.example", false),
            ("excluded;otherName:1.3.6.1.4.1.311.20.2.3;UTF8:evil.example", false),
            ("permitted;DNS:corp.example,permitted;email:corp.example", true),
        ])
    func constrained(trees: String, passes: Bool) async throws {
        let openssl = try OpenSSL()
        let supplied = try await SubordinateTests.supplied(
            openssl, extensions: SubordinateTests.plain + "\nnameConstraints=critical,\(trees)")
        let authority = try SubordinateTests.load(supplied)
        let now = supplied.chain[0].notBefore + .hours(1)
        let issuance = try CAUnderTest.issuance([Self.user], now: now) { $0.extendedKeyUsages = [.clientAuth] }
        if passes {
            let leaf = try await authority.issue(issuance)
            try await openssl.succeed(
                "verify", "-CAfile", openssl.path("root.pem"), "-untrusted", openssl.path("sub.pem"), "-attime",
                String(now.secondsSinceEpoch + 10), openssl.file("leaf.pem", leaf.certificate.pem))
        } else {
            await #expect {
                try await authority.issue(issuance)
            } throws: {
                if case .validation("names", _) = $0 as? LocalCAError { true } else { false }
            }
        }
        // The path validator decides the same for what somebody else signed.
        let tbs = try authority.unconstrainedTemplate(for: issuance, supplied: supplied).tbsCertificate()
        let forced = try X509Certificate(der: tbs.certificateDER(signature: supplied.key.sign(tbs.der)))
        let isValid =
            (try? ChainVerifier(roots: [supplied.chain[1]]).verify(
                forced, intermediates: [supplied.chain[0]], at: now + .seconds(10))) != nil
        #expect(isValid == passes)
    }
}
