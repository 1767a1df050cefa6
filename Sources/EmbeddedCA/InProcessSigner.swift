package import PKI

/// Signs with a key in process memory.
///
/// Runs on Swift's concurrent executor, never on an event loop: elliptic-curve keys take tens of microseconds,
/// RSA-4096 several milliseconds, during which one thread of that pool is busy.
package struct InProcessSigner: Signer {
    private let key: PrivateKey

    package init(key: PrivateKey) { self.key = key }

    package var publicKey: SubjectPublicKey { key.publicKey }

    package func sign(_ permit: consuming SigningPermit) async throws(SignerError) -> [UInt8] {
        do throws(KeyError) {
            return try key.sign(permit.tbs.der, algorithm: permit.tbs.signatureAlgorithm)
        } catch {
            throw .unsupported(error.description)
        }
    }
}
