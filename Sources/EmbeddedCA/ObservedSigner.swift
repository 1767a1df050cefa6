package import PKI

/// One signature that a key was asked for (issuers §5.3).
package struct SignerOperation: Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        case ok, permission, transient, unsupported
        case keyNotFound = "key_not_found"
        case wrongSignature = "wrong_signature"
        /// The key has signed as often as it may for now, and was not asked.
        case rateLimited = "rate_limited"
        /// A rule of the signer forbids what was to be signed.
        case rule

        init(_ error: SignerError) {
            self =
                switch error {
                case .keyNotFound: .keyNotFound
                case .permission: .permission
                case .rule: .rule
                case .transient: .transient
                case .unsupported: .unsupported
                case .wrongSignature: .wrongSignature
                }
        }
    }

    /// The driver that holds the key: `database`, `file`, `pkcs11`, `exec`.
    package let driver: String
    /// The kind of key: `ECDSA-P256` …
    package let algorithm: String
    package let purpose: SigningPurpose
    package let outcome: Outcome
    /// Of the octets that were signed, lower-case hexadecimal.
    package let messageSHA256: String
}

/// Tells of every signature, keeps the key below its ceiling, and proves what something outside of this process made; over
/// long messages on the threads of an executor.
package struct ObservedSigner: Signer {
    private let signer: any Signer
    private let driver: String
    private let ceilings: SignatureCeilings?
    private let executor: SigningExecutor
    private let observe: @Sendable (SignerOperation) -> Void

    /// - `ceilings`: `nil` for a key that signs as often as it is asked.
    package init(
        _ signer: any Signer, driver: String, ceilings: SignatureCeilings? = nil,
        executor: SigningExecutor = .computing,
        observe: @escaping @Sendable (SignerOperation) -> Void
    ) {
        self.signer = signer
        self.driver = driver
        self.ceilings = ceilings
        self.executor = executor
        self.observe = observe
    }

    package var publicKey: SubjectPublicKey { signer.publicKey }
    package var purposes: SigningPurposes { signer.purposes }
    // What comes out of here is proven already: a wrong signature is an outcome that is told of.
    package var isExternal: Bool { false }

    package func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
        if let ceilings, !ceilings.admit(publicKey, for: order.purpose) {
            await tell(order, .rateLimited)
            throw ceilings.refusal
        }
        do throws(SignerError) {
            let signature = try await signer.signature(for: order)
            if signer.isExternal {
                guard try await isValid(signature, for: order) else {
                    throw .wrongSignature("what the signer answered does not verify with its public key")
                }
            }
            await tell(order, .ok)
            return signature
        } catch {
            await tell(order, SignerOperation.Outcome(error))
            throw error
        }
    }

    private func isValid(_ signature: [UInt8], for order: SigningOrder) async throws(SignerError) -> Bool {
        let key = publicKey
        let look = { @Sendable () -> Bool in
            key.isValid(signature: signature, over: order.message, algorithm: order.algorithm)
        }
        guard order.isLong else { return look() }
        return try await executor.run { () throws(SignerError) in look() }
    }

    private func tell(_ order: SigningOrder, _ outcome: SignerOperation.Outcome) async {
        var digest: String?
        if order.isLong { digest = try? await executor.run { () throws(SignerError) in order.messageSHA256 } }
        observe(
            SignerOperation(
                driver: driver, algorithm: publicKey.name, purpose: order.purpose, outcome: outcome,
                // What nobody has a thread for is told of all the same.
                messageSHA256: digest ?? order.messageSHA256))
    }
}
