import ConnectorKit
package import Domain
import Encoding
package import PKI
import Query
import Store
import Synchronization

/// A certification authority that certctl answers for.
package struct OCSPAuthority: Sendable {
    /// An issuer, or one of its CAs.
    package let id: AuthorityID
    package let issuer: IssuerID
    /// The CA certificate first.
    package let chain: [X509Certificate]
    package let certificate: X509Certificate
    package let identity: IssuerIdentity
    let fingerprint: String
    let connector: any ResponderAppointing
    /// Whether numbers that were never given are answered as revoked (RFC 6960 §2.2).
    let revokesUnknown: Bool

    /// Under what name answers to a CertID of this form are kept: another CA certificate of the same issuer has its own.
    func cacheForm(_ certID: CertID) -> String { "\(certID.form)/\(fingerprint.prefix(16))" }
}

/// The authorities of this server, looked up by identifier or by what a client knows of them.
package final class OCSPAuthorities: Sendable {
    package enum Found: Sendable {
        case authority(OCSPAuthority)
        /// There is such an issuer, and its CA key is somewhere else.
        case elsewhere
        case none
    }

    /// How long a changed issuer may be answered for as before.
    private static let memory = Duration.seconds(10)

    private struct Entry {
        let found: Found
        let revision: Int
        let readAt: Timestamp
    }

    private let context: LifecycleContext
    private let registry: IssuerRegistry
    private let entries = Mutex<[String: Entry]>([:])
    private let listedAt = Mutex<Timestamp?>(nil)

    package init(_ context: LifecycleContext, registry: IssuerRegistry) {
        self.context = context
        self.registry = registry
    }

    package func find(_ id: String) async throws -> Found {
        let now = context.time.now
        if let entry = entries.withLock({ $0[id] }), Self.isRecent(entry.readAt, now) { return entry.found }
        guard let issuer = try? IssuerID(id),
            let revision = try await context.database.read({ try IssuerStore().find(issuer, in: $0)?.configRevision })
        else {
            entries.withLock { $0[id] = nil }
            return .none
        }
        return try await load(issuer, revision, at: now)
    }

    private func load(_ issuer: IssuerID, _ revision: Int, at now: Timestamp) async throws -> Found {
        if let entry = entries.withLock({ $0[issuer.text] }), entry.revision == revision {
            note(issuer, Entry(found: entry.found, revision: revision, readAt: now))
            return entry.found
        }
        let connector = try await registry.connector(for: issuer, revision: revision)
        var found = Found.elsewhere
        if let connector = connector as? any ResponderAppointing {
            let chain = try await connector.authorityChain()
            if let certificate = chain.first {
                let config = try await context.database.read { try IssuerStore().find(issuer, in: $0)?.config }
                found = .authority(
                    OCSPAuthority(
                        id: AuthorityID(stored: issuer.text), issuer: issuer, chain: chain, certificate: certificate,
                        identity: IssuerIdentity(certificate), fingerprint: certificate.fingerprintSHA256,
                        connector: connector,
                        revokesUnknown: config?.objectValue?["ocsp_unknown_as_revoked"]?.boolValue ?? false))
            }
        }
        note(issuer, Entry(found: found, revision: revision, readAt: now))
        return found
    }

    private func note(_ issuer: IssuerID, _ entry: Entry) { entries.withLock { $0[issuer.text] = entry } }

    /// Every authority whose CA loads; the others are reported where they are used.
    package func all() async throws -> [OCSPAuthority] {
        let now = context.time.now
        let isListed = listedAt.withLock { $0.map { Self.isRecent($0, now) } ?? false }
        if !isListed {
            let revisions = try await context.database.read { try IssuerStore().revisions(in: $0) }
            for (issuer, revision) in revisions {
                // An issuer that does not load is one that cannot be answered for.
                _ = try? await load(issuer, revision, at: now)
            }
            entries.withLock { entries in
                entries = entries.filter { id, _ in revisions[IssuerID(stored: id)] != nil }
            }
            listedAt.withLock { $0 = now }
        }
        return entries.withLock { entries in
            entries.values.compactMap { if case .authority(let authority) = $0.found { authority } else { nil } }
        }.sorted { $0.id < $1.id }
    }

    private static func isRecent(_ time: Timestamp, _ now: Timestamp) -> Bool {
        let age = now - time
        return age >= .zero && age < memory
    }
}
