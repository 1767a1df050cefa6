package import Domain
package import Query

// How an authority takes the place of another: it is staged first, so that whoever has to trust it does so before it signs.
extension IntermediateCAStore {
    /// The authority that waits to take the place of `id`, or for its certificate.
    package func waitingSuccessor(of id: AuthorityID, in tx: any Transaction) throws -> IntermediateCA? {
        try tx.row(
            """
            SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas
            WHERE succeeds_ca_id = \(id) AND state IN ('pending', 'staged')
            """
        ).map { try IntermediateCA($0) }
    }

    /// Lets a staged authority sign.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is not staged.
    package func activateStaged(_ id: AuthorityID, in tx: any Transaction) throws -> IntermediateCA {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE intermediate_cas SET state = 'active', activated_at = \(tx.now), updated_at = \(tx.now),
                    row_version = row_version + 1
                WHERE id = \(id) AND state = 'staged' RETURNING \(fragment: IntermediateCA.columns)
                """)
        }
        guard let row = rows.first else {
            throw StoreError.invalidState(
                .authority, id: id.text, reason: "it is \(try get(id, in: tx).state.rawValue), not staged")
        }
        return try IntermediateCA(row)
    }

    /// Staged authorities that take their places by themselves and whose time has come.
    package func dueForActivation(in tx: any Transaction) throws -> [IntermediateCA] {
        try tx.rows(
            """
            SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas
            WHERE state = 'staged' AND activation_auto AND (activation_at IS NULL OR activation_at <= \(tx.now))
                AND not_after > \(tx.now)
            ORDER BY staged_at, id
            """
        ).map { try IntermediateCA($0) }
    }

    /// What whoever trusts the tree of an issuer has to trust: the certificates of its authorities that sign, will sign or have
    /// signed what still counts, in the order in which they came. Nothing of a revoked authority or of one below it.
    package func trusted(of issuer: IssuerID, in tx: any Transaction) throws -> [IntermediateCA] {
        try all(of: issuer, in: tx).filter { node in
            guard [.staged, .active, .retiring].contains(node.state), node.notAfter.map({ $0 > tx.now }) ?? false else {
                return false
            }
            return try revokedAbove(node.id, in: tx) == nil
        }
    }
}
