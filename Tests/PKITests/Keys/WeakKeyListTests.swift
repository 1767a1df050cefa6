import Domain
import Foundation
import PKI
import TestSupport
import Testing

@Suite("protocol-servers §8.4: lists of RSA keys that anybody can make (CVE-2008-0166)")
struct WeakKeyListTests {
    private static func list(_ texts: String...) throws(WeakKeyListProblem) -> WeakKeyList {
        try WeakKeyList(files: texts.map { Array($0.utf8) })
    }

    /// As whoever makes such lists does it: `openssl rsa -modulus | sha1sum | cut -c 21-40`.
    private static func fingerprint(_ key: PrivateKey, _ openssl: OpenSSL) async throws -> String {
        let file = try openssl.file("key.pem", key.pkcs8PEM.withText { $0 })
        let modulus = try openssl.file("modulus", try await openssl.succeed("rsa", "-in", file, "-noout", "-modulus"))
        let digest = try await openssl.succeed("dgst", "-sha1", "-r", modulus)
        return String(digest.prefix(40).suffix(20))
    }

    @Test("a fingerprint is what openssl and sha1sum make of the key", arguments: [KeySpec.rsa2048, .rsa3072])
    func fingerprints(spec: KeySpec) async throws {
        let openssl = try OpenSSL()
        let (weak, good) = (try PrivateKey.generate(spec), try PrivateKey.generate(spec))
        let fingerprint = try await Self.fingerprint(weak, openssl)
        let others = (0..<50).map { String(format: "%020x", $0 * 7919) }
        for text in [fingerprint, fingerprint.uppercased()] {
            let list = try Self.list("# RSA\n\n" + (others + [text]).joined(separator: "\n") + "\n")
            #expect(list.count == 51)
            #expect(list.contains(weak.publicKey) && !list.contains(good.publicKey))
        }
        let several = try Self.list("\(others[3])\r\n", "ffffffffffffffffffff\n\(fingerprint)")
        #expect(several.contains(weak.publicKey) && several.count == 3)
        #expect(!several.contains(try PrivateKey.generate(.ecdsaP256).publicKey))
        #expect(!WeakKeyList().contains(weak.publicKey))
    }

    @Test("what is no such list is refused with the line")
    func malformed() {
        let good = "0123456789abcdef0123"
        for bad in [
            "0123456789abcdef012", "0123456789abcdef01234", "0123456789abcdef012g", " 0123456789abcdef012",
            "-----BEGIN CERTIFICATE-----", "\u{0}", "０123456789abcdef01",
        ] {
            #expect(throws: WeakKeyListProblem.notAFingerprint(file: 1, line: 3)) {
                try Self.list(good, "# comment\n\(good)\n\(bad)\n")
            }
        }
        #expect(throws: WeakKeyListProblem.empty(file: 0)) { try Self.list("") }
        #expect(throws: WeakKeyListProblem.empty(file: 1)) { try Self.list(good, "# nothing\n\n") }
    }

    @Test("two million fingerprints and no more")
    func tooMany() {
        let line = Array("0123456789abcdef0123\n".utf8)
        var file: [UInt8] = []
        for _ in 0..<WeakKeyList.mostFingerprints + 1 { file += line }
        #expect(throws: WeakKeyListProblem.tooMany) { try WeakKeyList(files: [file]) }
    }
}
