import Domain
import PKI
import Query
import Sealing
import Store

/// The generated identity as the replicas of one PostgreSQL database share it: one sealed row.
struct SharedServerIdentity: Sendable {
    let database: any Database
    let sealer: Sealer

    private static let place = SealedPlace(
        table: ControlPlaneTLSStore.table, column: ControlPlaneTLSStore.column, rowID: ControlPlaneTLSStore.rowID
    )

    /// The shared identity; `nil` when no replica has stored one yet.
    func load() async throws -> ServerIdentity? {
        guard let row = try await database.read({ try ControlPlaneTLSStore().load(in: $0) }) else { return nil }
        let chain = try X509Certificate.bundle(pem: row.chainPEM)
        let keys = try sealer.open(row.sealedPrivateKey, for: Self.place)
        // Two PEM blocks: the leaf's key, then the CA's.
        let blocks = keys.withText { text in
            text.components(separatedAfter: "-----END PRIVATE KEY-----\n").map { Secret($0) }
        }
        guard chain.count == 2, blocks.count == 2 else {
            throw StartUpFailure(
                .failure, "the row of control_plane_tls is damaged; delete it, and the server makes a new identity"
            )
        }
        return ServerIdentity(
            authority: chain[1],
            authorityKey: try PrivateKey(pem: blocks[1]),
            leaf: chain[0],
            leafKey: try PrivateKey(pem: blocks[0])
        )
    }

    /// Stores `identity` in place of the one with the fingerprint `current`.
    ///
    /// - Returns: False when another replica was first.
    func replace(_ current: String?, with identity: ServerIdentity) async throws -> Bool {
        let keys = identity.leafKey.pkcs8PEM.withText { leaf in
            identity.authorityKey.pkcs8PEM.withText { Secret(leaf + $0) }
        }
        let row = ControlPlaneTLS(
            chainPEM: identity.chainPEM,
            sealedPrivateKey: sealer.seal(keys, for: Self.place),
            fingerprintSHA256: identity.leaf.fingerprintSHA256,
            notAfter: identity.leaf.notAfter
        )
        return try await database.write { try ControlPlaneTLSStore().replace(current, with: row, in: $0) }
    }
}

extension String {
    /// The parts of the text, each ending with `mark`.
    fileprivate func components(separatedAfter mark: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let end = rest.firstRange(of: mark) {
            parts.append(String(rest[..<end.upperBound]))
            rest = rest[end.upperBound...]
        }
        return parts
    }
}
