import Crypto
import CryptoExtras
package import Domain
import Encoding

/// Encryption under a password: PBES2 (RFC 8018 §6.2), and the older schemes of PKCS#12 (RFC 7292 appendix C).
package enum PasswordBasedEncryption {
    /// Rounds of a password function that a file may ask for: more keep a processor for seconds (security §13).
    package static let maximumIterations = 1_000_000
    static let saltLength = 16

    /// What a new file is encrypted with.
    package enum Scheme: Hashable, Sendable {
        /// PBES2: PBKDF2 with HMAC-SHA-256, AES-256-CBC.
        case modern
        /// Triple DES and SHA-1, for programs that read nothing else. It protects little.
        case legacy
    }

    // MARK: Writing

    /// The AlgorithmIdentifier and the ciphertext.
    static func encrypt(
        _ plaintext: [UInt8], password: Secret, scheme: Scheme, iterations: Int, _ random: RandomSource
    ) throws(KeyStoreError) -> (algorithm: [UInt8], ciphertext: [UInt8]) {
        let salt = random.bytes(saltLength)
        switch scheme {
        case .modern:
            let iv = random.bytes(16)
            let key = try password.withBytes { octets throws(KeyStoreError) in
                try KeyStoreDigest.sha256.pbkdf2(32, password: octets, salt: salt, iterations: iterations)
            }
            let function = DERWriter.sequence(
                DERWriter.oid(.pbkdf2),
                DERWriter.sequence(
                    DERWriter.octetString(salt), DERWriter.integer(iterations),
                    DERWriter.sequence(DERWriter.oid(.hmacWithSHA256), DERWriter.null)))
            let cipher = DERWriter.sequence(DERWriter.oid(.aes256CBC), DERWriter.octetString(iv))
            return (
                DERWriter.sequence(DERWriter.oid(.pbes2), DERWriter.sequence(function, cipher)),
                try aes(plaintext, key: key, iv: iv)
            )
        case .legacy:
            let octets = password.withText { PKCS12KeyDerivation.octets(of: $0) }
            func derive(_ count: Int, _ purpose: PKCS12KeyDerivation.Purpose) -> [UInt8] {
                KeyStoreDigest.sha1.pkcs12(
                    count, for: purpose, password: octets, salt: salt, iterations: iterations)
            }
            return (
                DERWriter.sequence(
                    DERWriter.oid(.pbeWithSHA1And3DES),
                    DERWriter.sequence(DERWriter.octetString(salt), DERWriter.integer(iterations))),
                TripleDES.encryptCBC(plaintext, key: derive(TripleDES.keyLength, .key), iv: derive(8, .iv))
            )
        }
    }

    private static func aes(_ plaintext: [UInt8], key: [UInt8], iv: [UInt8]) throws(KeyStoreError) -> [UInt8] {
        do {
            return Array(try AES._CBC.encrypt(plaintext, using: SymmetricKey(data: key), iv: .init(ivBytes: iv)))
        } catch {
            throw .malformed("AES-CBC failed")
        }
    }

    // MARK: Reading

    /// Opens what `algorithm` encrypted.
    static func decrypt(
        _ ciphertext: [UInt8], algorithm: DERNode, password: Secret
    ) throws(KeyStoreError) -> [UInt8] {
        try readingKeyStore {
            var fields = try algorithm.sequence("encryption algorithm", limit: 2)
            let oid = try fields.next().oid("encryption algorithm")
            let parameters = try fields.next()
            switch oid {
            case .pbes2: return try decryptPBES2(ciphertext, parameters, password)
            case .pbeWithSHA1And3DES, .pbeWithSHA1And2Key3DES, .pbeWithSHA1AndRC2128, .pbeWithSHA1AndRC240:
                return try decryptPKCS12(ciphertext, oid, parameters, password)
            default: throw KeyStoreError.unsupported("the encryption \(oid.nameForMessages)")
            }
        }
    }

    static func iterations(_ node: DERNode) throws -> Int {
        let count = try node.smallInteger("iterations")
        guard count > 0 else { throw KeyStoreError.malformed("iterations must be positive") }
        guard count <= maximumIterations else { throw KeyStoreError.tooCostly(iterations: count) }
        return count
    }

    private static func decryptPBES2(
        _ ciphertext: [UInt8], _ parameters: DERNode, _ password: Secret
    ) throws -> [UInt8] {
        var fields = try parameters.sequence("PBES2 parameters", limit: 2)
        let function = try fields.next()
        var cipher = try fields.next().sequence("cipher", limit: 2)
        let oid = try cipher.next().oid("cipher")
        let iv = Array(try cipher.next().octetString("initialization vector"))
        let length: Int =
            switch oid {
            case .aes128CBC: 16
            case .aes192CBC, .tripleDESCBC: 24
            case .aes256CBC: 32
            default: throw KeyStoreError.unsupported("the cipher \(oid.nameForMessages)")
            }
        let key = try pbkdf2(length, function, password)
        guard oid != .tripleDESCBC else {
            guard iv.count == 8 else { throw KeyStoreError.malformed("the initialization vector must be 8 octets") }
            guard let plain = TripleDES.decryptCBC(ciphertext, key: key, iv: iv) else {
                throw KeyStoreError.wrongPassword
            }
            return plain
        }
        guard iv.count == 16 else { throw KeyStoreError.malformed("the initialization vector must be 16 octets") }
        guard !ciphertext.isEmpty, ciphertext.count % 16 == 0,
            let plain = try? AES._CBC.decrypt(ciphertext, using: SymmetricKey(data: key), iv: .init(ivBytes: iv))
        else { throw KeyStoreError.wrongPassword }
        return Array(plain)
    }

    /// The key by PBKDF2 with the parameters of `node`, an AlgorithmIdentifier (RFC 8018 appendix A.2).
    static func pbkdf2(_ expected: Int?, _ node: DERNode, _ password: Secret) throws -> [UInt8] {
        var function = try node.sequence("key derivation", limit: 2)
        let oid = try function.next().oid("key derivation")
        guard oid == .pbkdf2 else {
            throw KeyStoreError.unsupported("the key derivation \(oid.nameForMessages)")
        }
        var fields = try function.next().sequence("PBKDF2 parameters", limit: 4)
        let salt = Array(try fields.next().octetString("salt"))
        let count = try iterations(fields.next())
        let length = try fields.next(if: .integer).map { node throws(DERError) in try node.smallInteger("key length") }
        var digest = KeyStoreDigest.sha1
        if !fields.isEmpty {
            var pseudorandom = try fields.next().sequence("pseudorandom function", limit: 2)
            digest = try KeyStoreDigest(pseudorandom.next().oid("pseudorandom function"))
        }
        guard let wanted = expected ?? length, length == nil || length == wanted, (1...64).contains(wanted) else {
            throw KeyStoreError.malformed("the length of the key is not that of its cipher")
        }
        return try password.withBytes { octets in
            try digest.pbkdf2(wanted, password: octets, salt: salt, iterations: count)
        }
    }

    private static func decryptPKCS12(
        _ ciphertext: [UInt8], _ oid: OID, _ parameters: DERNode, _ password: Secret
    ) throws -> [UInt8] {
        var fields = try parameters.sequence("PKCS#12 parameters", limit: 2)
        let salt = Array(try fields.next().octetString("salt"))
        let count = try iterations(fields.next())
        let octets = password.withText { PKCS12KeyDerivation.octets(of: $0) }
        func derive(_ length: Int, _ purpose: PKCS12KeyDerivation.Purpose) -> [UInt8] {
            KeyStoreDigest.sha1.pkcs12(length, for: purpose, password: octets, salt: salt, iterations: count)
        }
        let iv = derive(8, .iv)
        let plain: [UInt8]?
        switch oid {
        case .pbeWithSHA1And3DES:
            plain = TripleDES.decryptCBC(ciphertext, key: derive(24, .key), iv: iv)
        case .pbeWithSHA1And2Key3DES:
            let key = derive(16, .key)
            plain = TripleDES.decryptCBC(ciphertext, key: key + key.prefix(8), iv: iv)
        case .pbeWithSHA1AndRC2128:
            plain = RC2.decryptCBC(ciphertext, key: derive(16, .key), effectiveBits: 128, iv: iv)
        default: plain = RC2.decryptCBC(ciphertext, key: derive(5, .key), effectiveBits: 40, iv: iv)
        }
        guard let plain else { throw KeyStoreError.wrongPassword }
        return plain
    }
}

