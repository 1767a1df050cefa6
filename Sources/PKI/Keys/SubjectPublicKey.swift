import Crypto
import CryptoExtras
package import Domain
import Encoding

/// A checked public key: large enough, on its curve, of an accepted algorithm.
package struct SubjectPublicKey: Sendable {
    enum Backing: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case mlDSA65(MLDSA65.PublicKey)
        case mlDSA87(MLDSA87.PublicKey)
    }

    package let algorithm: KeyAlgorithm
    /// Bits of modulus or field; 256 for Ed25519, those of the public key for ML-DSA.
    package let size: Int
    /// `SubjectPublicKeyInfo` as received or built.
    package let spkiDER: [UInt8]
    /// Content of the BIT STRING, over which key identifiers are computed.
    let keyBits: [UInt8]
    private let backing: Backing

    /// Reads one `SubjectPublicKeyInfo`.
    package init(spkiDER: [UInt8]) throws(KeyError) {
        let node: DERNode
        do { node = try DERNode(parsing: spkiDER[...]) } catch { throw .malformed(error.reason) }
        try self.init(node)
    }

    init(_ node: DERNode) throws(KeyError) {
        do {
            var fields = try node.sequence("subjectPublicKeyInfo", limit: 2)
            var identifier = try fields.next().sequence("key algorithm", limit: 2)
            let oid = try identifier.next().oid("key algorithm")
            let parameters = identifier.isEmpty ? nil : try identifier.next()
            let bits = try fields.next().bitString("public key")
            try fields.end()
            spkiDER = Array(node.encoded)
            keyBits = Array(bits)
            (backing, algorithm, size) = try Self.backing(oid, parameters, bits, spkiDER: spkiDER)
        } catch let error as DERError {
            throw KeyError.malformed(error.reason)
        } catch let error as KeyError {
            throw error
        } catch {
            throw KeyError.malformed("public key is not readable")
        }
    }

    init(_ backing: Backing, algorithm: KeyAlgorithm, size: Int, identifier: [UInt8], keyBits: [UInt8]) {
        self.backing = backing
        self.algorithm = algorithm
        self.size = size
        self.keyBits = keyBits
        spkiDER = DERWriter.sequence(identifier, DERWriter.bitString(keyBits))
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`, lower-case hexadecimal.
    package var spkiSHA256: String { Hex.encode(SHA256.hash(data: spkiDER)) }

    /// RFC 7093 §2 method 1: the left-most 160 bits of SHA-256 over the key bits.
    package var keyIdentifier: [UInt8] { Array(SHA256.hash(data: keyBits).prefix(20)) }

    /// `RSA-2048`, `ECDSA-P256`, `Ed25519`.
    package var name: String { Self.name(of: algorithm, size: size) }

    /// The name of keys of this kind.
    package static func name(of algorithm: KeyAlgorithm, size: Int) -> String {
        switch algorithm {
        case .rsa: "RSA-\(size)"
        case .ecdsa: "ECDSA-P\(size)"
        case .ed25519, .mlDSA65, .mlDSA87: algorithm.rawValue
        }
    }

    /// The algorithm with which a certificate authority holding this key signs (issuers §5.1).
    package var signatureAlgorithm: SignatureAlgorithm { .made(by: KeyKind(self)) }

    /// Whether `signature` over `message` is by the holder of this key. An algorithm of another family is `false`.
    package func isValid(
        signature: some Collection<UInt8>, over message: some Collection<UInt8>, algorithm: SignatureAlgorithm
    ) -> Bool {
        let signature = Array(signature)
        let message = Array(message)
        switch (backing, algorithm) {
        case (.rsa(let key), .rsaPKCS1(let hash)):
            return Self.verifyRSA(key, signature, message, hash, padding: .insecurePKCS1v1_5)
        case (.rsa(let key), .rsaPSS(let hash)):
            return Self.verifyRSA(key, signature, message, hash, padding: .PSS)
        case (.p256(let key), .ecdsa(let hash)):
            guard let parsed = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            switch hash {
            case .sha256: return key.isValidSignature(parsed, for: SHA256.hash(data: message))
            case .sha384: return key.isValidSignature(parsed, for: SHA384.hash(data: message))
            case .sha512: return key.isValidSignature(parsed, for: SHA512.hash(data: message))
            }
        case (.p384(let key), .ecdsa(let hash)):
            guard let parsed = try? P384.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            switch hash {
            case .sha256: return key.isValidSignature(parsed, for: SHA256.hash(data: message))
            case .sha384: return key.isValidSignature(parsed, for: SHA384.hash(data: message))
            case .sha512: return key.isValidSignature(parsed, for: SHA512.hash(data: message))
            }
        case (.p521(let key), .ecdsa(let hash)):
            guard let parsed = try? P521.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            switch hash {
            case .sha256: return key.isValidSignature(parsed, for: SHA256.hash(data: message))
            case .sha384: return key.isValidSignature(parsed, for: SHA384.hash(data: message))
            case .sha512: return key.isValidSignature(parsed, for: SHA512.hash(data: message))
            }
        case (.ed25519(let key), .ed25519): return key.isValidSignature(signature, for: message)
        case (.mlDSA65(let key), .mlDSA65): return key.isValidSignature(signature, for: message)
        case (.mlDSA87(let key), .mlDSA87): return key.isValidSignature(signature, for: message)
        case (.rsa, _), (.p256, _), (.p384, _), (.p521, _), (.ed25519, _), (.mlDSA65, _), (.mlDSA87, _): return false
        }
    }

    private static func verifyRSA(
        _ key: _RSA.Signing.PublicKey, _ signature: [UInt8], _ message: [UInt8], _ hash: SignatureAlgorithm.Hash,
        padding: _RSA.Signing.Padding
    ) -> Bool {
        let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
        return switch hash {
        case .sha256: key.isValidSignature(signature, for: SHA256.hash(data: message), padding: padding)
        case .sha384: key.isValidSignature(signature, for: SHA384.hash(data: message), padding: padding)
        case .sha512: key.isValidSignature(signature, for: SHA512.hash(data: message), padding: padding)
        }
    }

    private static func backing(
        _ oid: OID, _ parameters: DERNode?, _ bits: ArraySlice<UInt8>, spkiDER: [UInt8]
    ) throws -> (Backing, KeyAlgorithm, Int) {
        switch oid {
        case .rsaEncryption:
            guard parameters?.isNull ?? true else { throw KeyError.malformed("RSA key has parameters") }
            var fields = try DERNode(parsing: bits).sequence("RSA public key", limit: 2)
            let modulus = try fields.next().integer("RSA modulus")
            let exponent = try fields.next().integer("RSA exponent")
            try RSAModulus.check(modulus: modulus, exponent: exponent)
            guard let key = try? _RSA.Signing.PublicKey(derRepresentation: spkiDER) else {
                throw KeyError.malformed("RSA public key is not usable")
            }
            return (.rsa(key), .rsa, RSAModulus.bitCount(modulus))
        case .ecPublicKey: return try ellipticCurve(parameters, bits)
        case .ed25519:
            guard parameters == nil, let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bits) else {
                throw KeyError.malformed("Ed25519 public key must be 32 octets without parameters")
            }
            return (.ed25519(key), .ed25519, 256)
        case .mlDSA65:
            guard parameters == nil, let key = try? MLDSA65.PublicKey(rawRepresentation: bits) else {
                throw KeyError.malformed("ML-DSA-65 public key must be 1952 octets without parameters")
            }
            return (.mlDSA65(key), .mlDSA65, KeySpec.mlDSA65.size)
        case .mlDSA87:
            guard parameters == nil, let key = try? MLDSA87.PublicKey(rawRepresentation: bits) else {
                throw KeyError.malformed("ML-DSA-87 public key must be 2592 octets without parameters")
            }
            return (.mlDSA87(key), .mlDSA87, KeySpec.mlDSA87.size)
        default: throw KeyError.unsupported(oid == .rsaPSS ? "RSASSA-PSS" : oid.nameForMessages)
        }
    }

    /// RFC 5480: a named curve and an uncompressed point on it.
    private static func ellipticCurve(
        _ parameters: DERNode?, _ bits: ArraySlice<UInt8>
    ) throws -> (Backing, KeyAlgorithm, Int) {
        guard let parameters else { throw KeyError.malformed("elliptic-curve key without a named curve") }
        let curve = try parameters.oid("named curve")
        guard [.p256, .p384, .p521].contains(curve) else { throw KeyError.unsupported(curve.nameForMessages) }
        guard bits.first == 0x04 else {
            throw KeyError.malformed("elliptic-curve point must be in uncompressed form")
        }
        switch curve {
        case .p256:
            if let key = try? P256.Signing.PublicKey(x963Representation: bits) { return (.p256(key), .ecdsa, 256) }
        case .p384:
            if let key = try? P384.Signing.PublicKey(x963Representation: bits) { return (.p384(key), .ecdsa, 384) }
        default:
            if let key = try? P521.Signing.PublicKey(x963Representation: bits) { return (.p521(key), .ecdsa, 521) }
        }
        throw KeyError.malformed("elliptic-curve point is not on its curve")
    }
}

extension SubjectPublicKey: Hashable {
    package static func == (left: Self, right: Self) -> Bool { left.spkiDER == right.spkiDER }
    package func hash(into hasher: inout Hasher) { hasher.combine(spkiDER) }
}
