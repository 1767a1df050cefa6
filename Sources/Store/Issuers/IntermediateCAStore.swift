package import Domain
package import Query

/// The certification authorities of issuers that are trees.
package struct IntermediateCAStore: Sendable {
    /// How far down a tree goes; also what ends a walk upwards in rows that somebody else made a circle of.
    package static let deepest = 16

    package init() {}

    static let rules = [
        UniqueRule(constraint: "intermediate_cas_name_key", entity: .authority, field: "name"),
        UniqueRule(constraint: "intermediate_cas_cert_sha256_key", entity: .authority, field: "cert_pem"),
        UniqueRule(constraint: "intermediate_cas_pkey", entity: .authority, field: "id"),
        UniqueRule(constraint: "intermediate_cas_key_driver_id_key", entity: .authority, field: "key_driver_id"),
        UniqueRule(constraint: "intermediate_cas_active_root_key", entity: .authority, field: "parent_ca_id"),
        UniqueRule(constraint: "intermediate_cas_successor_key", entity: .authority, field: "succeeds_ca_id"),
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
                    crl_validity_seconds, crl_interval_seconds, metadata, succeeds_ca_id, staged_at, activation_at, activation_auto, created_at, updated_at
                ) VALUES (
                    \(new.id), \(new.issuerID), \(new.parentID), \(new.name), \(new.subject),
                    \(Self.firstState(of: new)), \(new.certPEM), \(new.csrPEM),
                    \(new.certSHA256), \(new.spkiSHA256), \(new.subjectKeyIdentifier),
                    \(new.serialNumber), \(new.keyAlgorithm), \(new.keyDriver), \(new.keyReference), \(new.isKeyOwn),
                    \(new.notBefore),
                    \(new.notAfter), \(new.pathLength), \(JSONColumn.value(new.nameConstraints)),
                    \(JSONColumn.value(new.allowedEKUs)), \(JSONColumn.value(new.policyOIDs)), \(new.isIssuing),
                    \(new.ocspURL), \(new.listValiditySeconds), \(new.listIntervalSeconds),
                    \(JSONColumn.value(new.metadata)), \(new.succession?.predecessorID),
                    \(Self.firstState(of: new) == .staged ? tx.now : nil), \(new.succession?.activationAt),
                    \(new.succession?.isAutomatic ?? false), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: IntermediateCA.columns)
                """
            )
        }
        return try IntermediateCA(rows.onlyRow())
    }

    private static func firstState(of new: NewIntermediateCA) -> CAState {
        if new.certPEM == nil { return .pending }
        return new.succession == nil ? .active : .staged
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

    /// Says how long the revocation lists of an authority are good, and how often they are made anew.
    package func setListTerms(
        of id: AuthorityID, validity: Int?, interval: Int?, expecting version: Int?, in tx: any Transaction
    ) throws -> IntermediateCA {
        let row = try tx.row(
            """
            UPDATE intermediate_cas SET crl_validity_seconds = \(validity), crl_interval_seconds = \(interval),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
            RETURNING \(fragment: IntermediateCA.columns)
            """)
        guard let row else {
            throw UpdateGuard.refusal(.authority, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try IntermediateCA(row)
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
        let candidates = try tx.rows(
            """
            SELECT \(fragment: IntermediateCA.columns) FROM intermediate_cas
            WHERE owning_issuer_id = \(issuer) AND state = 'active' AND issuing AND key_driver_id IS NOT NULL
                AND not_before <= \(tx.now) AND not_after > \(tx.now)
            ORDER BY not_after DESC, id
            """
        ).map { try IntermediateCA($0) }
        return try candidates.filter { try revokedAbove($0.id, in: tx) == nil }
    }

    // MARK: Pending

    /// Gives a pending authority its certificate, and what that says; it is active from then on, or staged when it takes the
    /// place of another.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it is not pending.
    package func activate(_ id: AuthorityID, _ new: NewIntermediateCA, in tx: any Transaction) throws -> IntermediateCA
    {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE intermediate_cas SET
                    state = CASE WHEN succeeds_ca_id IS NULL THEN 'active' ELSE 'staged' END,
                    staged_at = CASE WHEN succeeds_ca_id IS NULL THEN NULL ELSE \(tx.now) END,
                    \(fragment: Self.said(by: new)), updated_at = \(tx.now), row_version = row_version + 1
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

    /// To be called before anything of a tree is changed or locked, so that changes of a tree wait for each other and in
    /// one order. A changed tree is another configuration of its issuer: every replica makes its connectors anew.
    package func beginChange(of issuer: IssuerID, in tx: any Transaction) throws {
        // An update and not a lock for update, which would wait for whoever records an order at the issuer.
        try tx.execute("UPDATE issuers SET config_revision = config_revision + 1 WHERE id = \(issuer)")
        try tx.notify(.issuers, payload: issuer.text)
    }
}
