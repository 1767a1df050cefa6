package import ConnectorKit
package import Domain
import EmbeddedCA
package import Encoding
package import IssuerConnectors
import Synchronization

/// The live connectors, one for each issuer or CA of a tree, and configuration revision.
///
/// A connector is made once and kept, so that CA certificates and keys are parsed and unsealed once and not for every
/// order. A changed configuration has another revision, so a stale connector is never used; replacing one issuer's
/// connector leaves those of the others alone. A changed tree is a changed configuration of its issuer.
package final class IssuerRegistry: Sendable {
    /// Makes the connector of an issuer; throws ``IssuerError`` or what the database says.
    package typealias Maker = @Sendable (IssuerID) async throws -> (revision: Int, connector: any IssuerConnector)
    /// Makes the connector of a CA of a tree, with the revision of its issuer.
    package typealias NodeMaker =
        @Sendable (AuthorityID) async throws -> (
            revision: Int, connector: LocalCAConnector
        )

    /// Looks whether what a configuration names outside of the database is there; throws ``ServiceError`` when it is not.
    package typealias Examiner = @Sendable (IssuerType, JSONObject) async throws -> Void

    private struct Entry<Connector: Sendable> {
        let revision: Int
        let connector: Connector
    }

    /// What is being made.
    private struct Order<ID: Hashable & Sendable>: Hashable {
        let id: ID
        let revision: Int
    }

    private let make: Maker
    private let makeNode: NodeMaker
    private let entries = Mutex<[IssuerID: Entry<any IssuerConnector>]>([:])
    private let nodes = Mutex<[AuthorityID: Entry<LocalCAConnector>]>([:])
    private let making = SingleFlight<Order<IssuerID>, any IssuerConnector>()
    private let makingNodes = SingleFlight<Order<AuthorityID>, LocalCAConnector>()

    /// Asked before a configuration is stored.
    package let examine: Examiner

    package init(
        examine: @escaping Examiner = { _, _ in }, nodes makeNode: @escaping NodeMaker = IssuerRegistry.withoutNodes,
        make: @escaping Maker
    ) {
        self.examine = examine
        self.makeNode = makeNode
        self.make = make
    }

    /// For a registry whose issuers are all one authority.
    package static let withoutNodes: NodeMaker = { id in
        throw IssuerError(.other, "there are no trees here, and no CA \(id.text)", help: "")
    }

    /// The connector of an issuer at a configuration revision.
    ///
    /// Of orders that arrive together at a cold registry one makes it, and all get that one or the reason why not.
    package func connector(for issuer: IssuerID, revision: Int) async throws -> any IssuerConnector {
        if let connector = kept(issuer, revision) { return connector }
        return try await making.run(Order(id: issuer, revision: revision)) {
            if let connector = kept(issuer, revision) { return connector }
            let made = try await make(issuer)
            entries.withLock { entries in
                if let current = entries[issuer], current.revision > made.revision { return }
                entries[issuer] = Entry(revision: made.revision, connector: made.connector)
            }
            return made.connector
        }
    }

    private func kept(_ issuer: IssuerID, _ revision: Int) -> (any IssuerConnector)? {
        entries.withLock { $0[issuer] }.flatMap { $0.revision == revision ? $0.connector : nil }
    }

    /// The connector of a CA of a tree, at the configuration revision of its issuer.
    package func node(_ id: AuthorityID, revision: Int) async throws -> LocalCAConnector {
        if let connector = keptNode(id, revision) { return connector }
        return try await makingNodes.run(Order(id: id, revision: revision)) {
            if let connector = keptNode(id, revision) { return connector }
            let made = try await makeNode(id)
            nodes.withLock { nodes in
                if let current = nodes[id], current.revision > made.revision { return }
                nodes[id] = Entry(revision: made.revision, connector: made.connector)
            }
            return made.connector
        }
    }

    private func keptNode(_ id: AuthorityID, _ revision: Int) -> LocalCAConnector? {
        nodes.withLock { $0[id] }.flatMap { $0.revision == revision ? $0.connector : nil }
    }

    /// Who signs for an issuer: the CA of its tree that was chosen, or the issuer itself.
    package func signer(
        for issuer: IssuerID, _ authority: AuthorityID?, revision: Int
    ) async throws -> any IssuerConnector {
        do {
            guard let authority else { return try await connector(for: issuer, revision: revision) }
            return try await node(authority, revision: revision)
        } catch let error as IssuerError {
            // Nobody has looked at an order yet.
            throw error.blaming(.authority)
        }
    }

    /// Forgets the connector of an issuer that was deleted.
    package func remove(_ issuer: IssuerID) { entries.withLock { $0[issuer] = nil } }
}
