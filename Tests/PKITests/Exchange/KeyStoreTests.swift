import Domain
import Foundation
import TestSupport
import Testing

@testable import PKI

@Suite("RFC 7292, JKS, PKCS#7: key stores that others read, and others' that are read")
struct KeyStoreTests {
    static let password = "Pa§s-word 1"

    struct Material {
        let leaf: X509Certificate
        let key: PrivateKey
        let chain: [X509Certificate]
        let root: X509Certificate

        static func make(_ spec: KeySpec = .ecdsaP256) throws -> Material {
            let root = try TestAuthority.root()
            let sub = try root.subordinate("Sub")
            let key = try PrivateKey.generate(spec)
            let template = try TestAuthority.template("www.example.com", key: key, issuer: sub, isCA: false)
            let leaf = try TestAuthority.sign(template, key: sub.key)
            return Material(
                leaf: leaf, key: key, chain: [leaf, sub.certificate, root.certificate], root: root.certificate)
        }

        var withKey: KeyStoreContent {
            KeyStoreContent(keys: [.init(alias: "wéb", key: key, chain: chain)])
        }
    }

    private static func write(_ octets: [UInt8], _ openssl: OpenSSL, _ name: String = "store") throws -> String {
        try Data(octets).write(to: URL(filePath: openssl.path(name)))
        return openssl.path(name)
    }

