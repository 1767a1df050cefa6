package import Domain

/// The kinds of key pair that certctl generates, by the names of the API (issuers §5.1).
package enum KeySpec: String, Sendable, CaseIterable {
    case ecdsaP256 = "ECDSA-P256"
    case ecdsaP384 = "ECDSA-P384"
    case ecdsaP521 = "ECDSA-P521"
    case rsa2048 = "RSA-2048"
    case rsa3072 = "RSA-3072"
    case rsa4096 = "RSA-4096"
    case ed25519 = "Ed25519"
    case mlDSA65 = "ML-DSA-65"
    case mlDSA87 = "ML-DSA-87"

    package var algorithm: KeyAlgorithm {
        switch self {
        case .ecdsaP256, .ecdsaP384, .ecdsaP521: .ecdsa
        case .rsa2048, .rsa3072, .rsa4096: .rsa
        case .ed25519: .ed25519
        case .mlDSA65: .mlDSA65
        case .mlDSA87: .mlDSA87
        }
    }

    /// Size in bits as profiles count it; Ed25519 counts as 256, ML-DSA by the length of its public key.
    package var size: Int {
        switch self {
        case .ecdsaP256, .ed25519: 256
        case .ecdsaP384: 384
        case .ecdsaP521: 521
        case .rsa2048: 2048
        case .rsa3072: 3072
        case .rsa4096: 4096
        case .mlDSA65: 15_616
        case .mlDSA87: 20_736
        }
    }
}

/// Why a key cannot be used. Never quotes key material.
package enum KeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    /// An algorithm, curve or size that certctl does not accept, by name.
    case unsupported(String)
    case weak(String)
    case encrypted
    case wrongAlgorithm(key: String, algorithm: String)
    case operationFailed(String)

    package var description: String {
        switch self {
        case .malformed(let reason): "key is malformed: \(reason)"
        case .unsupported(let name):
            "key type \(name) is not accepted; use RSA, ECDSA P-256/P-384/P-521, Ed25519, "
                + "ML-DSA-65 or ML-DSA-87"
        case .weak(let reason): "key is too weak: \(reason)"
        case .encrypted: "key is encrypted; supply it without a passphrase"
        case .wrongAlgorithm(let key, let algorithm): "a \(key) key cannot sign with \(algorithm)"
        case .operationFailed(let reason): "key operation failed: \(reason)"
        }
    }
}
