package import Domain
package import PKI
import Query
import Store

/// What is in use, of every kind that certctl knows of (specification, security §20.11).
package struct CryptoInventory: Sendable {
    /// Keys of one kind.
    package struct KeyCount: Hashable, Sendable {
        package enum Holder: String, Sendable, CaseIterable {
            /// Of managed certificates: current versions that have not ended.
            case certificate
            case authority
            case ocspResponder = "ocsp_responder"
            /// The CA of the server's own TLS certificate.
            case controlPlane = "control_plane"
        }

        package let holder: Holder
        /// As certificates name it: `ECDSA-P256`, `RSA-3072`.
        package let key: String
        package let count: Int
        package let firstEnd: Timestamp
        package let lastEnd: Timestamp
    }

    /// A certificate whose key signs, or proves who this server is.
    package struct Signer: Hashable, Sendable {
        package let holder: KeyCount.Holder
        package let certificate: X509Certificate
    }

    package let takenAt: Timestamp
    package let keys: [KeyCount]
    package let signers: [Signer]

    /// Counts in the database; the cost is that of one look at every current version.
    ///
    /// - `controlPlane`: The CA of the server's own certificate in PEM, when certctl made it.
    package static func take(_ context: LifecycleContext, controlPlane: String?) async throws -> CryptoInventory {
        let (counts, authorities, nodes, responders) = try await context.read { tx in
            (
                try VersionStore().keyCounts(in: tx), try AuthorityStore().all(in: tx),
                try IntermediateCAStore().all(in: tx).filter {
                    !$0.state.isFinal || ($0.state == .revoked && $0.hasKey)
                },
                try OCSPResponderStore().all(in: tx).filter { $0.supersededAt == nil }
            )
        }
        var signers: [Signer] = []
        var seen: Set<X509Certificate> = []
        func add(_ pem: String, _ holder: KeyCount.Holder) {
            for certificate in (try? X509Certificate.bundle(pem: pem)) ?? []
            where seen.insert(certificate).inserted {
                signers.append(Signer(holder: holder, certificate: certificate))
            }
        }
        for authority in authorities { add(authority.chainPEM, .authority) }
        for node in nodes { add(node.certPEM ?? "", .authority) }
        for responder in responders { add(responder.certificatePEM, .ocspResponder) }
        if let controlPlane { add(controlPlane, .controlPlane) }
        var keys = counts.map { count in
            KeyCount(
                holder: .certificate, key: SubjectPublicKey.name(of: count.algorithm, size: count.size),
                count: count.count, firstEnd: count.firstEnd, lastEnd: count.lastEnd)
        }
        let groups = Dictionary(grouping: signers) { [$0.holder.rawValue, $0.certificate.subjectPublicKey.name] }
        for group in groups.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }).map(\.value) {
            let ends = group.map(\.certificate.notAfter).sorted()
            guard let signer = group.first, let first = ends.first, let last = ends.last else { continue }
            keys.append(
                KeyCount(
                    holder: signer.holder, key: signer.certificate.subjectPublicKey.name, count: group.count,
                    firstEnd: first, lastEnd: last))
        }
        return CryptoInventory(takenAt: context.time.now, keys: keys, signers: signers)
    }

    /// The algorithm of the register that a key belongs to: RSA of every size is one.
    package static func algorithm(ofKey name: String) -> CryptoAlgorithm? {
        CryptoRegister.algorithm(named: name.hasPrefix("RSA-") ? "RSA" : name)
    }
}
