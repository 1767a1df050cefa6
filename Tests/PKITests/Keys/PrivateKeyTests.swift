import Domain
import Encoding
import PKI
import TestSupport
import Testing

@Suite("Keys: formats, pairs, signatures")
struct PrivateKeyTests {
    static let quick: [KeySpec] = [.ecdsaP256, .ecdsaP384, .ecdsaP521, .rsa2048, .ed25519]

    @Test("a generated key signs, and openssl reads it and agrees on the public part", arguments: quick)
    func generated(spec: KeySpec) async throws {
        let key = try PrivateKey.generate(spec)
        #expect(key.publicKey.algorithm == spec.algorithm)
        #expect(key.publicKey.size == spec.size)
        let message = Array("message".utf8)
        let algorithm = key.publicKey.signatureAlgorithm
        let signature = try key.sign(message)
        #expect(key.publicKey.isValid(signature: signature, over: message, algorithm: algorithm))
        #expect(!key.publicKey.isValid(signature: signature, over: message + [0], algorithm: algorithm))

        let openssl = try OpenSSL()
        let file = try openssl.file("key.pem", key.pkcs8PEM.withText { $0 })
        let printed = try await openssl.succeed("pkey", "-in", file, "-pubout")
        #expect(try PEMBlock.parse(printed).first?.octets == key.publicKey.spkiDER)
    }

    @Test("PKCS#8 and SEC 1 read back to the same pair", arguments: quick)
    func roundTrip(spec: KeySpec) throws {
        let key = try PrivateKey.generate(spec)
        #expect(try PrivateKey(pem: key.pkcs8PEM).matches(key.publicKey))
        if let sec1 = key.sec1PEM { #expect(try PrivateKey(pem: sec1).matches(key.publicKey)) }
        #expect((key.sec1PEM != nil) == (spec.algorithm == .ecdsa))
        #expect(!(try PrivateKey.generate(.ecdsaP256)).matches(key.publicKey))
        #expect("\(key)" == "***")
    }

    static let opensslKeys: [[String]] = [
        ["ecparam", "-name", "prime256v1", "-genkey"],
        ["ecparam", "-name", "secp384r1", "-genkey", "-noout"],
        ["genrsa", "-traditional", "2048"],
        ["genpkey", "-algorithm", "ed25519"],
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    ]

    @Test("keys that openssl made are read", arguments: opensslKeys)
    func foreign(arguments: [String]) async throws {
        let openssl = try OpenSSL()
        let outcome = try await openssl.run(arguments)
        let key = try PrivateKey(pem: outcome.output)
        let signature = try key.sign([1])
        #expect(key.publicKey.isValid(signature: signature, over: [1], algorithm: key.publicKey.signatureAlgorithm))
    }

    @Test(
        "other algorithms, sizes and encrypted keys are refused by name",
        arguments: [
            (["genpkey", "-algorithm", "ed448"], "Ed448"),
            (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "secp256k1"),
            (["genrsa", "1024"], "2048"),
            (["genrsa", "-aes128", "-passout", "pass:secret", "2048"], "encrypted"),
            (["genrsa", "-traditional", "-aes128", "-passout", "pass:secret", "2048"], "encrypted"),
        ])
    func refused(arguments: [String], mention: String) async throws {
        let openssl = try OpenSSL()
        let outcome = try await openssl.run(arguments)
        #expect { try PrivateKey(pem: outcome.output) } throws: { "\($0)".contains(mention) }
    }

    @Test("truncated and altered key octets give an error, never a crash")
    func hostile() throws {
        for spec in [KeySpec.ecdsaP256, .ed25519, .rsa2048] {
            let der = try PrivateKey.generate(spec).pkcs8DER.withBytes { $0 }
            for count in 0..<min(der.count, 200) {
                #expect(throws: KeyError.self) { try PrivateKey(pkcs8DER: Array(der[..<count])) }
            }
            for index in 0..<min(der.count, 200) {
                var altered = der
                altered[index] ^= 0x41
                _ = try? PrivateKey(pkcs8DER: altered)
            }
        }
    }

    @Test("RSA public keys with a small exponent, a small factor or too few bits are refused")
    func weakRSA() async throws {
        let openssl = try OpenSSL()
        let small = try await openssl.run([
            "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3",
        ])
        let file = try openssl.file("k.pem", small.output)
        let spki = try PEMBlock.parse(try await openssl.succeed("pkey", "-in", file, "-pubout"))[0].octets
        #expect(throws: KeyError.weak("RSA public exponent 3; it must be odd and at least 65537")) {
            try SubjectPublicKey(spkiDER: spki)
        }
        let good = try PrivateKey.generate(.rsa2048).publicKey.spkiDER
        var even = good
        even[even.count - 6] &= 0xFE
        #expect(throws: KeyError.weak("RSA modulus is even")) { try SubjectPublicKey(spkiDER: even) }
    }

    @Test("an elliptic-curve point off its curve is refused")
    func offCurve() throws {
        var spki = try PrivateKey.generate(.ecdsaP256).publicKey.spkiDER
        spki[spki.count - 1] ^= 0x01
        #expect(throws: KeyError.malformed("elliptic-curve point is not on its curve")) {
            try SubjectPublicKey(spkiDER: spki)
        }
    }
}

extension OpenSSL {
    func run(_ arguments: [String]) async throws -> ProgramOutcome {
        try await runProgram("/usr/bin/openssl", arguments, logs: directory.url, timeout: .seconds(30))
    }
}
