import Domain
import Encoding
import PKI
import TestSupport
import Testing

@Suite("RFC 2986: certification requests")
struct CertificationRequestTests {
    static func names(_ texts: String...) throws -> [SubjectAltName] {
        try texts.map { try SubjectAltName(classifying: $0) }
    }

    static func sample(_ spec: KeySpec = .ecdsaP256) throws -> CertificationRequest {
        try CertificationRequestBuilder.makeCSR(
            commonName: "www.example.com",
            subjectAltNames: names("www.example.com", "10.0.0.1", "bob@example.com", "spiffe://x/a"),
            key: PrivateKey.generate(spec), mustStaple: true, extendedKeyUsages: [.serverAuth, .clientAuth])
    }

    @Test("a built request carries what was asked for, and openssl verifies it", arguments: PrivateKeyTests.quick)
    func built(spec: KeySpec) async throws {
        let csr = try Self.sample(spec)
        try csr.verifySignature()
        #expect(csr.commonName == "www.example.com")
        #expect(
            csr.subjectAltNames.map(\.description) == [
                "dns:www.example.com", "email:bob@example.com", "ip:10.0.0.1", "uri:spiffe://x/a",
            ])
        #expect(csr.extendedKeyUsages == [.serverAuth, .clientAuth])
        #expect(csr.mustStaple)

