import Crypto
import CryptoExtras
import Domain

/// A private key in process memory. Renders as `***`; its octets leave as a `Secret` only.
package struct PrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    enum Backing: Sendable {
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
        case mlDSA65(MLDSA65.PrivateKey)
        case mlDSA87(MLDSA87.PrivateKey)
    }

    let backing: Backing
    package let publicKey: SubjectPublicKey

    init(_ backing: Backing) throws(KeyError) {
        self.backing = backing
        publicKey = try Self.publicKey(of: backing)
    }

    /// A fresh key from the cryptographic library's generator. RSA takes up to seconds: never on an event loop.
    package static func generate(_ spec: KeySpec) throws(KeyError) -> PrivateKey {
        switch spec {
        case .ecdsaP256: try PrivateKey(.p256(P256.Signing.PrivateKey()))
        case .ecdsaP384: try PrivateKey(.p384(P384.Signing.PrivateKey()))
        case .ecdsaP521: try PrivateKey(.p521(P521.Signing.PrivateKey()))
        case .ed25519: try PrivateKey(.ed25519(Curve25519.Signing.PrivateKey()))
        case .rsa2048, .rsa3072, .rsa4096: try generateRSA(bits: spec.size)
        case .mlDSA65, .mlDSA87: try generateMLDSA(spec)
        }
    }

    private static func generateMLDSA(_ spec: KeySpec) throws(KeyError) -> PrivateKey {
        do {
            return try PrivateKey(spec == .mlDSA65 ? .mlDSA65(MLDSA65.PrivateKey()) : .mlDSA87(MLDSA87.PrivateKey()))
        } catch let error as KeyError {
            throw error
        } catch {
            throw .operationFailed("\(spec.rawValue) key generation")
        }
    }

    private static func generateRSA(bits: Int) throws(KeyError) -> PrivateKey {
        do {
            return try PrivateKey(.rsa(_RSA.Signing.PrivateKey(keySize: .init(bitCount: bits))))
        } catch let error as KeyError {
            throw error
        } catch {
            throw .operationFailed("RSA key generation")
        }
    }

    /// Signs `message` with `algorithm`; the key's own X.509 algorithm when none is given.
    ///
    /// ECDSA results are DER. RSA-4096 takes milliseconds: call it away from event loops.
    package func sign(_ message: [UInt8], algorithm: SignatureAlgorithm? = nil) throws(KeyError) -> [UInt8] {
        let algorithm = algorithm ?? publicKey.signatureAlgorithm
        do {
            switch (backing, algorithm) {
            case (.p256(let key), .ecdsa(.sha256)):
                return Array(try key.signature(for: SHA256.hash(data: message)).derRepresentation)
            case (.p384(let key), .ecdsa(.sha384)):
                return Array(try key.signature(for: SHA384.hash(data: message)).derRepresentation)
            case (.p521(let key), .ecdsa(.sha512)):
                return Array(try key.signature(for: SHA512.hash(data: message)).derRepresentation)
            case (.ed25519(let key), .ed25519): return Array(try key.signature(for: message))
            case (.mlDSA65(let key), .mlDSA65): return Array(try key.signature(for: message))
            case (.mlDSA87(let key), .mlDSA87): return Array(try key.signature(for: message))
            case (.rsa(let key), .rsaPKCS1(let hash)):
                return try Self.signRSA(key, message, hash, padding: .insecurePKCS1v1_5)
            case (.rsa(let key), .rsaPSS(let hash)): return try Self.signRSA(key, message, hash, padding: .PSS)
            case (.p256, _), (.p384, _), (.p521, _), (.ed25519, _), (.rsa, _), (.mlDSA65, _), (.mlDSA87, _):
                throw KeyError.wrongAlgorithm(key: publicKey.name, algorithm: algorithm.description)
            }
        } catch let error as KeyError {
            throw error
        } catch {
            throw .operationFailed("signing with \(publicKey.name)")
        }
    }

    /// Whether this key belongs to `publicKey`.
    package func matches(_ publicKey: SubjectPublicKey) -> Bool { KeyPairMatch.holds(self, publicKey) }

    package var description: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    private static func signRSA(
        _ key: _RSA.Signing.PrivateKey, _ message: [UInt8], _ hash: SignatureAlgorithm.Hash,
        padding: _RSA.Signing.Padding
    ) throws -> [UInt8] {
        let signature =
            switch hash {
            case .sha256: try key.signature(for: SHA256.hash(data: message), padding: padding)
            case .sha384: try key.signature(for: SHA384.hash(data: message), padding: padding)
            case .sha512: try key.signature(for: SHA512.hash(data: message), padding: padding)
            }
        return Array(signature.rawRepresentation)
    }

    private static func publicKey(of backing: Backing) throws(KeyError) -> SubjectPublicKey {
        switch backing {
        case .p256(let key):
            ellipticCurve(.p256(key.publicKey), .p256, 256, Array(key.publicKey.x963Representation))
        case .p384(let key):
            ellipticCurve(.p384(key.publicKey), .p384, 384, Array(key.publicKey.x963Representation))
        case .p521(let key):
            ellipticCurve(.p521(key.publicKey), .p521, 521, Array(key.publicKey.x963Representation))
        case .ed25519(let key):
            SubjectPublicKey(
                .ed25519(key.publicKey), algorithm: .ed25519, size: 256,
                identifier: DERWriter.sequence(DERWriter.oid(.ed25519)),
                keyBits: Array(key.publicKey.rawRepresentation))
        case .mlDSA65(let key):
            SubjectPublicKey(
                .mlDSA65(key.publicKey), algorithm: .mlDSA65, size: KeySpec.mlDSA65.size,
                identifier: DERWriter.sequence(DERWriter.oid(.mlDSA65)),
                keyBits: Array(key.publicKey.rawRepresentation))
        case .mlDSA87(let key):
            SubjectPublicKey(
                .mlDSA87(key.publicKey), algorithm: .mlDSA87, size: KeySpec.mlDSA87.size,
                identifier: DERWriter.sequence(DERWriter.oid(.mlDSA87)),
                keyBits: Array(key.publicKey.rawRepresentation))
        case .rsa(let key): try SubjectPublicKey(spkiDER: Array(key.publicKey.derRepresentation))
        }
    }

    private static func ellipticCurve(
        _ backing: SubjectPublicKey.Backing, _ curve: OID, _ size: Int, _ point: [UInt8]
    ) -> SubjectPublicKey {
        SubjectPublicKey(
            backing, algorithm: .ecdsa, size: size,
            identifier: DERWriter.sequence(DERWriter.oid(.ecPublicKey), DERWriter.oid(curve)), keyBits: point)
    }
}

/// The one test whether a private key and a public key form a pair.
package enum KeyPairMatch {
    package static func holds(_ privateKey: PrivateKey, _ publicKey: SubjectPublicKey) -> Bool {
        privateKey.publicKey.algorithm == publicKey.algorithm && privateKey.publicKey.keyBits == publicKey.keyBits
            && privateKey.publicKey.size == publicKey.size
    }
}
