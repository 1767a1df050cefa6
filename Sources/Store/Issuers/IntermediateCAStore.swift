package import Domain
package import Query

/// The certification authorities of issuers that are trees.
package struct IntermediateCAStore: Sendable {
    /// How far down a tree goes; also what ends a walk upwards in rows that somebody else made a circle of.
    package static let deepest = 16

    package init() {}

    private static let rules = [
        UniqueRule(constraint: "intermediate_cas_name_key", entity: .authority, field: "name"),
        UniqueRule(constraint: "intermediate_cas_cert_sha256_key", entity: .authority, field: "cert_pem"),
        UniqueRule(constraint: "intermediate_cas_pkey", entity: .authority, field: "id"),
        UniqueRule(constraint: "intermediate_cas_key_driver_id_key", entity: .authority, field: "key_driver_id"),
        UniqueRule(constraint: "intermediate_cas_active_root_key", entity: .authority, field: "parent_ca_id"),
    ]

    @discardableResult
    package func insert(_ new: NewIntermediateCA, in tx: any Transaction) throws -> IntermediateCA {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO intermediate_cas (
                    id, owning_issuer_id, parent_ca_id, name, subject, state, cert_pem, csr_pem, cert_sha256,
                    spki_sha256, subject_key_id, serial_number, key_algorithm, key_driver, key_driver_id, key_is_own, not_before, not_after,
                    path_len_constraint, name_constraints, allowed_ekus, policy_oids, issuing, ocsp_responder_url,
                    metadata, created_at, updated_at
                ) VALUES (
                    \(new.id), \(new.issuerID), \(new.parentID), \(new.name), \(new.subject),
                    \(new.certPEM == nil ? CAState.pending : .active), \(new.certPEM), \(new.csrPEM),
                    \(new.certSHA256), \(new.spkiSHA256), \(new.subjectKeyIdentifier),
                    \(new.serialNumber), \(new.keyAlgorithm), \(new.keyDriver), \(new.keyReference), \(new.isKeyOwn),
                    \(new.notBefore),
                    \(new.notAfter), \(new.pathLength), \(JSONColumn.value(new.nameConstraints)),
                    \(JSONColumn.value(new.allowedEKUs)), \(JSONColumn.value(new.policyOIDs)), \(new.isIssuing),
                    \(new.ocspURL), \(JSONColumn.value(new.metadata)), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: IntermediateCA.columns)
                """
            )
        }
        return try IntermediateCA(rows.onlyRow())
    }

    package func find(_ id: AuthorityID, in tx: any Transaction) throws -> IntermediateCA? {
        try tx.row("SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas WHERE id = \(id)")
            .map { try IntermediateCA($0) }
    }

    /// The authority with this serial number, of whichever CA of the issuer.
    package func find(issuer: IssuerID, serial: String, in tx: any Transaction) throws -> IntermediateCA? {
        try tx.row(
            """
            SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas
            WHERE owning_issuer_id = \(issuer) AND serial_number = \(serial)
            """
        ).map { try IntermediateCA($0) }
    }

    package func get(_ id: AuthorityID, in tx: any Transaction) throws -> IntermediateCA {
        guard let found = try find(id, in: tx) else { throw StoreError.notFound(.authority, id: id.text) }
        return found
    }

    /// Keeps others from changing the state of an authority until the end of the transaction.
    package func lock(_ id: AuthorityID, in tx: any Transaction) throws -> IntermediateCA {
        _ = try tx.row("SELECT id FROM intermediate_cas WHERE id = \(id)\(lock: .forUpdate)")
        return try get(id, in: tx)
    }

    package func all(of issuer: IssuerID, in tx: any Transaction) throws -> [IntermediateCA] {
        try tx.rows(
            """
            SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas WHERE owning_issuer_id = \(issuer)
            ORDER BY created_at, id
            """
        ).map { try IntermediateCA($0) }
    }

    /// Of every issuer.
    package func all(in tx: any Transaction) throws -> [IntermediateCA] {
        try tx.rows("SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas ORDER BY created_at, id")
            .map { try IntermediateCA($0) }
    }

    package func list(
        _ request: ListRequest<IntermediateCAFilter, IntermediateCASort>, in tx: any Transaction
    ) throws -> Page<IntermediateCA> {
        var conditions: [SQL] = ["owning_issuer_id = \(request.filter.issuerID)"]
        if !request.filter.states.isEmpty { conditions.append("state IN \(list: request.filter.states)") }
        let listing = Listing(
            request, columns: IntermediateCA.columns, source: "intermediate_cas", conditions: conditions,
            key: "created_at", id: "id")
        return try listing.page(request.page, total: request.total, in: tx) { try IntermediateCA($0) }
    }

    /// The authority, its parent, and so on to the root.
    package func path(from id: AuthorityID, in tx: any Transaction) throws -> [IntermediateCA] {
        var path = [try get(id, in: tx)]
        while let parent = path.last?.parentID, path.count < Self.deepest { path.append(try get(parent, in: tx)) }
        return path
    }

    /// Those that may sign a certificate now, the longest-lived first.
    ///
    /// - `isLocking`: Whether they are kept from retiring until the end of the transaction.
    package func issuing(
        for issuer: IssuerID, isLocking: Bool = false, in tx: any Transaction
    ) throws -> [IntermediateCA] {
        if isLocking {
            _ = try tx.rows(
                """
                SELECT id FROM intermediate_cas WHERE owning_issuer_id = \(issuer) AND state = 'active' AND issuing
                ORDER BY id\(lock: .forShare)
                """)
        }
        return try tx.rows(
            """
            SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas
            WHERE owning_issuer_id = \(issuer) AND state = 'active' AND issuing AND key_driver_id IS NOT NULL
                AND not_before <= \(tx.now) AND not_after > \(tx.now)
            ORDER BY not_after DESC, id
            """
        ).map { try IntermediateCA($0) }
    }

    // MARK: Pending

    /// Gives a pending authority its certificate, and what that says; it is active from then on.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is not pending.
    package func activate(_ id: AuthorityID, _ new: NewIntermediateCA, in tx: any Transaction) throws -> IntermediateCA
    {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE intermediate_cas SET state = \(CAState.active), \(fragment: Self.said(by: new)),
                    updated_at = \(tx.now), row_version = row_version + 1
                WHERE id = \(id) AND state = \(CAState.pending) RETURNING \(fragment: IntermediateCA.columns)
                """)
        }
        guard let row = rows.first else {
            throw StoreError.invalidState(
                .authority, id: id.text, reason: "it is \(try get(id, in: tx).state.rawValue), not pending")
        }
        return try IntermediateCA(row)
    }

    /// What a certificate says, as assignments.
    private static func said(by new: NewIntermediateCA) -> SQL {
        """
        subject = \(new.subject), cert_pem = \(new.certPEM),
        cert_sha256 = \(new.certSHA256), subject_key_id = \(new.subjectKeyIdentifier),
        serial_number = \(new.serialNumber), not_before = \(new.notBefore), not_after = \(new.notAfter),
        path_len_constraint = \(new.pathLength), name_constraints = \(JSONColumn.value(new.nameConstraints)),
        allowed_ekus = \(JSONColumn.value(new.allowedEKUs)), policy_oids = \(JSONColumn.value(new.policyOIDs))
        """
    }

    /// Puts another certificate in the place of the one that an active authority has.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is not active.
    package func renew(_ id: AuthorityID, _ new: NewIntermediateCA, in tx: any Transaction) throws -> IntermediateCA {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE intermediate_cas SET \(fragment: Self.said(by: new)), updated_at = \(tx.now),
                    row_version = row_version + 1
                WHERE id = \(id) AND state = \(CAState.active) RETURNING \(fragment: IntermediateCA.columns)
                """)
        }
        guard let row = rows.first else {
            throw StoreError.invalidState(
                .authority, id: id.text, reason: "it is \(try get(id, in: tx).state.rawValue), not active")
        }
        return try IntermediateCA(row)
    }

    /// Removes a pending authority; false when it is not pending.
    package func deletePending(_ id: AuthorityID, in tx: any Transaction) throws -> Bool {
        try tx.execute("DELETE FROM intermediate_cas WHERE id = \(id) AND state = \(CAState.pending)") > 0
    }

    // MARK: Retirement

    package func drain(of id: AuthorityID, in tx: any Transaction) throws -> CADrain {
        let children = try tx.row(
            """
            SELECT COUNT(*) AS open_children, COALESCE(SUM(CASE WHEN state = 'active' THEN 1 ELSE 0 END), 0) AS active
            FROM intermediate_cas WHERE parent_ca_id = \(id) AND state <> 'retired'
            """)
        // A certificate that it signed for a CA with another parent needs its lists as well. Those that its own children
        // had before they were renewed end with the children.
        let crossed = try tx.row(
            """
            SELECT COUNT(*) AS n FROM ca_certificates x JOIN intermediate_cas c ON c.id = x.ca_id
            WHERE x.parent_ca_id = \(id) AND x.not_after > \(tx.now) AND x.withdrawn_at IS NULL AND c.state <> 'retired'
                AND (c.parent_ca_id IS NULL OR c.parent_ca_id <> \(id))
            """)
        // A hold may be released, so it does not end a certificate.
        let leaves = try tx.row(
            """
            SELECT COUNT(*) AS leaves, MAX(v.not_after) AS last_end FROM certificate_versions v
            WHERE v.issuing_ca_id = \(id) AND v.not_after > \(tx.now) AND NOT EXISTS (
                SELECT 1 FROM certificate_revocations r
                WHERE r.issuer_id = v.issuer_id AND r.serial_number = v.serial_number AND r.released_at IS NULL
                    AND r.reason <> 'certificateHold')
            """)
        let orders = try tx.row(
            """
            SELECT COUNT(*) AS orders FROM issuer_orders
            WHERE issuing_ca_id = \(id) AND state IN ('submitting', 'pending')
            """)
        return CADrain(
            children: (try children?.int("open_children") ?? 0) + (try crossed?.int("n") ?? 0),
            activeChildren: try children?.int("active") ?? 0,
            leaves: try leaves?.int("leaves") ?? 0, lastEnd: try leaves?.optionalTime("last_end") ?? nil,
            orders: try orders?.int("orders") ?? 0)
    }

    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is not in the state before.
    @discardableResult
    package func move(_ id: AuthorityID, to state: CAState, in tx: any Transaction) throws -> IntermediateCA {
        let (before, change): (CAState, SQL) =
            switch state {
            case .pending:
                throw StoreError.invalidState(.authority, id: id.text, reason: "nothing becomes pending again")
            case .active: (.retiring, "retiring_at = NULL")
            case .retiring: (.active, "retiring_at = \(tx.now)")
            case .retired: (.retiring, "retired_at = \(tx.now)")
            }
        let row = try tx.row(
            """
            UPDATE intermediate_cas SET state = \(state), \(fragment: change), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND state = \(before) RETURNING \(fragment: IntermediateCA.columns)
            """)
        guard let row else {
            throw StoreError.invalidState(
                .authority, id: id.text, reason: "it is \(try get(id, in: tx).state.rawValue), not \(before.rawValue)")
        }
        return try IntermediateCA(row)
    }

    /// Notes that the key of a retired authority is used no more; false when somebody else noted it.
    package func recordRelease(of id: AuthorityID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE intermediate_cas SET key_released_at = \(tx.now), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id) AND state = 'retired' AND key_released_at IS NULL AND key_driver_id IS NOT NULL
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

    /// To be called before anything of a tree is changed or locked, so that changes of a tree wait for each other and in
    /// one order. A changed tree is another configuration of its issuer: every replica makes its connectors anew.
    package func beginChange(of issuer: IssuerID, in tx: any Transaction) throws {
        // An update and not a lock for update, which would wait for whoever records an order at the issuer.
        try tx.execute("UPDATE issuers SET config_revision = config_revision + 1 WHERE id = \(issuer)")
        try tx.notify(.issuers, payload: issuer.text)
    }
}