        let openssl = try OpenSSL()
        let file = try openssl.file("r.csr", csr.pem)
        let text = try await openssl.succeed("req", "-in", file, "-verify", "-noout", "-text")
        #expect(text.contains("DNS:www.example.com, email:bob@example.com, IP Address:10.0.0.1, URI:spiffe://x/a"))
        #expect(text.contains("status_request"))
        #expect(text.contains("TLS Web Server Authentication, TLS Web Client Authentication"))
    }

    @Test("a common name above 64 characters stays among the names only, and the extension is critical")
    func longCommonName() throws {
        let long = Array(repeating: "abcdefghij", count: 8).joined(separator: ".")
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: long, subjectAltNames: [], key: .generate(.ed25519))
        #expect(csr.subject.isEmpty)
        #expect(csr.subjectAltNames.map(\.text) == [long])
        #expect(csr.requestedExtensions[.subjectAltName]?.isCritical == true)
    }

    @Test(
        "requests made by openssl are read and verified",
        arguments: [
            ["-newkey", "rsa:2048"],
            ["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"],
            ["-newkey", "rsa:2048", "-sha512"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-sha384"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-sha512"],
            ["-newkey", "ed25519"],
        ])
    func foreign(arguments: [String]) async throws {
        let openssl = try OpenSSL()
        let outcome = try await openssl.run(
            [
                "req", "-new", "-nodes", "-keyout", openssl.path("k"), "-subj", "/C=DE/O=Ex/CN=www.example.com",
                "-addext", "subjectAltName=DNS:WWW.example.com,IP:2001:db8::1",
            ] + arguments)
        let csr = try CertificationRequest(pem: outcome.output)
        try csr.verifySignature()
        #expect(csr.subject.description == "CN=www.example.com,O=Ex,C=DE")
        #expect(csr.subjectAltNames.map(\.description) == ["dns:www.example.com", "ip:2001:db8::1"])
        let renamed = outcome.output.replacing("CERTIFICATE REQUEST", with: "NEW CERTIFICATE REQUEST")
        #expect(try CertificationRequest(pem: renamed) == csr)
    }

    @Test(
        "weak, foreign and unreadable requests are refused with the field at fault",
        arguments: [
            (["-newkey", "rsa:2048", "-sha1"], CSRError.Field.signature),
            (["-newkey", "rsa:2048", "-md5"], .signature),
            (["-newkey", "rsa:1024"], .publicKey),
            (["-newkey", "ed448"], .publicKey),
            (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], .publicKey),
            (["-newkey", "ed25519", "-addext", "subjectAltName=DNS:a_b..c"], .subjectAltNames),
            (["-newkey", "ed25519", "-addext", "subjectAltName=DNS:exa mple.com"], .subjectAltNames),
            (["-newkey", "ed25519", "-addext", "subjectAltName=RID:1.2.3"], .subjectAltNames),
            (["-newkey", "ed25519", "-addext", "subjectAltName=otherName:1.2.3;UTF8:x"], .subjectAltNames),
            (["-newkey", "ed25519", "-subj", "/CN=a/CN=b"], .subject),
        ])
    func refused(arguments: [String], field: CSRError.Field) async throws {
        let openssl = try OpenSSL()
        let outcome = try await openssl.run(
            ["req", "-new", "-nodes", "-keyout", openssl.path("k"), "-subj", "/CN=a"] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        #expect { try CertificationRequest(pem: outcome.output) } throws: { ($0 as? CSRError)?.field == field }
    }

    @Test("more than a hundred names are refused; a hundred are not")
    func nameLimit() throws {
        let key = try PrivateKey.generate(.ed25519)
        let names = try (0..<101).map { try SubjectAltName(classifying: "h\($0).example") }
        #expect(throws: Never.self) {
            try CertificationRequestBuilder.makeCSR(commonName: "", subjectAltNames: Array(names.dropLast()), key: key)
        }
        #expect(throws: CSRBuildError.self) {
            try CertificationRequestBuilder.makeCSR(commonName: "", subjectAltNames: names, key: key)
        }
    }

    @Test(
        "what calls itself version 2 or 3 of a request is read all the same, and nothing beyond",
        arguments: UInt8(0)...3)
    func versions(number: UInt8) throws {
        var der = try Self.sample().der
        let place = try #require(der.indices.first { der[$0...].starts(with: [0x02, 0x01, 0x00]) })
        der[place + 2] = number
        guard number < 3 else {
            let error = #expect(throws: CSRError.self) { try CertificationRequest(der: der) }
            #expect(error?.field == .version)
            return
        }
        #expect(try CertificationRequest(der: der).commonName == "www.example.com")
    }

    @Test("every prefix of a request and trailing octets are refused", arguments: [KeySpec.ecdsaP256, .rsa2048])
    func truncated(spec: KeySpec) throws {
        let der = try Self.sample(spec).der
        for count in der.indices {
            #expect(throws: CSRError.self) { try CertificationRequest(der: Array(der[..<count])) }
        }
        #expect(throws: CSRError.self) { try CertificationRequest(der: der + [0]) }
    }

    @Test("no altered bit survives both parser and signature", arguments: [UInt8(0x01), 0x80, 0xFF])
    func altered(mask: UInt8) throws {
        let der = try Self.sample().der
        for index in der.indices {
            var copy = der
            copy[index] ^= mask
            guard let csr = try? CertificationRequest(der: copy) else { continue }
            #expect(throws: CSRError.self, "octet \(index)") { try csr.verifySignature() }
        }
    }

    static let hostileInputs: [[UInt8]] = [
        [UInt8](repeating: 0x30, count: 70_000),
        (0..<2000).flatMap { (_: Int) -> [UInt8] in [0x30, 0x80] },
        (0..<60).reversed().reduce(into: [UInt8]()) { octets, _ in
            octets = [0x30, UInt8(min(octets.count, 127))] + octets
        },
        [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
        [0x30, 0x80, 0x00, 0x00],
        [0x1F],
        [UInt8](repeating: 0xFF, count: 1000),
    ]

    @Test("oversized and deeply nested input is refused at once", arguments: hostileInputs)
    func hostile(octets: [UInt8]) {
        #expect(throws: CSRError.self) { try CertificationRequest(der: octets) }
        #expect(throws: CertificateError.self) { try X509Certificate(der: octets) }
        let pem = PEMBlock(label: "CERTIFICATE REQUEST", octets: octets).text
        #expect(throws: CSRError.self) { try CertificationRequest(pem: pem) }
    }

    @Test("the names of a request include a common name that is a name")
    func allNames() throws {
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "a.example", subjectAltNames: Self.names("b.example"), key: .generate(.ed25519))
        #expect(try csr.names().map(\.text) == ["a.example", "b.example"])
    }
}
