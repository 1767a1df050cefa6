import Domain
import EmbeddedCA
import Encoding
import PKI
import TestSupport
import Testing

@Suite("Issuers §4.1.1: a supplied subordinate authority")
struct SubordinateTests {
    /// An authority made by openssl below a root of its own; returns chain and key.
    static func supplied(
        _ openssl: OpenSSL, extensions: String, root: String = "critical,CA:TRUE"
    ) async throws -> (chain: [X509Certificate], key: PrivateKey) {
        try await openssl.succeed(
            "req", "-x509", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "3650",
            "-keyout", openssl.path("root.key"), "-out", openssl.path("root.pem"), "-subj", "/CN=Root",
            "-addext", "basicConstraints=\(root)", "-addext", "keyUsage=critical,keyCertSign")
        try await openssl.succeed(
            "req", "-new", "-nodes", "-newkey", "rsa:2048", "-keyout", openssl.path("sub.key"),
            "-out", openssl.path("sub.csr"), "-subj", "/O=Ex/CN=Sub")
        _ = try openssl.file("ext", extensions + "\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        try await openssl.succeed(
            "x509", "-req", "-in", openssl.path("sub.csr"), "-CA", openssl.path("root.pem"),
            "-CAkey", openssl.path("root.key"), "-days", "1000", "-extfile", openssl.path("ext"),
            "-out", openssl.path("sub.pem"))
        let chain = [
            try X509Certificate(pem: openssl.read("sub.pem")),
            try X509Certificate.bundle(pem: openssl.read("root.pem"))[0],
        ]
        return (chain, try PrivateKey(pem: openssl.read("sub.key")))
    }

    static let plain = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign"

    static func load(
        _ supplied: (chain: [X509Certificate], key: PrivateKey), now: Timestamp? = nil
    ) throws -> LocalCA {
        try LocalCA(
            certificateChain: supplied.chain, signer: InProcessSigner(key: supplied.key), settings: LocalCASettings(),
            now: now ?? supplied.chain[0].notBefore + .hours(1))
    }

    @Test("it loads, issues, delivers its chain without the root, and openssl verifies")
    func issues() async throws {
        let openssl = try OpenSSL()
        let supplied = try await Self.supplied(openssl, extensions: Self.plain)
        let authority = try Self.load(supplied)
        let now = supplied.chain[0].notBefore + .hours(1)
        let leaf = try await authority.issue(CAUnderTest.issuance(["www.example.com"], now: now))
        #expect(leaf.chain == [supplied.chain[0]])
        #expect(authority.certificateChain == supplied.chain)
        try await openssl.succeed(
            "verify", "-x509_strict", "-CAfile", openssl.path("root.pem"), "-untrusted", openssl.path("sub.pem"),
            "-attime", String(now.secondsSinceEpoch + 10), openssl.file("leaf.pem", leaf.certificate.pem))
        let path = try ChainVerifier(roots: [supplied.chain[1]]).verify(
            leaf.certificate, intermediates: leaf.chain, at: now + .seconds(10), purpose: .serverAuth)
        #expect(path.count == 3)
    }

    static let unfit: [(String, String)] = [
        ("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign", "CA:TRUE is missing"),
        ("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign", "lacks keyCertSign"),
        (plain + "\n1.2.3.4=critical,ASN1:UTF8String:x", "critical extension 1.2.3.4"),
    ]

    @Test("an unfit certificate is refused with its reason", arguments: unfit)
    func refused(extensions: String, mention: String) async throws {
        let supplied = try await Self.supplied(OpenSSL(), extensions: extensions)
        #expect { try Self.load(supplied) } throws: { "\($0)".contains(mention) }
    }

