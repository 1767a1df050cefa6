package import Domain
import Encoding
package import PKI
import Query
import Store

/// A version about to leave as a file.
package struct ExportedVersion: Sendable {
    package let version: VersionID
    /// Leaf first, then what issued it.
    package let chain: [X509Certificate]
    /// What the file is called after.
    package let name: String
}

/// Hands out certificates as files, and records who took which (specification, rest-api §7.4).
package struct CertificateExportFlow: Sendable {
    private let context: LifecycleContext

    package init(_ context: LifecycleContext) { self.context = context }

    /// The current version of a certificate, or `version` of it.
    ///
    /// Throws 404 for what is not there or out of reach, 409 when nothing was issued yet, 422 when what is stored is not
    /// a chain, 400 for an alternate that it has not.
    ///
    /// - `format`: As the audit trail names it.
    /// - `alternate`: The number of another chain that was stored with the version, from 1; 0 for its own.
    /// - `withRoot`: Ends the chain with the root of the issuer, which servers do not send.
    package func export(
        _ id: CertificateID, version: VersionID?, format: String, alternate: Int = 0, withRoot: Bool,
        by author: Authorship
    ) async throws -> ExportedVersion {
        try await context.write { tx in
            let certificate = try CertificateStore().get(id, within: author.clearance, in: tx)
            guard let wanted = version ?? certificate.currentVersionID else {
                throw ServiceError(.invalidState, "nothing was issued for \(id.text) yet")
            }
            guard let detail = try VersionStore().find(wanted, in: tx), detail.version.certificateID == id else {
                throw StoreError.notFound(.version, id: wanted.text)
            }
            var chain: [X509Certificate]
            do {
                chain = try X509Certificate.bundle(pem: detail.pemChain)
                if alternate > 0 {
                    let others = detail.alternateChains
                    guard others.indices.contains(alternate - 1) else { throw Self.noChain(alternate, others.count) }
                    chain = chain.prefix(1) + (try X509Certificate.bundle(pem: others[alternate - 1]))
                }
            } catch let error as ServiceError {
                throw error
            } catch {
                throw ServiceError(.unprocessable, "the stored chain of \(wanted.text) can't be read: \(error)")
            }
            if withRoot, let leaf = chain.first {
                let authorities = try AuthorityStore().all(in: tx).flatMap { authority in
                    (try? X509Certificate.bundle(pem: authority.chainPEM)) ?? []
                }
                let nodes = try IntermediateCAStore().all(in: tx).compactMap { node in
                    node.certPEM.flatMap { try? X509Certificate(pem: $0) }
                }
                let elsewhere = try CACertificateStore().above(in: tx).flatMap { pem in
                    (try? X509Certificate.bundle(pem: pem)) ?? []
                }
                let longer = KeyStoreContent.chain(of: leaf, among: chain + authorities + nodes + elsewhere)
                if longer.starts(with: chain) { chain = longer }
            }
            try context.recorder.record(
                .certificateExported, id.text,
                details: [
                    "version_id": .string(wanted.text), "format": .string(format),
                    "serial_number": .string(detail.version.serialNumber), "chain": .integer(Int64(alternate)),
                ],
                by: author, in: tx)
            return ExportedVersion(version: wanted, chain: chain, name: certificate.fields.commonName)
        }
    }

    private static func noChain(_ number: Int, _ count: Int) -> ServiceError {
        let known =
            count == 0 ? "the version has no alternate chains" : "the version has the alternate chains 1 to \(count)"
        return ServiceError(.invalidParameter, "chain: there is none of the number \(number); \(known)")
    }
}
