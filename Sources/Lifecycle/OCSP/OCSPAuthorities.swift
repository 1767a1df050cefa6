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
        /// There is such an issuer or CA, and its key is somewhere else, or gone.
        ///
        /// - `chain`: The certificates of a CA of a tree, its own first.
        case elsewhere(chain: [X509Certificate])
        /// The issuer is a tree; each of its CAs answers for itself.
        case tree
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
        guard let subject = try await context.database.read({ try Subject.find(id, in: $0) }) else {
            entries.withLock { $0[id] = nil }
            return .none
        }
        return try await load(subject, at: now)
    }

    /// What whoever trusts a tree has to trust, the root that came first in front: also CAs that will sign and do not yet.
    package func trusted(ofTree id: String) async throws -> [X509Certificate] {
        guard let issuer = try? IssuerID(id) else { return [] }
        return try await context.database.read { try TrustBundle.certificates(of: issuer, in: $0) }
    }

    private func load(_ subject: Subject, at now: Timestamp) async throws -> Found {
        let (id, revision) = (subject.id, subject.issuer.configRevision)
        if let entry = entries.withLock({ $0[id.text] }), entry.revision == revision {
            note(id, Entry(found: entry.found, revision: revision, readAt: now))
            return entry.found
        }
        let found = try await look(subject)
        note(id, Entry(found: found, revision: revision, readAt: now))
        return found
    }

    private func look(_ subject: Subject) async throws -> Found {
        let issuer = subject.issuer
        if subject.node == nil, issuer.hierarchyMode == .tree { return .tree }
        if let path = subject.path { return .elsewhere(chain: try AuthorityKeeper.certificates(path)) }
        let connector = try await registry.signer(for: issuer.id, subject.node?.id, revision: issuer.configRevision)
        guard let connector = connector as? any ResponderAppointing else { return .elsewhere(chain: []) }
        let chain = try await connector.authorityChain()
        guard let certificate = chain.first else { return .elsewhere(chain: []) }
        return .authority(
            OCSPAuthority(
                id: subject.id, issuer: issuer.id, chain: chain, certificate: certificate,
                identity: IssuerIdentity(certificate), fingerprint: certificate.fingerprintSHA256,
                connector: connector,
                revokesUnknown: issuer.config.objectValue?["ocsp_unknown_as_revoked"]?.boolValue ?? false))
    }

    private func note(_ id: AuthorityID, _ entry: Entry) { entries.withLock { $0[id.text] = entry } }

    /// Every authority whose CA loads; the others are reported where they are used.
    package func all() async throws -> [OCSPAuthority] {
        let now = context.time.now
        let isListed = listedAt.withLock { $0.map { Self.isRecent($0, now) } ?? false }
        if !isListed {
            let subjects = try await context.database.read { try Subject.all(in: $0) }
            for subject in subjects {
                // An issuer that does not load is one that cannot be answered for.
                _ = try? await load(subject, at: now)
            }
            let known = Set(subjects.map(\.id.text))
            entries.withLock { entries in entries = entries.filter { known.contains($0.key) } }
            listedAt.withLock { $0 = now }
        }
        return entries.withLock { entries in
            entries.values.compactMap { if case .authority(let authority) = $0.found { authority } else { nil } }
        }.sorted { $0.id < $1.id }
    }

    /// Every CA that this server has to answer for, also those that do not load.
    package func everyone() async throws -> [(id: AuthorityID, authority: Result<OCSPAuthority, any Error>)] {
        let now = context.time.now
        var found: [(id: AuthorityID, authority: Result<OCSPAuthority, any Error>)] = []
        for subject in try await context.database.read({ try Subject.all(in: $0) }) {
            do {
                guard case .authority(let authority) = try await load(subject, at: now) else { continue }
                found.append((subject.id, .success(authority)))
            } catch let error as CancellationError {
                throw error
            } catch {
                found.append((subject.id, .failure(error)))
            }
        }
        return found
    }

    private static func isRecent(_ time: Timestamp, _ now: Timestamp) -> Bool {
        let age = now - time
        return age >= .zero && age < memory
    }
}

/// What an identifier in an address names.
private struct Subject: Sendable {
    let issuer: Issuer
    /// The CA of a tree.
    let node: IntermediateCA?
    /// Of a CA that does not sign here: it and those above it, the root last.
    let path: [IntermediateCA]?

    var id: AuthorityID { node?.id ?? AuthorityID(soleOf: issuer.id) }

    static func find(_ text: String, in tx: any Transaction) throws -> Subject? {
        guard let id = try? IssuerID(text) else { return nil }
        if let issuer = try IssuerStore().find(id, in: tx) { return Subject(issuer: issuer, node: nil, path: nil) }
        guard let node = try IntermediateCAStore().find(AuthorityID(stored: text), in: tx), node.state != .pending
        else {
            return nil
        }
        return Subject(
            issuer: try IssuerStore().get(node.issuerID, in: tx), node: node,
            path: signs(node) ? nil : try IntermediateCAStore().path(from: node.id, in: tx))
    }

    private static func signs(_ node: IntermediateCA) -> Bool { node.hasKey && node.state.keepsRevocations }

    static func all(in tx: any Transaction) throws -> [Subject] {
        let issuers = try IssuerStore().every(in: tx)
        let byID = Dictionary(uniqueKeysWithValues: issuers.map { ($0.id, $0) })
        let nodes = try IntermediateCAStore().all(in: tx)
        let nodesByID = Dictionary(uniqueKeysWithValues: nodes.map { ($0.id, $0) })
        func path(from node: IntermediateCA) -> [IntermediateCA] {
            var path = [node]
            while let parent = path.last?.parentID.flatMap({ nodesByID[$0] }), path.count < IntermediateCAStore.deepest
            {
                path.append(parent)
            }
            return path
        }
        return issuers.map { Subject(issuer: $0, node: nil, path: nil) }
            + nodes.filter { $0.state != .pending }.compactMap { node in
                byID[node.issuerID].map { issuer in
                    Subject(issuer: issuer, node: node, path: signs(node) ? nil : path(from: node))
                }
            }
    }
}
