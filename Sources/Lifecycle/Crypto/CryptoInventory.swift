package import Domain
import Encoding
package import PKI
import Query
import Store

/// What is in use, of every kind that certctl knows of (specification, security §20.11).
package struct CryptoInventory: Sendable {
    /// Whose a key is.
    package enum Holder: String, Sendable, CaseIterable {
        /// Of managed certificates: current versions that have not ended.
        case certificate
        /// Of versions that have not ended though others took their place.
        case supersededCertificate = "superseded_certificate"
        case authority
        case ocspResponder = "ocsp_responder"
        /// The CA of the server's own TLS certificate.
        case controlPlane = "control_plane"
        /// Of valid accounts of the ACME server.
        case acmeAccount = "acme_account"
        /// What checkpoints of the audit log are signed with.
        case auditLog = "audit_log"
    }

    /// Different keys of one kind.
    package struct KeyCount: Hashable, Sendable {
        package let holder: Holder
        /// As certificates name it: `ECDSA-P256`, `RSA-3072`.
        package let key: String
        package let count: Int
        /// When the first and the last of their certificates end; `nil` for keys that have none.
        package let firstEnd: Timestamp?
        package let lastEnd: Timestamp?
    }

    /// Managed certificates that have not ended, by how they are signed.
    package struct SignatureCount: Hashable, Sendable {
        package let signature: String
        package let count: Int
    }

    /// A certificate whose key signs, or proves who this server is.
    package struct Signer: Hashable, Sendable {
        package let holder: Holder
        package let certificate: X509Certificate
    }

    package let takenAt: Timestamp
    package let keys: [KeyCount]
    package let signatures: [SignatureCount]
    package let signers: [Signer]

    /// Counts in the database; the cost is that of one look at every version and every account.
    ///
    /// - `controlPlane`: The CA of the server's own certificate in PEM, when certctl made it.
    package static func take(_ context: LifecycleContext, controlPlane: String?) async throws -> CryptoInventory {
        try await context.read { tx in
            let signers = try signers(controlPlane: controlPlane, in: tx)
            let keys = try keysOfVersions(in: tx) + counted(signers) + keysAlone(in: tx)
            return CryptoInventory(
                takenAt: context.time.now, keys: keys,
                signatures: try VersionStore().signatureCounts(in: tx).map {
                    SignatureCount(signature: $0.signature, count: $0.count)
                },
                signers: signers)
        }
    }

    private static func keysOfVersions(in tx: any Transaction) throws -> [KeyCount] {
        try [Holder.certificate, .supersededCertificate].flatMap { holder in
            try VersionStore().keyCounts(superseded: holder == .supersededCertificate, in: tx).map { count in
                KeyCount(
                    holder: holder, key: SubjectPublicKey.name(of: count.algorithm, size: count.size),
                    count: count.count, firstEnd: count.firstEnd, lastEnd: count.lastEnd)
            }
        }
    }

    private static func signers(controlPlane: String?, in tx: any Transaction) throws -> [Signer] {
        var signers: [Signer] = []
        var seen: Set<X509Certificate> = []
        func add(_ pem: String, _ holder: Holder) {
            for certificate in (try? X509Certificate.bundle(pem: pem)) ?? []
            where seen.insert(certificate).inserted {
                signers.append(Signer(holder: holder, certificate: certificate))
            }
        }
        for authority in try AuthorityStore().all(in: tx) { add(authority.chainPEM, .authority) }
        for node in try IntermediateCAStore().all(in: tx)
        where !node.state.isFinal || (node.state == .revoked && node.hasKey) { add(node.certPEM ?? "", .authority) }
        for further in try CACertificateStore().current(in: tx) { add(further.certPEM, .authority) }
        for responder in try OCSPResponderStore().all(in: tx) where responder.supersededAt == nil {
            add(responder.certificatePEM, .ocspResponder)
        }
        if let controlPlane { add(controlPlane, .controlPlane) }
        return signers
    }

    /// A key that several certificates are about is one.
    private static func counted(_ signers: [Signer]) -> [KeyCount] {
        let groups = Dictionary(grouping: signers) { [$0.holder.rawValue, $0.certificate.subjectPublicKey.name] }
        return groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value).compactMap { group in
            guard let first = group.first else { return nil }
            let ends = group.map(\.certificate.notAfter)
            return KeyCount(
                holder: first.holder, key: first.certificate.subjectPublicKey.name,
                count: Set(group.map(\.certificate.subjectPublicKey.spkiSHA256)).count, firstEnd: ends.min(),
                lastEnd: ends.max())
        }
    }

    /// Keys that no certificate is about.
    private static func keysAlone(in tx: any Transaction) throws -> [KeyCount] {
        let accounts = try ACMEAccountStore().keys(in: tx).compactMap(Self.name(ofJWK:))
        let counts = Dictionary(accounts.map { ($0, 1) }, uniquingKeysWith: +).sorted { $0.key < $1.key }
        var keys = counts.map { name, count in
            KeyCount(holder: .acmeAccount, key: name, count: count, firstEnd: nil, lastEnd: nil)
        }
        // Only the newest signs; the others prove what was signed before.
        if try !CheckpointStore().keys(in: tx).isEmpty {
            keys.append(KeyCount(holder: .auditLog, key: "Ed25519", count: 1, firstEnd: nil, lastEnd: nil))
        }
        return keys
    }

    /// What a certificate would call the key (RFC 7518 §6, RFC 8037 §2).
    private static func name(ofJWK jwk: JSONValue) -> String? {
        switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue) {
        case ("EC", let curve?): "ECDSA-\(curve.replacing("-", with: ""))"
        case ("OKP", let curve?): curve
        case ("RSA", _): jwk["n"]?.stringValue.flatMap(Base64URL.decode).map { "RSA-\(bits(of: $0))" }
        default: nil
        }
    }

    private static func bits(of modulus: [UInt8]) -> Int {
        let significant = modulus.drop { $0 == 0 }
        return significant.count * 8 - (significant.first?.leadingZeroBitCount ?? 0)
    }

    /// The algorithm of the register that a key belongs to: RSA of every size is one.
    package static func algorithm(ofKey name: String) -> CryptoAlgorithm? {
        CryptoRegister.algorithm(named: name.hasPrefix("RSA-") ? "RSA" : name)
    }
}