    @Test("wrong key, wrong time, wrong order and path length are refused")
    func conditions() async throws {
        let supplied = try await Self.supplied(OpenSSL(), extensions: Self.plain)
        let foreign = (supplied.chain, try PrivateKey.generate(.rsa2048))
        #expect { try Self.load(foreign) } throws: { "\($0)".contains("does not belong") }
        let expired = supplied.chain[0].notAfter + .seconds(1)
        #expect { try Self.load(supplied, now: expired) } throws: { "\($0)".contains("expired") }
        let early = supplied.chain[0].notBefore - .seconds(1)
        #expect { try Self.load(supplied, now: early) } throws: { "\($0)".contains("not valid before") }
        let other = try await CAUnderTest.generated().authority.certificate
        #expect { try Self.load(([supplied.chain[0], other], supplied.key)) } throws: {
            "\($0)".contains("out of order")
        }
        let tight = try await Self.supplied(OpenSSL(), extensions: Self.plain, root: "critical,CA:TRUE,pathlen:0")
        #expect { try Self.load(tight) } throws: { "\($0)".contains("below it") }
    }

    static let constrained =
        plain + "\nnameConstraints=critical,permitted;DNS:example.com,permitted;email:example.com,"
        + "excluded;DNS:secret.example.com,permitted;IP:10.0.0.0/255.0.0.0"

    @Test(
        "name constraints decide before signing exactly as openssl decides afterwards",
        arguments: [
            (["www.example.com"], true), (["example.com"], true), (["*.apps.example.com"], true),
            (["www.example.org"], false), (["a.secret.example.com"], false), (["secret.example.com"], false),
            (["notexample.com"], false), (["10.1.2.3"], true), (["11.1.2.3"], false), (["bob@example.com"], true),
            (["bob@example.org"], false), (["www.example.com", "www.example.org"], false),
        ])
    func nameConstraints(names: [String], passes: Bool) async throws {
        let openssl = try OpenSSL()
        let supplied = try await Self.supplied(openssl, extensions: Self.constrained)
        let authority = try Self.load(supplied)
        let now = supplied.chain[0].notBefore + .hours(1)
        let issuance = try CAUnderTest.issuance(names, now: now)
        // What openssl thinks of the certificate that we would or would not sign.
        let tbs = try authority.unconstrainedTemplate(for: issuance, supplied: supplied).tbsCertificate()
        let forced = try X509Certificate(der: tbs.certificateDER(signature: supplied.key.sign(tbs.der)))
        let verdict = try await openssl.run(
            "verify", "-CAfile", openssl.path("root.pem"), "-untrusted", openssl.path("sub.pem"), "-attime",
            String(now.secondsSinceEpoch + 10), openssl.file("forced.pem", forced.pem))
        #expect((verdict.status == 0) == passes, "\(verdict.errors)")
        if passes {
            _ = try await authority.issue(issuance)
        } else {
            await #expect {
                try await authority.issue(issuance)
            } throws: {
                if case .validation("names", _) = $0 as? LocalCAError { true } else { false }
            }
        }
    }

    @Test("purposes of the authority limit those of the leaf")
    func purposes() async throws {
        let supplied = try await Self.supplied(
            OpenSSL(), extensions: Self.plain + "\nextendedKeyUsage=clientAuth")
        let authority = try Self.load(supplied)
        let now = supplied.chain[0].notBefore + .hours(1)
        let leaf = try await authority.issue(CAUnderTest.issuance(["a.example"], now: now)).certificate
        #expect(leaf.extendedKeyUsages == [.clientAuth])
        let server = try CAUnderTest.issuance(["a.example"], now: now) { $0.extendedKeyUsages = [.serverAuth] }
        await #expect(throws: LocalCAError.self) { try await authority.issue(server) }
    }
}

extension LocalCA {
    /// The template of the same leaf from an authority without constraints.
    func unconstrainedTemplate(
        for issuance: LocalIssuance, supplied: (chain: [X509Certificate], key: PrivateKey)
    ) throws -> CertificateTemplate {
        var template = CertificateTemplate(
            serialNumber: issuance.serial.serialNumber, issuer: supplied.chain[0].subject, subject: .empty,
            validity: (issuance.now, issuance.now + .days(1)),
            subjectPublicKey: issuance.request.request.subjectPublicKey,
            signatureAlgorithm: supplied.key.publicKey.signatureAlgorithm)
        template.keyUsage = [.digitalSignature]
        template.extendedKeyUsages = [.serverAuth]
        template.subjectAltNames = issuance.names
        template.authorityKeyIdentifier = supplied.chain[0].extensions.subjectKeyIdentifier
        return template
    }
}
