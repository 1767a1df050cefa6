import ConnectorKit
import Domain
import EmbeddedCA
import Encoding
package import IssuerConnectors
import PKI
import Query
import Store

extension AuthorityKeeper {
    /// Makes the connectors of the CAs of trees for an ``IssuerRegistry``.
    package func nodeMaker(_ authorities: AuthorityAccess) -> IssuerRegistry.NodeMaker {
        { id in
            let (issuer, sealed, node) = try await database.read { tx -> (Issuer, [UInt8]?, StoredNode) in
                let found = try IntermediateCAStore().get(id, in: tx)
                return (
                    try IssuerStore().get(found.issuerID, in: tx),
                    try IssuerStore().encryptedConfig(of: found.issuerID, in: tx), try self.node(found, in: tx)
                )
            }
            let config = try Self.opened(sealed, of: issuer, by: sealer)
            return (
                issuer.configRevision,
                try await LocalCAConnector.make(node: node, config: config, authorities: authorities, time: time)
            )
        }
    }

    /// The CA with its key; throws when the key is elsewhere.
    private func node(_ stored: IntermediateCA, in tx: any Transaction) throws -> StoredNode {
        guard stored.state != .pending, stored.hasKey, let driver = stored.keyDriver,
            let reference = stored.keyReference
        else {
            throw IssuerError(
                .validation,
                stored.state == .pending
                    ? "the CA \(stored.name) (\(stored.id.text)) has no certificate yet"
                    : "the key of the CA \(stored.name) (\(stored.id.text)) is not here",
                help: stored.state == .pending
                    ? "bring in its certificate with certctl intermediates import"
                    : "what it signs is signed where its key is")
        }
        let chain = try Self.chain(of: stored.id, in: tx)
        let key: AuthorityKey =
            driver == Self.ownDriver
            ? .sealed(try open(CAKeyID(stored: reference), of: "the CA \(stored.id.text)", in: tx))
            : .held(KeyReference(driver: driver, ref: reference))
        return StoredNode(id: stored.id, chain: chain, key: key, ocspURL: stored.ocspURL)
    }

    /// The certificates of a CA and of those above it, the root last.
    ///
    /// - Throws: 409 for a CA that has no certificate yet.
    static func chain(of id: AuthorityID, in tx: any Transaction) throws -> [X509Certificate] {
        try certificates(try IntermediateCAStore().path(from: id, in: tx))
    }

    /// The certificates of CAs.
    ///
    /// - Throws: 409 for one that has none yet.
    static func certificates(_ nodes: [IntermediateCA]) throws -> [X509Certificate] {
        try nodes.map { node in
            guard let pem = node.certPEM else {
                throw ServiceError(
                    .invalidState, "the CA \(node.name) (\(node.id.text)) is pending and has no certificate yet")
            }
            return try X509Certificate(pem: pem)
        }
    }

    /// What stands for a tree as a whole, as the tree is now.
    func tree(
        _ issuer: Issuer, _ config: JSONObject, _ authorities: AuthorityAccess
    ) async throws -> any IssuerConnector {
        let problems = GenericCAConfig.problemsOfTree(config)
        guard problems.isEmpty else {
            throw IssuerError(
                .validation, "the configuration of the tree \(issuer.id.text) is not valid: \(problems[0].detail)",
                help: "correct it with certctl issuers update")
        }
        let (chain, nodes) = try await database.read { tx in
            let candidates = try IntermediateCAStore().issuing(for: issuer.id, in: tx)
            let usual = Issuer.usualCAID(issuer.hierarchyMode, .object(config))
            let next = candidates.first { $0.id == usual } ?? candidates.first
            return (
                try next.map { try Self.chain(of: $0.id, in: tx) } ?? [],
                try IntermediateCAStore().all(of: issuer.id, in: tx).filter { $0.hasKey && $0.state.keepsRevocations }
            )
        }
        let make = nodeMaker(authorities)
        let tests = nodes.map { node -> TreeConnector.Test in
            {
                do {
                    let checks = try await make(node.id).connector.testConnection()
                    let failed = checks.first { !$0.isOK }
                    return ConnectionCheck(
                        name: node.id.text, isOK: failed == nil, detail: failed?.detail ?? "\(node.name): its key signs"
                    )
                } catch {
                    let reason = (error as? IssuerError).map { "\($0.message). \($0.help)" } ?? "\(error)"
                    return ConnectionCheck(name: node.id.text, isOK: false, detail: reason)
                }
            }
        }
        return TreeConnector(issuer: issuer.id, chain: chain, tests: tests)
    }
}
