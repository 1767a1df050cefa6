package import Domain
import EmbeddedCA
package import PKI

/// A file of certificates that a password seals: thousands of rounds of a digest, which run on a thread of their own.
package enum TrustStoreFile {
    /// A PFX (RFC 7292) in which every certificate of `chain` is trusted.
    ///
    /// - Throws: ``KeyStoreError`` for a password that the form has no place for; ``ServiceError`` when too many wait
    ///   for a thread.
    package static func pkcs12(
        of chain: [X509Certificate], password: Secret, scheme: PasswordBasedEncryption.Scheme, _ random: RandomSource
    ) async throws -> [UInt8] {
        try await onThread {
            try PKCS12.encode(KeyStoreContent.trustStore(of: chain), password: password, scheme: scheme, random)
        }
    }

    /// The same as Java kept it until version 8.
    package static func jks(
        of chain: [X509Certificate], password: Secret, at now: Timestamp, _ random: RandomSource
    ) async throws -> [UInt8] {
        try await onThread {
            JavaKeyStore.encode(KeyStoreContent.trustStore(of: chain), password: password, at: now, random)
        }
    }

    private static func onThread(_ body: @escaping @Sendable () throws -> [UInt8]) async throws -> [UInt8] {
        do {
            return try await SigningExecutor.computing.compute(body)
        } catch let error as SignerError {
            throw ServiceError(.transient, "the file was not made: \(error)")
        }
    }
}
