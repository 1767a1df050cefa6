import Domain
import Encoding
import PKI

/// The built-in checks on the octets that are about to become current (specification, targets §2.3):
/// they parse, the key belongs to the leaf, the chain links, the leaf is valid now.
enum MaterialCheck {
    /// With `nil` for `now` a certificate that is not valid now is accepted: the operator forced it.
    static func run(_ files: [FileRole: [UInt8]], now: Timestamp?) throws(DeploymentFailure) {
        guard let certificateFile = files[.certificate] else { return }
        let chain = try certificates(in: certificateFile, "certificate file")
        guard let leaf = chain.first else { throw invalid("the certificate file holds no certificate") }
        if let now { try checkDates(of: leaf, now: now) }
        try checkLinks(chain, "certificate file")
        if let chainFile = files[.chain] {
            let separate = try certificates(in: chainFile, "chain file")
            try checkLinks([leaf] + separate, "chain file")
        }
        if let trustFile = files[.trust] {
            let trusted = try certificates(in: trustFile, "file of trusted CAs")
            if let stranger = trusted.first(where: { !$0.isCA }) {
                throw invalid("in the file of trusted CAs, \(stranger.subject) is no CA")
            }
        }
        if let keyFile = files[.key] { try checkKey(keyFile, belongsTo: leaf) }
    }

    private static func certificates(
        in octets: [UInt8],
        _ place: String
    ) throws(DeploymentFailure) -> [X509Certificate] {
        do {
            return try PEMBlock.parse(String(decoding: octets, as: UTF8.self))
                .filter { $0.label == "CERTIFICATE" }
                .map { try X509Certificate(der: $0.octets) }
        } catch { throw invalid("the \(place) does not parse: \(error)") }
    }

    private static func checkDates(of leaf: X509Certificate, now: Timestamp) throws(DeploymentFailure) {
        if leaf.notAfter < now { throw invalid("the certificate expired at \(leaf.notAfter.rfc3339)") }
        if leaf.notBefore > now {
            throw invalid("the certificate is valid from \(leaf.notBefore.rfc3339) only; is the clock right?")
        }
    }

    private static func checkLinks(_ chain: [X509Certificate], _ place: String) throws(DeploymentFailure) {
        for (child, parent) in zip(chain, chain.dropFirst()) where !child.verifySignature(issuedBy: parent) {
            throw invalid("in the \(place), \(parent.subject) did not sign \(child.subject): wrong chain or order")
        }
    }

    private static func checkKey(_ octets: [UInt8], belongsTo leaf: X509Certificate) throws(DeploymentFailure) {
        let key: PrivateKey
        do { key = try PrivateKey(pem: Secret(octets)) } catch {
            throw DeploymentFailure(.keyMismatch, at: .check, "the private key does not parse: \(error)")
        }
        guard key.matches(leaf.subjectPublicKey) else {
            throw DeploymentFailure(
                .keyMismatch,
                at: .check,
                "the private key does not belong to the certificate; nothing was written"
            )
        }
    }

    private static func invalid(_ message: String) -> DeploymentFailure {
        DeploymentFailure(.certificateInvalid, at: .check, message)
    }
}
