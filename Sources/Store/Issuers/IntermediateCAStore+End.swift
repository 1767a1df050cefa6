package import Domain
package import Query

// How an authority ends: drained and retired, or revoked by its parent.
extension IntermediateCAStore {
    package func drain(of id: AuthorityID, in tx: any Transaction) throws -> CADrain {
        let children = try tx.row(
            """
            SELECT COUNT(*) AS open_children, COALESCE(SUM(CASE WHEN state = 'active' THEN 1 ELSE 0 END), 0) AS active
            FROM intermediate_cas WHERE \(fragment: Self.openChild(of: id))
            """)
        let crossed = try tx.row(
            """
            SELECT COUNT(*) AS n FROM ca_certificates x JOIN intermediate_cas c ON c.id = x.ca_id
            WHERE \(fragment: Self.openCrossing(by: id, at: tx.now))
            """)
        let leaves = try tx.row(
            """
            SELECT COUNT(*) AS leaves, MAX(v.not_after) AS last_end FROM certificate_versions v
            WHERE \(fragment: Self.openLeaf(of: id, at: tx.now))
            """)
        let adopted = try tx.row(
            """
            SELECT COUNT(*) AS n, MAX(a.not_after) AS last_end FROM adopted_certificates a
            WHERE \(fragment: Self.openAdopted(by: id, at: tx.now))
            """)
        let ends = [try leaves?.optionalTime("last_end"), try adopted?.optionalTime("last_end")].compactMap {
            $0 ?? nil
        }
        let orders = try tx.row(
            """
            SELECT COUNT(*) AS orders FROM issuer_orders WHERE \(fragment: Self.openOrder(of: id))
            """)
        return CADrain(
            children: (try children?.int("open_children") ?? 0) + (try crossed?.int("n") ?? 0),
            activeChildren: try children?.int("active") ?? 0,
            leaves: (try leaves?.int("leaves") ?? 0) + (try adopted?.int("n") ?? 0), lastEnd: ends.max(),
            orders: try orders?.int("orders") ?? 0)
    }

