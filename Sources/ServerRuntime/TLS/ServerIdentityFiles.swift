import Domain
import HostEffects
import PKI

/// The generated identity in the data directory: `tls/{ca,server}.{crt,key}`.
struct ServerIdentityFiles: Sendable {
    let directory: DataDirectory
    let fileSystem: FileSystem
    let time: TimeSource

    /// The stored identity; `nil` when there is none, or when a crash left files that do not belong together.
    func load() throws -> ServerIdentity? {
        guard let authorityPEM = try text(directory.authorityCertificate),
            let authorityKeyPEM = try secret(directory.authorityKey),
            let leafPEM = try text(directory.serverCertificate),
            let leafKeyPEM = try secret(directory.serverKey)
        else { return nil }
        let identity = ServerIdentity(
            authority: try X509Certificate(pem: authorityPEM),
            authorityKey: try PrivateKey(pem: authorityKeyPEM),
            leaf: try X509Certificate.bundle(pem: leafPEM).first ?? X509Certificate(pem: leafPEM),
            leafKey: try PrivateKey(pem: leafKeyPEM)
        )
        let isConsistent =
            identity.authorityKey.matches(identity.authority.subjectPublicKey)
            && identity.leafKey.matches(identity.leaf.subjectPublicKey)
            && identity.leaf.verifySignature(with: identity.authority.subjectPublicKey)
        return isConsistent ? identity : nil
    }

    /// The CA alone, when its pair is intact although the leaf is not: clients may have pinned it.
    func loadAuthority() throws -> (certificate: X509Certificate, key: PrivateKey)? {
        guard let pem = try text(directory.authorityCertificate), let keyPEM = try secret(directory.authorityKey),
            let certificate = try? X509Certificate(pem: pem), let key = try? PrivateKey(pem: keyPEM),
            key.matches(certificate.subjectPublicKey)
        else { return nil }
        return (certificate, key)
    }

    /// Keys first: a certificate without its key would be useless, the reverse is repaired at the next start.
    func store(_ identity: ServerIdentity) throws {
        try replace(directory.authorityKey, identity.authorityKey.pkcs8PEM)
        try replace(directory.serverKey, identity.leafKey.pkcs8PEM)
        try replace(directory.authorityCertificate, Secret(identity.authority.pem), mode: 0o644)
        try replace(directory.serverCertificate, Secret(identity.chainPEM), mode: 0o644)
    }

    private func replace(_ path: String, _ content: Secret, mode: UInt32 = 0o600) throws {
        let stamp = time.now.microsecondsSinceEpoch
        try content.withBytes { octets in
            try AtomicFile.replace(path, with: octets, mode: mode, stamp: stamp, fileSystem: fileSystem)
        }
    }

    private func text(_ path: String) throws -> String? {
        try fileSystem.read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A key that others could read is refused (specification, operations §3.6).
    private func secret(_ path: String) throws -> Secret? {
        try PrivateFileRule.read(path, fileSystem: fileSystem).map { Secret($0) }
    }
}
