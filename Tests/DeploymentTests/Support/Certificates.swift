import ConnectorKit
import Domain
import PKI
import TestSupport

/// Certificates of one authority, made once for all suites.
enum Certificates {
    private static let authority = Task { try await OpenSSLAuthority() }
    private static let old = Task { try await authority.value.issue("DNS:web.test,IP:127.0.0.1") }
    private static let new = Task { try await authority.value.issue("DNS:web.test,IP:127.0.0.1") }
    private static let other = Task { try await authority.value.issue("DNS:other.test") }

    static func oldIssued() async throws -> OpenSSLAuthority.Issued { try await old.value }
    static func newIssued() async throws -> OpenSSLAuthority.Issued { try await new.value }
    static func otherIssued() async throws -> OpenSSLAuthority.Issued { try await other.value }
    static func root() async throws -> String { try await authority.value.root }
}

extension OpenSSLAuthority.Issued {
    func material() throws -> DeploymentMaterial {
        try DeploymentMaterial(certificatePEM: fullChain, key: Secret(key))
    }

    var fingerprint: String { get throws { try X509Certificate(pem: certificate).fingerprintSHA256 } }
    /// DER, leaf first.
    var servedChain: [[UInt8]] { get throws { try X509Certificate.bundle(pem: fullChain).map(\.der) } }
}