    /// Whether nothing hangs on an authority: as ``CADrain/isEmpty``, without counting.
    package func isDrained(_ id: AuthorityID, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM intermediate_cas WHERE \(fragment: Self.openChild(of: id)))
                OR EXISTS (
                    SELECT 1 FROM ca_certificates x JOIN intermediate_cas c ON c.id = x.ca_id
                    WHERE \(fragment: Self.openCrossing(by: id, at: tx.now)))
                OR EXISTS (SELECT 1 FROM certificate_versions v WHERE \(fragment: Self.openLeaf(of: id, at: tx.now)))
                OR EXISTS (SELECT 1 FROM adopted_certificates a WHERE \(fragment: Self.openAdopted(by: id, at: tx.now)))
                OR EXISTS (SELECT 1 FROM issuer_orders WHERE \(fragment: Self.openOrder(of: id)))
            """) == nil
    }

    private static func openChild(of id: AuthorityID) -> SQL {
        "parent_ca_id = \(id) AND state NOT IN ('retired', 'revoked')"
    }

    /// A certificate that it signed for a CA with another parent needs its lists as well. Those that its own children had
    /// before they were renewed end with the children.
    private static func openCrossing(by id: AuthorityID, at now: Timestamp) -> SQL {
        """
        x.parent_ca_id = \(id) AND x.not_after > \(now) AND x.withdrawn_at IS NULL
            AND c.state NOT IN ('retired', 'revoked') AND (c.parent_ca_id IS NULL OR c.parent_ca_id <> \(id))
        """
    }

    /// A hold may be released, so it does not end a certificate.
    private static func openLeaf(of id: AuthorityID, at now: Timestamp) -> SQL {
        """
        v.issuing_ca_id = \(id) AND v.not_after > \(now) AND NOT EXISTS (
            SELECT 1 FROM certificate_revocations r
            WHERE r.issuer_id = v.issuer_id AND r.serial_number = v.serial_number AND r.authority_id = v.issuing_ca_id
                AND r.released_at IS NULL AND r.reason <> 'certificateHold')
        """
    }

    /// What it signed before it came here, as far as it is neither in the inventory nor a CA of the tree.
    private static func openAdopted(by id: AuthorityID, at now: Timestamp) -> SQL {
        """
        a.authority_id = \(id) AND a.not_after > \(now)
            AND NOT EXISTS (
                SELECT 1 FROM certificate_revocations r
                WHERE r.authority_id = a.authority_id AND r.serial_number = a.serial_number AND r.released_at IS NULL
                    AND r.reason <> 'certificateHold')
            AND NOT EXISTS (
                SELECT 1 FROM certificate_versions v
                WHERE v.issuing_ca_id = a.authority_id AND v.serial_number = a.serial_number AND NOT v.issued_elsewhere)
            AND NOT EXISTS (
                SELECT 1 FROM intermediate_cas c
                WHERE c.parent_ca_id = a.authority_id AND c.serial_number = a.serial_number)
        """
    }

    private static func openOrder(of id: AuthorityID) -> SQL {
        "issuing_ca_id = \(id) AND state IN ('submitting', 'pending')"
    }

    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is not in the state before.
    @discardableResult
    package func move(_ id: AuthorityID, to state: CAState, in tx: any Transaction) throws -> IntermediateCA {
        let (before, change): ([CAState], SQL) =
            switch state {
            case .pending:
                throw StoreError.invalidState(.authority, id: id.text, reason: "nothing becomes pending again")
            case .staged, .active: ([.retiring], "retiring_at = NULL")
            case .retiring: ([.staged, .active], "retiring_at = \(tx.now)")
            case .retired: ([.retiring], "retired_at = \(tx.now)")
            case .revoked:
                throw StoreError.invalidState(.authority, id: id.text, reason: "a revocation has a reason")
            }
        let row = try tx.row(
            """
            UPDATE intermediate_cas SET state = \(state), \(fragment: change), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND state IN \(list: before) RETURNING \(fragment: IntermediateCA.columns)
            """)
        guard let row else {
            throw StoreError.invalidState(
                .authority, id: id.text,
                reason: "it is \(try get(id, in: tx).state.rawValue), not "
                    + before.map(\.rawValue).joined(separator: " or "))
        }
        return try IntermediateCA(row)
    }

    /// Notes that the key of an authority that has ended is used no more; false when somebody else noted it.
    package func recordRelease(of id: AuthorityID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE intermediate_cas SET key_released_at = \(tx.now), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND state IN ('retired', 'revoked') AND key_released_at IS NULL AND key_driver_id IS NOT NULL
            """) == 1
    }

    /// Makes the renewals of what an authority signed due now; how many.
    package func hurryRenewals(of id: AuthorityID, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE managed_certificates SET next_renewal_at = \(tx.now)
            WHERE next_renewal_at > \(tx.now) AND id IN (
                SELECT certificate_id FROM certificate_versions
                WHERE issuing_ca_id = \(id) AND superseded_at IS NULL AND not_after > \(tx.now))
            """)
    }

    // MARK: Revocation

    /// An authority and all that are below it, by their own parents; itself first.
    package func subtree(of id: AuthorityID, in tx: any Transaction) throws -> [IntermediateCA] {
        let top = try get(id, in: tx)
        let below = Dictionary(grouping: try all(of: top.issuerID, in: tx)) { $0.parentID }
        var (found, level) = ([top], [top])
        for _ in 0..<Self.deepest where !level.isEmpty {
            level = level.flatMap { below[$0.id] ?? [] }
            found += level
        }
        return found
    }

    /// Keeps others from changing authorities, and from putting an order on record for one of them, until the end of the
    /// transaction.
    package func lock(_ ids: [AuthorityID], in tx: any Transaction) throws {
        _ = try tx.rows("SELECT id FROM intermediate_cas WHERE id IN \(list: ids) ORDER BY id\(lock: .forUpdate)")
    }

    /// Keeps an authority from being revoked, and from being ended, until the end of the transaction.
    package func lockStanding(_ id: AuthorityID, in tx: any Transaction) throws {
        _ = try tx.row("SELECT id FROM intermediate_cas WHERE id = \(id)\(lock: .forShare)")
    }

    /// The authority itself when it is revoked, or the nearest one above that is.
    package func revokedAbove(_ id: AuthorityID, in tx: any Transaction) throws -> IntermediateCA? {
        // In most installations none ever is.
        guard try tx.row("SELECT 1 AS one FROM intermediate_cas WHERE state = 'revoked' LIMIT 1") != nil else {
            return nil
        }
        return try path(from: id, in: tx).first { $0.state == .revoked }
    }

    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is pending or revoked already.
    package func revoke(
        _ id: AuthorityID, _ reason: RevocationReason, in tx: any Transaction
    ) throws -> IntermediateCA {
        let row = try tx.row(
            """
            UPDATE intermediate_cas SET state = \(CAState.revoked), revoked_at = \(tx.now), revocation_reason = \(reason),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND state IN ('staged', 'active', 'retiring', 'retired')
            RETURNING \(fragment: IntermediateCA.columns)
            """)
        guard let row else {
            throw StoreError.invalidState(
                .authority, id: id.text, reason: "it is \(try get(id, in: tx).state.rawValue)")
        }
        return try IntermediateCA(row)
    }
}
