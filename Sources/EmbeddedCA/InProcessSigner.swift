import Domain
package import PKI

/// Signs with a key in process memory.
///
/// Keys on elliptic curves sign at once, on the caller's thread: tens of microseconds. RSA and ML-DSA take up to
/// milliseconds and go to the threads of an executor.
package struct InProcessSigner: Signer {
    private let key: PrivateKey
    private let executor: SigningExecutor
    package let purposes: SigningPurposes

    package init(key: PrivateKey, purposes: SigningPurposes = .authority, executor: SigningExecutor = .computing) {
        self.key = key
        self.purposes = purposes
        self.executor = executor
    }

    package var publicKey: SubjectPublicKey { key.publicKey }

    package func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
        switch key.publicKey.algorithm {
        case .ecdsa, .ed25519: return try Self.sign(order, with: key)
        case .rsa, .mlDSA65, .mlDSA87: break
        }
        let key = key
        return try await executor.run { () throws(SignerError) in try Self.sign(order, with: key) }
    }

    private static func sign(_ order: SigningOrder, with key: PrivateKey) throws(SignerError) -> [UInt8] {
        do throws(KeyError) {
            return try key.sign(order.message, algorithm: order.algorithm)
        } catch {
            throw .unsupported(error.description)
        }
    }
}
