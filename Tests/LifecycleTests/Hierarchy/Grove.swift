import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

/// A tree of CAs in a world: the issuer `iss-tree`.
struct Grove {
    static let issuer = IssuerID(stored: "iss-tree")
    let world: World

    static func with(_ engine: Engine, _ body: (Grove) async throws -> Void) async throws {
        try await World.with(engine) { world async throws in
            var draft = IssuerDraft(id: issuer.text, name: "Tree", type: "local")
            draft.hierarchyMode = .tree
            _ = try await world.issuers.create(draft, by: world.author)
            try await body(Grove(world: world))
        }
    }

    static func draft(
        _ name: String, below parent: AuthorityID? = nil, _ change: (inout CADraft) -> Void = { _ in }
    ) -> CADraft {
        var draft = CADraft(issuerID: issuer)
        draft.name = name
        draft.parentID = parent
        var subject = CADraft.Subject()
        subject.commonName = name
        subject.organization = ["Example"]
        draft.subject = subject
        change(&draft)
        return draft
    }

    @discardableResult
    func make(
        _ name: String, below parent: AuthorityID? = nil, _ change: (inout CADraft) -> Void = { _ in }
    ) async throws -> IntermediateCA {
        try await world.hierarchy.create(Self.draft(name, below: parent, change), by: world.author)
    }

    /// What a creation is refused with.
    func refusal(
        _ name: String, below parent: AuthorityID? = nil, _ change: (inout CADraft) -> Void = { _ in }
    ) async throws -> ServiceError? {
        do {
            try await make(name, below: parent, change)
            return nil
        } catch let error as ServiceError {
            return error
        }
    }

    /// A certificate of the tree for a client's key, with its chain.
    @discardableResult
    func issue(_ name: String) async throws -> (version: IssuedVersion, chain: [X509Certificate]) {
        var draft = world.draft(name)
        draft.issuerID = Self.issuer.text
        _ = try await world.certificates.create(draft, by: world.author)
        let answer = try await world.issuance.submit(
            clientCSR: try World.csr(name), for: CertificateID(stored: name), by: world.author)
        guard case .issued(let version, _) = answer else { throw ServiceError(.internalError, "not issued at once") }
        return (version, try X509Certificate.bundle(pem: version.pemChain))
    }

    func stored(_ id: AuthorityID) async throws -> IntermediateCA {
        try await world.database.read { try IntermediateCAStore().get(id, in: $0) }
    }

    func certificate(_ id: AuthorityID) async throws -> X509Certificate {
        try X509Certificate(pem: #require(try await stored(id).certPEM))
    }

    func list(of id: AuthorityID) async throws -> (RevocationListRow, CertificateRevocationList)? {
        let shelf = RevocationListShelf(database: world.database, time: world.time)
        guard let list = try await shelf.list(of: id, .full) else { return nil }
        return (list.row, try CertificateRevocationList(der: list.der))
    }

    /// One look of the loop that makes lists, with the release of the keys of retired CAs.
    func publish() async throws {
        let leadership = world.leadership()
        try await leadership.attempt()
        let publisher = RevocationListPublisher(
            world.context, registry: world.registry, leadership: leadership,
            shelf: RevocationListShelf(database: world.database, time: world.time),
            release: world.hierarchy.release)
        _ = try await publisher.tick(world.time.now)
    }

    /// Keys in the database, without that of the issuer that is one authority.
    func keys() async throws -> Int {
        try await count("ca_keys WHERE id NOT IN (SELECT key_ref FROM issuer_ca)")
    }

    func count(_ table: SQL) async throws -> Int {
        try await world.database.read { tx in
            try tx.row("SELECT COUNT(*) AS n FROM \(fragment: table)")?.int("n") ?? 0
        }
    }
}