extension PrivateKey {
    /// `EncryptedPrivateKeyInfo` (RFC 5958 §3).
    package init(encryptedPKCS8DER der: [UInt8], password: Secret) throws(KeyStoreError) {
        self = try readingKeyStore {
            let octets = try BER.der(from: der[...])
            var fields = try DERNode(parsing: octets[...]).sequence("encrypted key", limit: 2)
            let algorithm = try fields.next()
            let ciphertext = Array(try fields.next().octetString("encrypted key"))
            let plain = Secret(
                try PasswordBasedEncryption.decrypt(ciphertext, algorithm: algorithm, password: password))
            // Octets that happen to be padded well are what a wrong password looks like, too.
            guard plain.withBytes({ (try? DERNode(parsing: $0[...])) != nil }) else {
                throw KeyStoreError.wrongPassword
            }
            return try plain.withBytes { try PrivateKey(pkcs8DER: $0) }
        }
    }

    /// `EncryptedPrivateKeyInfo` of the key.
    ///
    /// - `iterations`: Of the password function; at most ``PasswordBasedEncryption/maximumIterations``.
    package func encryptedPKCS8DER(
        password: Secret, scheme: PasswordBasedEncryption.Scheme, iterations: Int, _ random: RandomSource
    ) throws(KeyStoreError) -> [UInt8] {
        let (algorithm, ciphertext) = try pkcs8DER.withBytes { plain throws(KeyStoreError) in
            try PasswordBasedEncryption.encrypt(
                plain, password: password, scheme: scheme, iterations: iterations, random)
        }
        return DERWriter.sequence(algorithm, DERWriter.octetString(ciphertext))
    }
}
