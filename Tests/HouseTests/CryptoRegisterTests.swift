import Domain
import Testing

@Suite("security §20.11: the register of algorithms says what the sources say")
struct CryptoRegisterTests {
    private let tree = SourceTree.repository

    /// How an algorithm of the register is called where it is used. A plain search for `word` spares the expression most
    /// lines.
    static let names: [(algorithm: String, word: String, pattern: String)] = [
        ("SHA-256", "SHA256", #"\bSHA256(\.hash|\(\)|\.self|>)"#),
        ("SHA-384", "SHA384", #"\bSHA384(\.hash|\(\)|\.self|>)"#),
        ("SHA-512", "SHA512", #"\bSHA512(\.hash|\(\)|\.self|>)"#), ("SHA-1", "Insecure.SHA1", #"\bInsecure\.SHA1\b"#),
        ("HMAC", "HMAC<", #"\bHMAC<"#), ("HKDF", "HKDF<", #"\bHKDF<"#), ("PBKDF2", "PBKDF2", #"\bInsecure\.PBKDF2\b"#),
        ("Argon2id", "argon2_context", #"\bargon2_context\("#), ("AES-256-GCM", "AES.GCM", #"\bAES\.GCM\b"#),
        ("AES-256-CBC", "AES._CBC", #"\bAES\._CBC\b"#),
        ("3DES-CBC", "TripleDES.", #"\bTripleDES\.[a-z]+CBC\("#), ("RC2-CBC", "RC2.", #"\bRC2\.[a-z]+CBC\("#),
        ("ECDSA-P256", "P256.Signing", #"\bP256\.Signing\b"#), ("ECDSA-P384", "P384.Signing", #"\bP384\.Signing\b"#),
        ("ECDSA-P521", "P521.Signing", #"\bP521\.Signing\b"#), ("RSA", "_RSA.Signing", #"\b_RSA\.Signing\b"#),
        ("Ed25519", "Curve25519.Signing", #"\bCurve25519\.Signing\b"#), ("ML-DSA-65", "MLDSA65.", #"\bMLDSA65\."#),
        ("ML-DSA-87", "MLDSA87.", #"\bMLDSA87\."#),
    ]
    /// Other ways into the library of algorithms, which the register has no word for.
    static let unknown = [
        "ChaChaPoly", ".KeyAgreement", "Insecure.MD5", "AES._CTR", "_RSA.Encryption", "MLKEM", "XWing", "SecureEnclave",
    ]
    /// Done by a token or by the TLS library: no name of the library of algorithms is in the sources.
    static let elsewhere: Set<String> = [
        "PKCS11", "X25519", "ECDH-P256", "ECDH-P384", "AES-128-GCM", "ChaCha20-Poly1305",
    ]

    @Test("every use is registered, and everything that is registered is used")
    func complete() throws {
        var used: Set<String> = []
        for (algorithm, word, pattern) in Self.names {
            let regex = try Regex(pattern).wordBoundaryKind(.simple)
            let isUsed = { (line: String) in line.contains(word) && line.contains(regex) }
            for file in tree.sources where file.lines.contains(where: isUsed) {
                used.insert("\(Self.module(of: file.path)) \(algorithm)")
            }
        }
        var registered: Set<String> = []
        for entry in CryptoRegister.entries where !Self.elsewhere.contains(entry.algorithm.name) {
            for use in entry.uses where !Self.elsewhere.contains(use.module) && !use.purpose.hasPrefix("TLS ") {
                registered.insert("\(use.module) \(entry.algorithm.name)")
            }
        }
        #expect(used.subtracting(registered).sorted() == [], "used, and not in CryptoRegister")
        #expect(registered.subtracting(used).sorted() == [], "in CryptoRegister, and not used")
        let words = Self.unknown.filter { word in tree.sources.contains { $0.lines.contains { $0.contains(word) } } }
        #expect(words == [], "an algorithm that the register has no word for")
    }

    @Test("names are unique, and the register knows every kind of key")
    func names() {
        let names = CryptoRegister.entries.map(\.algorithm.name)
        #expect(Set(names).count == names.count)
        #expect(Set(Self.names.map(\.algorithm)).union(Self.elsewhere.subtracting(["PKCS11"])) == Set(names))
        #expect(CryptoRegister.entries.allSatisfy { !$0.uses.isEmpty })
    }

    private static func module(of path: String) -> String {
        String(path.split(separator: "/").dropFirst().first ?? "")
    }
}
