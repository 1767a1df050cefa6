package import Domain
import NIOCore
import NIOSSL
import Synchronization

/// A certificate chain, leaf first, with its private key, both PEM.
package struct TLSMaterial: Sendable {
    package let chainPEM: String
    package let keyPEM: Secret

    package init(chainPEM: String, keyPEM: Secret) {
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
    }
}

/// Why certificate and key cannot be served.
package struct TLSMaterialError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// The TLS material in use. A replacement is atomic: handshakes after it use the new one, running connections keep
/// the old.
package final class TLSMaterialSource: Sendable {
    private let current: Mutex<NIOSSLContext>

    package init(_ material: TLSMaterial) throws(TLSMaterialError) {
        current = Mutex(try Self.makeContext(material))
    }

    /// Keeps the old material when the new one is not a matching pair.
    package func replace(with material: TLSMaterial) throws(TLSMaterialError) {
        let context = try Self.makeContext(material)
        current.withLock { $0 = context }
    }

    var context: NIOSSLContext { current.withLock { $0 } }

    private static func makeContext(_ material: TLSMaterial) throws(TLSMaterialError) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(material.chainPEM.utf8))
            guard !chain.isEmpty else {
                throw TLSMaterialError(description: "the certificate file holds no certificate")
            }
            let key = try material.keyPEM.withBytes { try NIOSSLPrivateKey(bytes: $0, format: .pem) }
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key)
            )
            configuration.minimumTLSVersion = .tlsv13
            // What is closed has been written, or is given up: this is the wait for the peer's farewell alone.
            configuration.shutdownTimeout = .seconds(1)
            configuration.applicationProtocols = ["h2", "http/1.1"]
            // Nothing that is served authenticates by certificate, so none is asked for.
            configuration.certificateVerification = .none
            return try NIOSSLContext(configuration: configuration)
        } catch let error as TLSMaterialError {
            throw error
        } catch {
            throw TLSMaterialError(
                description:
                    "certificate and key cannot be used together: \(error). Supply a PEM chain, leaf first, and its key"
            )
        }
    }
}