    @Test("openssl opens what was written", arguments: [false, true], [KeySpec.ecdsaP256, .rsa2048])
    func openssl(isLegacy: Bool, spec: KeySpec) async throws {
        let material = try Material.make(spec)
        let openssl = try OpenSSL()
        let octets = try PKCS12.encode(
            material.withKey, password: Secret(Self.password), scheme: isLegacy ? .legacy : .modern, .system)
        let store = try Self.write(octets, openssl)
        let secret = try openssl.file("password", Self.password)
        let options = ["pkcs12", "-in", store, "-passin", "file:\(secret)", "-nodes"] + (isLegacy ? ["-legacy"] : [])
        let outcome = try await openssl.run(options + ["-out", openssl.path("opened")])
        try #require(outcome.status == 0, "\(outcome.errors)")
        let read = try KeyStoreFile.read(Array(try Data(contentsOf: URL(filePath: openssl.path("opened")))))
        #expect(read.keys.count == 1 && read.keys[0].key.publicKey == material.key.publicKey)
        #expect(read.keys.first?.chain == material.chain)
        let info = try await openssl.run(options + ["-info", "-noout"])
        #expect(
            isLegacy ? info.errors.contains("pbeWithSHA1And3-KeyTripleDES-CBC") : info.errors.contains("AES-256-CBC"),
            "\(info.errors)")
        let wrong = try await openssl.run(["pkcs12", "-in", store, "-passin", "pass:other", "-nodes"])
        #expect(wrong.status != 0)
    }

    @Test(
        "what openssl writes is read, whatever its ciphers",
        arguments: [
            [], ["-legacy"], ["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC", "-macalg", "SHA512"],
            ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-RC2-128", "-macalg", "sha1", "-legacy"],
            ["-keypbe", "PBE-SHA1-2DES", "-certpbe", "PBE-SHA1-2DES", "-legacy"],
            ["-keypbe", "DES-EDE3-CBC", "-certpbe", "DES-EDE3-CBC"], ["-keypbe", "NONE", "-certpbe", "NONE"],
            ["-nomac"],
        ])
    func fromOpenSSL(options: [String]) async throws {
        let material = try Material.make()
        let openssl = try OpenSSL()
        let key = try openssl.file("key", material.key.pkcs8PEM.withText { $0 })
        let chain = try openssl.file("chain", material.chain.map(\.pem).joined())
        let secret = try openssl.file("password", Self.password)
        let made = try await openssl.run(
            [
                "pkcs12", "-export", "-inkey", key, "-in", chain, "-name", "web", "-passout", "file:\(secret)",
                "-out", openssl.path("store"),
            ] + options)
        try #require(made.status == 0, "\(made.errors)")
        let octets = Array(try Data(contentsOf: URL(filePath: openssl.path("store"))))
        let content = try KeyStoreFile.read(octets, password: Secret(Self.password))
        #expect(content.keys.count == 1 && content.certificates.isEmpty)
        #expect(content.keys[0].chain == material.chain && content.keys[0].alias == "web")
        #expect(KeyPairMatch.holds(content.keys[0].key, material.leaf.subjectPublicKey))
        if options != ["-keypbe", "NONE", "-certpbe", "NONE"], options != ["-nomac"] {
            #expect(throws: KeyStoreError.wrongPassword) {
                try KeyStoreFile.read(octets, password: Secret("other"))
            }
        }
    }

    @Test("keytool lists what was written, and its own stores are read", arguments: ["pkcs12", "jks"])
    func java(type: String) async throws {
        let material = try Material.make(.rsa2048)
        let openssl = try OpenSSL()
        var content = material.withKey
        content.certificates = [.init(alias: "Root of all", certificate: material.root)]
        let password = "secret-1"
        let octets =
            type == "jks"
            ? JavaKeyStore.encode(content, password: Secret(password), at: TestAuthority.now, .system)
            : try PKCS12.encode(content, password: Secret(password), .system)
        let store = try Self.write(octets, openssl)
        func keytool(_ arguments: [String]) async throws -> ProgramOutcome {
            try await runProgram("/usr/bin/keytool", arguments, logs: openssl.directory.url, timeout: .seconds(60))
        }
        let listed = try await keytool(["-list", "-v", "-keystore", store, "-storetype", type, "-storepass", password])
        #expect(listed.output.contains("Your keystore contains 2 entries"), "\(listed.output)\(listed.errors)")
        #expect(listed.output.contains("PrivateKeyEntry") && listed.output.contains("trustedCertEntry"))
        #expect(listed.output.contains("Certificate chain length: 3"))
        // Java opens the key, too: it can copy the entry to a store of its own, which is read here.
        let other = openssl.path("other")
        let copied = try await keytool([
            "-importkeystore", "-srckeystore", store, "-srcstoretype", type, "-srcstorepass", password,
            "-destkeystore", other, "-deststoretype", type, "-deststorepass", password, "-noprompt",
        ])
        try #require(copied.status == 0, "\(copied.output)\(copied.errors)")
        let read = try KeyStoreFile.read(
            Array(try Data(contentsOf: URL(filePath: other))), password: Secret(password))
        #expect(read.keys.count == 1 && read.keys[0].key.publicKey == material.key.publicKey)
        #expect(read.keys[0].chain == material.chain)
        #expect(read.certificates.isEmpty || read.certificates[0].certificate == material.root)
        #expect(throws: KeyStoreError.wrongPassword) {
            try KeyStoreFile.read(octets, password: Secret("other"))
        }
    }

    @Test("NSS reads a store with a key")
    func nss() async throws {
        let material = try Material.make()
        let openssl = try OpenSSL()
        let store = try Self.write(
            try PKCS12.encode(material.withKey, password: Secret("secret-1"), .system), openssl)
        let secret = try openssl.file("password", "secret-1\n")
        let listed = try await runProgram(
            "/usr/bin/pk12util", ["-l", store, "-w", secret], logs: openssl.directory.url, timeout: .seconds(30))
        #expect(listed.status == 0 && listed.output.contains("CN=www.example.com"), "\(listed.output)\(listed.errors)")
    }

    @Test("a trust store without keys")
    func trustStore() async throws {
        let material = try Material.make()
        let openssl = try OpenSSL()
        let content = KeyStoreContent(certificates: material.chain.map { .init(alias: "", certificate: $0) })
        let octets = try PKCS12.encode(content, password: Secret(""), .system)
        let outcome = try await openssl.run(
            ["pkcs12", "-in", try Self.write(octets, openssl), "-passin", "pass:", "-nokeys"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let read = try KeyStoreFile.read(octets)
        #expect(read.certificates.map(\.certificate) == material.chain && read.keys.isEmpty)
    }

    @Test("PKCS#7 of openssl in DER, in PEM and with a signature")
    func messages() async throws {
        let material = try Material.make()
        let openssl = try OpenSSL()
        let chain = try openssl.file("chain", material.chain.map(\.pem).joined())
        for form in ["DER", "PEM"] {
            try await openssl.succeed(
                "crl2pkcs7", "-nocrl", "-certfile", chain, "-outform", form, "-out", openssl.path(form))
            let octets = Array(try Data(contentsOf: URL(filePath: openssl.path(form))))
            #expect(try KeyStoreFile.read(octets).certificates.map(\.certificate) == material.chain)
        }
        let key = try openssl.file("key", material.key.pkcs8PEM.withText { $0 })
        let leaf = try openssl.file("leaf", material.leaf.pem)
        let above = try openssl.file("above", material.chain.dropFirst().map(\.pem).joined())
        for option in ["-nodetach", "-stream"] {
            try await openssl.succeed(
                "cms", "-sign", option, "-in", leaf, "-signer", leaf, "-inkey", key, "-certfile", above, "-outform",
                "DER", "-out", openssl.path("signed"))
            let octets = Array(try Data(contentsOf: URL(filePath: openssl.path("signed"))))
            #expect(Set(try KeyStoreFile.read(octets).certificates.map(\.certificate)) == Set(material.chain))
        }
    }

    @Test(
        "encrypted keys",
        arguments: [["-v2", "aes-256-cbc"], ["-v2", "des3"], ["-scrypt"], ["-v1", "PBE-SHA1-3DES"]])
    func encryptedKeys(options: [String]) async throws {
        let key = try PrivateKey.generate(.ecdsaP384)
        let openssl = try OpenSSL()
        let plain = try openssl.file("key", key.pkcs8PEM.withText { $0 })
        let made = try await openssl.run(
            ["pkcs8", "-topk8", "-in", plain, "-passout", "pass:secret", "-out", openssl.path("out")] + options)
        try #require(made.status == 0, "\(made.errors)")
        let octets = Array(try openssl.read("out").utf8)
        if options == ["-scrypt"] {
            #expect(throws: KeyStoreError.self) { try KeyStoreFile.read(octets, password: Secret("secret")) }
            return
        }
        let read = try KeyStoreFile.read(octets, password: Secret("secret"))
        #expect(read.keys.map(\.key.publicKey) == [key.publicKey])
        #expect(throws: KeyStoreError.wrongPassword) { try KeyStoreFile.read(octets, password: Secret("Secret")) }
        let written = try key.encryptedPKCS8DER(password: Secret("other"), scheme: .modern, iterations: 2048, .system)
        try Data(written).write(to: URL(filePath: openssl.path("ours")))
        try await openssl.succeed(
            "pkey", "-inform", "DER", "-in", openssl.path("ours"), "-passin", "pass:other", "-noout", "-check")
    }

    @Test(
        "a file that asks for too many rounds is refused by their number, before any is made",
        arguments: [OID.pbeWithSHA1And3DES, .pbeWithSHA1AndRC240, .pbes2])
    func cost(algorithm: OID) {
        let rounds = PasswordBasedEncryption.maximumIterations + 1
        let salt = DERWriter.octetString([UInt8](repeating: 7, count: 8))
        let plain = DERWriter.sequence(salt, DERWriter.integer(rounds))
        let modern = DERWriter.sequence(
            DERWriter.sequence(DERWriter.oid(.pbkdf2), plain),
            DERWriter.sequence(DERWriter.oid(.aes256CBC), DERWriter.octetString([UInt8](repeating: 0, count: 16))))
        let key = DERWriter.sequence(
            DERWriter.sequence(DERWriter.oid(algorithm), algorithm == .pbes2 ? modern : plain),
            DERWriter.octetString([UInt8](repeating: 1, count: 16)))
        #expect(throws: KeyStoreError.tooCostly(iterations: rounds)) {
            try PrivateKey(encryptedPKCS8DER: key, password: Secret("x"))
        }
    }

    @Test("a store whose octets were changed is not opened")
    func integrity() throws {
        let content = KeyStoreContent(
            certificates: [.init(alias: "", certificate: try TestAuthority.root().certificate)])
        let store = try PKCS12.encode(content, password: Secret("x"), .system)
        _ = try PKCS12.decode(store, password: Secret("x"))
        var changed = store
        changed[store.count / 2] ^= 1
        #expect(throws: KeyStoreError.wrongPassword) { try PKCS12.decode(changed, password: Secret("x")) }
    }

    @Test("what is none of these formats is named")
    func unreadable() {
        let jceks: [UInt8] = [0xCE, 0xCE, 0xCE, 0xCE, 0, 0, 0, 2]
        #expect(
            throws: KeyStoreError.unsupported("JCEKS; convert it with keytool -importkeystore -deststoretype pkcs12")
        ) {
            try KeyStoreFile.read(jceks)
        }
        for octets in [[], [0x30], Array("hello".utf8), [0xFE, 0xED, 0xFE, 0xED]] as [[UInt8]] {
            #expect(throws: KeyStoreError.self) { try KeyStoreFile.read(octets) }
        }
    }
}
