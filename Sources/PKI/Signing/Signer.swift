/// Leave to sign one structure. A permit of each kind (``SigningPermit``, ``CRLSigningPermit``, …) is made only by the
/// check of that kind, and spent by signing.
package protocol SigningAuthorisation: ~Copyable, Sendable {
    /// What the key is given. Only this module can make one.
    consuming func order() -> SigningOrder
}

/// Octets on their way to a key, with what they are. Made from a permit and from nothing else.
package struct SigningOrder: Sendable {
    package let purpose: SigningPurpose
    package let message: [UInt8]
    package let algorithm: SignatureAlgorithm

    init(purpose: SigningPurpose, message: [UInt8], algorithm: SignatureAlgorithm) {
        self.purpose = purpose
        self.message = message
        self.algorithm = algorithm
    }
}

/// A key that signs.
///
/// Implementations decide where they compute and never block the caller's thread for longer than a signature with an
/// elliptic curve takes; callers must be able to suspend. Cancelling abandons the wait, and the signature is discarded.
package protocol Signer: Sendable {
    var publicKey: SubjectPublicKey { get }
    /// What the key may be used for.
    var purposes: SigningPurposes { get }
    /// Whether something outside this process signs, whose answers are proven before use.
    var isExternal: Bool { get }

    /// The raw signature. Callers use ``sign(_:)``, which refuses what the key is not for.
    func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8]
}

extension Signer {
    package var isExternal: Bool { false }

    /// The signature over the octets of the permit, for the algorithm named in them.
    ///
    /// ECDSA results are DER. After a failure the call is repeated only with a new permit.
    package func sign<Permit: SigningAuthorisation & ~Copyable>(
        _ permit: consuming Permit
    ) async throws(SignerError) -> [UInt8] {
        try await fulfil(permit.order())
    }

    /// Shows that the key answers and belongs to ``publicKey``: a signature over random octets, verified.
    package func prove() async throws(SignerError) {
        var generator = SystemRandomNumberGenerator()
        let nonce = (0..<SigningOrder.testNonceLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let order = SigningOrder(
            purpose: .test, message: SigningOrder.testPrefix + nonce,
            algorithm: publicKey.signatureAlgorithm)
        let signature = try await fulfil(order)
        guard publicKey.isValid(signature: signature, over: order.message, algorithm: order.algorithm) else {
            throw .wrongSignature("the key does not belong to the public key \(publicKey.spkiSHA256)")
        }
    }

    private func fulfil(_ order: SigningOrder) async throws(SignerError) -> [UInt8] {
        guard purposes.allows(order.purpose) else {
            throw .permission("this key is not for signatures of kind \(order.purpose.rawValue)")
        }
        let signature = try await signature(for: order)
        if isExternal {
            guard publicKey.isValid(signature: signature, over: order.message, algorithm: order.algorithm) else {
                throw .wrongSignature("what the signer answered does not verify with its public key")
            }
        }
        return signature
    }
}

/// Why a signature was not made (issuers §5.1).
package enum SignerError: Error, Hashable, Sendable, CustomStringConvertible {
    case keyNotFound(String)
    case permission(String)
    /// Worth a retry later.
    case transient(String)
    case unsupported(String)
    /// A rule that whoever holds the key set for it does not allow what was to be signed.
    case rule(SigningRule, String)
    /// The signer answered with something that is not a signature by its key. It was thrown away.
    case wrongSignature(String)

    package var description: String {
        switch self {
        case .keyNotFound(let reason): "signing key not found: \(reason)"
        case .permission(let reason): "signing key may not be used: \(reason)"
        case .transient(let reason): "signing failed for now: \(reason)"
        case .rule(let rule, let reason): "the signer refused by its rule \(rule.rawValue): \(reason)"
        case .unsupported(let reason): "signing is not possible: \(reason)"
        case .wrongSignature(let reason): "wrong signature: \(reason)"
        }
    }
}
