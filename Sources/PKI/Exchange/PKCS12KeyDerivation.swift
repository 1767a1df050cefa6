import Crypto
import CryptoExtras
import Domain

/// Password functions of PKCS#12 (RFC 7292 appendix B), by which its MACs and its older ciphers get their keys.
enum PKCS12KeyDerivation {
    /// What the octets are for: they differ although everything else is the same.
    enum Purpose: UInt8 {
        case key = 1
        case iv = 2
        case mac = 3
    }

    /// - `password`: As ``octets(of:)`` gives it.
    /// - `iterations`: 1 or more.
    static func derive<Hash: HashFunction>(
        _ count: Int, for purpose: Purpose, password: [UInt8], salt: [UInt8], iterations: Int, by _: Hash.Type
    ) -> [UInt8] {
        let block = Hash.blockByteCount
        let diversifier = [UInt8](repeating: purpose.rawValue, count: block)
        var mixed = filled(salt, block) + filled(password, block)
        var out: [UInt8] = []
        while true {
            var digest = Array(Hash.hash(data: diversifier + mixed))
            for _ in 1..<max(1, iterations) { digest = Array(Hash.hash(data: digest)) }
            out += digest
            if out.count >= count { return Array(out.prefix(count)) }
            let increment = (0..<block).map { digest[$0 % digest.count] }
            for start in stride(from: 0, to: mixed.count, by: block) {
                var carry = 1
                for index in (0..<block).reversed() {
                    let sum = Int(mixed[start + index]) + Int(increment[index]) + carry
                    mixed[start + index] = UInt8(truncatingIfNeeded: sum)
                    carry = sum >> 8
                }
            }
        }
    }

    /// UTF-16, big-endian, with the zero character that ends it (RFC 7292 appendix B.1).
    static func octets(of password: String) -> [UInt8] {
        (Array(password.utf16) + [0]).flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
    }

    /// `octets` over and over, to a multiple of `block`.
    private static func filled(_ octets: [UInt8], _ block: Int) -> [UInt8] {
        guard !octets.isEmpty else { return [] }
        return (0..<(octets.count + block - 1) / block * block).map { octets[$0 % octets.count] }
    }
}

/// The digests that password functions and MACs of key stores are made with.
enum KeyStoreDigest: Hashable, Sendable {
    case sha1, sha256, sha384, sha512

    init(_ oid: OID) throws(KeyStoreError) {
        switch oid {
        case .sha1, .hmacWithSHA1: self = .sha1
        case .sha256, .hmacWithSHA256: self = .sha256
        case .sha384, .hmacWithSHA384: self = .sha384
        case .sha512, .hmacWithSHA512: self = .sha512
        default: throw .unsupported("the digest \(oid.nameForMessages)")
        }
    }

    func pkcs12(
        _ count: Int, for purpose: PKCS12KeyDerivation.Purpose, password: [UInt8], salt: [UInt8], iterations: Int
    ) -> [UInt8] {
        func derive<Hash: HashFunction>(_ hash: Hash.Type) -> [UInt8] {
            PKCS12KeyDerivation.derive(
                count, for: purpose, password: password, salt: salt, iterations: iterations, by: hash)
        }
        return switch self {
        case .sha1: derive(Insecure.SHA1.self)
        case .sha256: derive(SHA256.self)
        case .sha384: derive(SHA384.self)
        case .sha512: derive(SHA512.self)
        }
    }

    /// Octets of one output.
    var count: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    func mac(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        let key = SymmetricKey(data: key)
        return switch self {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: key))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
        case .sha384: Array(HMAC<SHA384>.authenticationCode(for: message, using: key))
        case .sha512: Array(HMAC<SHA512>.authenticationCode(for: message, using: key))
        }
    }

    /// PBKDF2 (RFC 8018 §5.2).
    func pbkdf2(_ count: Int, password: [UInt8], salt: [UInt8], iterations: Int) throws(KeyStoreError) -> [UInt8] {
        let hash: KDF.Insecure.PBKDF2.HashFunction =
            switch self {
            case .sha1: .insecureSHA1
            case .sha256: .sha256
            case .sha384: .sha384
            case .sha512: .sha512
            }
        do {
            let key = try KDF.Insecure.PBKDF2.deriveKey(
                from: password, salt: salt, using: hash, outputByteCount: count, unsafeUncheckedRounds: iterations)
            return key.withUnsafeBytes { Array($0) }
        } catch {
            throw .unsupported("a key of \(count) octets by PBKDF2")
        }
    }
}
