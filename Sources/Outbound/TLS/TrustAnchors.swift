import Domain
import Encoding
import NIOSSL
package import PKI

/// Whose certificates are believed.
package enum TrustAnchors: Sendable {
    /// The roots of the operating system.
    case system
    /// Exactly these, in place of the system's roots. The name of the server is verified as well.
    case certificates([X509Certificate])
    /// Nobody is asked for proof. For development only; callers warn.
    case unverified

    /// The certificates of a PEM bundle.
    /// - Throws: ``TrustAnchorError`` when there is none, or one cannot be read.
    package init(pemBundle text: String) throws(TrustAnchorError) {
        let blocks: [PEMBlock]
        do { blocks = try PEMBlock.parse(text) } catch { throw .malformed("\(error)") }
        var certificates: [X509Certificate] = []
        for block in blocks where block.label == "CERTIFICATE" {
            do { certificates.append(try X509Certificate(der: block.octets)) } catch { throw .malformed("\(error)") }
        }
        guard !certificates.isEmpty else { throw .noCertificate }
        self = .certificates(certificates)
    }

    func configuration(for purpose: EgressPurpose) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = purpose.requiresTLS13 ? .tlsv13 : .tlsv12
        switch self {
        case .system: configuration.trustRoots = .default
        case .certificates(let anchors):
            configuration.trustRoots = .certificates(
                try anchors.map { try NIOSSLCertificate(bytes: $0.der, format: .der) })
        case .unverified: configuration.certificateVerification = .none
        }
        return configuration
    }
}

/// A bundle of trust anchors that cannot be used.
package enum TrustAnchorError: Error, Hashable, Sendable, CustomStringConvertible {
    case noCertificate
    case malformed(String)

    package var description: String {
        switch self {
        case .noCertificate: "the bundle holds no certificate (a block BEGIN CERTIFICATE is missing)"
        case .malformed(let why): "the bundle holds a certificate that cannot be read: \(why)"
        }
    }
}
