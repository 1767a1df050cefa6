import Domain
import Foundation
import TestSupport
import Testing

@testable import PKI

/// Behind their MACs and ciphers, whose passwords whoever makes the file knows, the parsers must survive anything.
@Suite("protocol-servers §9.1: key stores survive mutated encodings")
struct KeyStoreFuzzTests {
    @Test("PKCS#12 without MAC and cipher, signed messages")
    func open() async throws {
        let root = try TestAuthority.root()
        let key = try PrivateKey.generate(.ecdsaP256)
        let template = try TestAuthority.template("www.example.com", key: key, issuer: root, isCA: false)
        let leaf = try TestAuthority.sign(template, key: root.key)
        let openssl = try OpenSSL()
        let chain = try openssl.file("chain", leaf.pem + root.certificate.pem)
        let secret = try openssl.file("key", key.pkcs8PEM.withText { $0 })
        try await openssl.succeed(
            "pkcs12", "-export", "-inkey", secret, "-in", chain, "-name", "web", "-keypbe", "NONE", "-certpbe", "NONE",
            "-nomac", "-passout", "pass:", "-out", openssl.path("store"))
        try await openssl.succeed(
            "cms", "-sign", "-nodetach", "-stream", "-in", chain, "-signer", chain, "-inkey", secret, "-outform",
            "DER", "-out", openssl.path("signed"))
        let corpus = try ["store", "signed"].map { Array(try Data(contentsOf: URL(filePath: openssl.path($0)))) }
        try await DecoderFuzzTests.fuzz(corpus, seed: 21) { (try? KeyStoreFile.read($0)) != nil }
    }

    @Test("JKS with a digest that fits")
    func java() async throws {
        let root = try TestAuthority.root()
        let content = KeyStoreContent(
            keys: [.init(alias: "web", key: root.key, chain: [root.certificate])],
            certificates: [.init(alias: "root", certificate: root.certificate)])
        let store = JavaKeyStore.encode(content, password: Secret("x"), at: TestAuthority.now, .system)
        let password = JavaKeyStore.octets(of: Secret("x"))
        _ = try JavaKeyStore.decode(store, password: Secret("x"))
        try await DecoderFuzzTests.fuzz([Array(store.dropLast(20))], seed: 22) { body in
            (try? JavaKeyStore.decode(body + JavaKeyStore.digest(body, password), password: Secret("x"))) != nil
        }
    }
}
