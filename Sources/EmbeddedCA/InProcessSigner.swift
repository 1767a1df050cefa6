import Domain
package import PKI

/// Signs with a key in process memory.
///
/// A key on P-256 signs what is short at once, on the caller's thread: tens of microseconds. Everything else goes to the
/// threads of an executor: other keys, which take up to milliseconds, and long messages, whose digest takes that.
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
        if isQuick(order) { return try Self.sign(order, with: key) }
        let key = key
        return try await executor.run { () throws(SignerError) in try Self.sign(order, with: key) }
    }

    private func isQuick(_ order: SigningOrder) -> Bool {
        key.publicKey.algorithm == .ecdsa && key.publicKey.size == 256 && !order.isLong
    }

    private static func sign(_ order: SigningOrder, with key: PrivateKey) throws(SignerError) -> [UInt8] {
        do throws(KeyError) {
            return try key.sign(order.message, algorithm: order.algorithm)
        } catch {
            throw .unsupported(error.description)
        }
    }
}

extension SigningOrder {
    /// Whether a digest of the message may take as long as a signature; of certificates and answers it does not.
    var isLong: Bool { purpose == .crl || message.count > 64 * 1024 }
}
