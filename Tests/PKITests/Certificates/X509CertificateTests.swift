import Domain
import Encoding
import PKI
import TestSupport
import Testing

@Suite("RFC 5280 §4: certificates")
struct X509CertificateTests {
    @Test("fields written are fields read, and openssl reads the same")
    func roundTrip() async throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf { template in
            template.crlDistributionPoints = ["http://pki.example/crl"]
            template.ocspURLs = ["http://pki.example/ocsp"]
            template.caIssuersURLs = ["http://pki.example/ca.cer"]
            template.policies = [OID(1, 3, 6, 1, 4, 1, 99_999, 1)]
            template.mustStaple = true
        }
        #expect(leaf.notBefore == TestAuthority.now)
        #expect(leaf.extensions.crlDistributionPoints == ["http://pki.example/crl"])
        #expect(leaf.extensions.ocspURLs == ["http://pki.example/ocsp"])
        #expect(leaf.extensions.caIssuersURLs == ["http://pki.example/ca.cer"])
        #expect(leaf.extensions.policies.map(\.description) == ["1.3.6.1.4.1.99999.1"])
        #expect(leaf.extensions.mustStaple)
        #expect(leaf.keyUsage == [.digitalSignature])
        #expect(!leaf.isCA)
        #expect(root.certificate.isCA)
        #expect(leaf.verifySignature(issuedBy: root.certificate))
        #expect(!leaf.verifySignature(issuedBy: leaf))
        #expect(try X509Certificate(pem: leaf.pem) == leaf)

        let openssl = try OpenSSL()
        let file = try openssl.file("c.pem", leaf.pem)
        let printed = try await openssl.succeed("x509", "-in", file, "-noout", "-serial", "-fingerprint", "-sha256")
        let serial = try #require(printed.split(separator: "\n").first?.split(separator: "=").last)
        #expect(try SerialNumber(hex: serial) == leaf.serialNumber)
        #expect(printed.replacing(":", with: "").lowercased().contains(leaf.fingerprintSHA256))
        let text = try await openssl.succeed("x509", "-in", file, "-noout", "-text")
        for part in [
            "URI:http://pki.example/crl", "OCSP - URI:http://pki.example/ocsp", "Policy: 1.3.6.1.4.1.99999.1",
            "CA Issuers - URI:http://pki.example/ca.cer", "CA:FALSE", "status_request",
        ] {
            #expect(text.contains(part))
        }
    }

    @Test(
        "dates change their encoding in 2050",
        arguments: [
            ("2049-12-31T23:59:59Z", "utcTime"), ("2050-01-01T00:00:00Z", "generalizedTime"),
        ])
    func dates(text: String, form: String) throws {
        let end = try Timestamp(rfc3339: text)
        let key = try PrivateKey.generate(.ed25519)
        let certificate = try TestAuthority.sign(
            TestAuthority.template("R", key: key, issuer: nil, isCA: true, to: end), key: key)
        #expect(certificate.notAfter == end)
        let short = Array("491231235959Z".utf8)
        let long = Array("20500101000000Z".utf8)
        let expected: [UInt8] = form == "utcTime" ? [0x17, 13] + short : [0x18, 15] + long
        #expect(certificate.der.indices.contains { certificate.der[$0...].starts(with: expected) })
    }

    @Test("every prefix is refused, no altered bit crashes or verifies")
    func hostile() throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        for count in leaf.der.indices {
            #expect(throws: CertificateError.self) { try X509Certificate(der: Array(leaf.der[..<count])) }
        }
        #expect(throws: CertificateError.self) { try X509Certificate(der: leaf.der + [0]) }
        for index in leaf.der.indices {
            for mask in [UInt8(0x01), 0x20, 0x80] {
                var copy = leaf.der
                copy[index] ^= mask
                guard let altered = try? X509Certificate(der: copy) else { continue }
                #expect(!altered.verifySignature(issuedBy: root.certificate), "octet \(index)")
            }
        }
    }

    @Test("unknown critical extensions are reported, name constraints read, from openssl")
    func foreign() async throws {
        let openssl = try OpenSSL()
        let outcome = try await openssl.run([
            "req", "-x509", "-new", "-nodes", "-newkey", "ed25519", "-keyout", openssl.path("k"), "-subj", "/CN=x",
            "-addext", "nameConstraints=critical,permitted;DNS:example.com,excluded;IP:10.0.0.0/255.0.0.0",
            "-addext", "1.2.3.4=critical,ASN1:UTF8String:hello",
        ])
        let certificate = try X509Certificate(pem: outcome.output)
        #expect(certificate.extensions.unknownCritical.map(\.description) == ["1.2.3.4"])
        let constraints = try #require(certificate.extensions.nameConstraints)
        let names = try ["a.example.com", "example.org", "10.1.1.1", "11.1.1.1"].map {
            try SubjectAltName(classifying: $0)
        }
        #expect(names.map { constraints.violation(in: [$0]) == nil } == [true, false, false, true])
    }

    @Test("a bundle reads in order; other blocks and duplicates of extensions are refused")
    func bundle() throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        #expect(try X509Certificate.bundle(pem: leaf.pem + root.certificate.pem) == [leaf, root.certificate])
        #expect(throws: CertificateError.self) { try X509Certificate.bundle(pem: "") }
        let other = PEMBlock(label: "PRIVATE KEY", octets: [1]).text
        #expect(throws: CertificateError.self) { try X509Certificate.bundle(pem: leaf.pem + other) }
    }
}
