package import Domain
import Encoding
package import PKI

/// What gets deployed: one version of a certificate with its chain and, unless the target keeps it, its key.
package struct DeploymentMaterial: Sendable {
    package let leaf: X509Certificate
    /// Intermediates from the issuer of the leaf upward, each once, without a self-signed root.
    package let chain: [X509Certificate]
    /// PEM.
    package let key: Secret?
    /// The CAs of the issuer's tree, for targets that have a file of them; empty when the issuer is no tree.
    package var trust: [X509Certificate] = []

    /// The chain may come in any order and with strangers in it; only what links to the leaf is kept.
    package init(leaf: X509Certificate, chain: [X509Certificate], key: Secret?) {
        self.leaf = leaf
        self.chain = Self.ordered(leaf, chain)
        self.key = key
    }

    /// Reads PEM text: the leaf, followed by its chain.
    ///
    /// - Throws: ``DeploymentMaterialError``.
    package init(certificatePEM: String, key: Secret?) throws(DeploymentMaterialError) {
        var certificates: [X509Certificate] = []
        do {
            for block in try PEMBlock.parse(certificatePEM) where block.label == "CERTIFICATE" {
                certificates.append(try X509Certificate(der: block.octets))
            }
        } catch { throw .malformed("\(error)") }
        guard let leaf = certificates.first else { throw .noCertificate }
        self.init(leaf: leaf, chain: Array(certificates.dropFirst()), key: key)
    }

    /// SHA-256 of the leaf in lower-case hexadecimal.
    package var fingerprint: String { leaf.fingerprintSHA256 }

    package var leafPEM: String { Self.pem(leaf) }
    package var chainPEM: String { chain.map(Self.pem).joined() }
    package var trustPEM: String { trust.map(Self.pem).joined() }

    /// The same with the CAs of a bundle in PEM.
    ///
    /// - Throws: ``DeploymentMaterialError``.
    package func trusting(_ bundle: String) throws(DeploymentMaterialError) -> Self {
        var material = self
        do {
            material.trust = try PEMBlock.parse(bundle).filter { $0.label == "CERTIFICATE" }
                .map { try X509Certificate(der: $0.octets) }
        } catch { throw .malformed("in the CAs of the issuer: \(error)") }
        return material
    }

    private static func pem(_ certificate: X509Certificate) -> String {
        PEMBlock(label: "CERTIFICATE", octets: certificate.der).text
    }

    private static func ordered(_ leaf: X509Certificate, _ candidates: [X509Certificate]) -> [X509Certificate] {
        var ordered: [X509Certificate] = []
        var child = leaf
        while let parent = candidates.first(where: { $0.der != child.der && child.verifySignature(issuedBy: $0) }),
            parent.subject != parent.issuer, !ordered.contains(where: { $0.der == parent.der })
        {
            ordered.append(parent)
            child = parent
        }
        return ordered
    }
}

/// A certificate text that cannot be deployed.
package enum DeploymentMaterialError: Error, Hashable, Sendable, CustomStringConvertible {
    case noCertificate
    case malformed(String)

    package var description: String {
        switch self {
        case .noCertificate: "the text holds no certificate"
        case .malformed(let why): "the certificate or its chain cannot be read: \(why)"
        }
    }
}
