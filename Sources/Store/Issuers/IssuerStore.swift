package import Domain
package import Query

/// The issuers.
package struct IssuerStore: Sendable {
    package init() {}

    static let columns: SQL = """
        id, name, type, config, config_revision, enabled, last_tested_at, test_status, source, hierarchy_mode,
        row_version, created_at, updated_at
        """
    private static let rules = [
        UniqueRule(constraint: "issuers_name_key", entity: .issuer, field: "name"),
        UniqueRule(constraint: "issuers_pkey", entity: .issuer, field: "id"),
    ]

    @discardableResult
    package func insert(
        _ id: IssuerID,
        type: IssuerType,
        _ fields: IssuerFields,
        source: ConfigSource = .database,
        in tx: any Transaction
    ) throws -> Issuer {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO issuers (
                    id, name, type, config, encrypted_config, enabled, source, hierarchy_mode, created_at, updated_at
                ) VALUES (
                    \(id), \(fields.name), \(type), \(JSONColumn.value(fields.config)), \(fields.encryptedConfig),
                    \(fields.enabled), \(source), \(fields.hierarchyMode), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: Self.columns)
                """
            )
        }
        try tx.notify(.issuers, payload: id.text)
        return try Issuer(rows.onlyRow())
    }

    package func find(_ id: IssuerID, in tx: any Transaction) throws -> Issuer? {
        try tx.row("SELECT \(fragment: Self.columns) FROM issuers WHERE id = \(id)").map { try Issuer($0) }
    }

    package func get(_ id: IssuerID, in tx: any Transaction) throws -> Issuer {
        guard let issuer = try find(id, in: tx) else { throw StoreError.notFound(.issuer, id: id.text) }
        return issuer
    }

    /// The sealed configuration; `nil` when the issuer has no secrets.
    package func encryptedConfig(of id: IssuerID, in tx: any Transaction) throws -> [UInt8]? {
        guard let row = try tx.row("SELECT encrypted_config FROM issuers WHERE id = \(id)") else {
            throw StoreError.notFound(.issuer, id: id.text)
        }
        return try row.optionalBytes("encrypted_config")
    }

    /// The issuers whose key is ours, enabled or not: those that are disabled answer for what they issued.
    package func localAuthorities(in tx: any Transaction) throws -> [Issuer] {
        try tx.rows(
            "SELECT \(fragment: Self.columns) FROM issuers WHERE type = \(IssuerType.genericCA) ORDER BY id"
        ).map { try Issuer($0) }
    }

    package func every(in tx: any Transaction) throws -> [Issuer] {
        try tx.rows("SELECT \(fragment: Self.columns) FROM issuers ORDER BY id").map { try Issuer($0) }
    }

    /// The configuration revision of every issuer, for replicas that keep connectors.
    package func revisions(in tx: any Transaction) throws -> [IssuerID: Int] {
        var revisions: [IssuerID: Int] = [:]
        for row in try tx.rows("SELECT id, config_revision FROM issuers") {
            revisions[try row.id("id")] = try row.int("config_revision")
        }
        return revisions
    }

    /// Whether the issuer has, or ever had, a CA or something that was issued: then it stays what it is.
    package func hasHistory(_ id: IssuerID, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM issuer_ca WHERE issuer_id = \(id))
                OR EXISTS (SELECT 1 FROM intermediate_cas WHERE owning_issuer_id = \(id))
                OR EXISTS (SELECT 1 FROM certificate_versions WHERE issuer_id = \(id))
                OR EXISTS (SELECT 1 FROM issuer_orders WHERE issuer_id = \(id))
            """) != nil
    }

    package func isEmpty(in tx: any Transaction) throws -> Bool {
        try tx.row("SELECT 1 AS one FROM issuers LIMIT 1") == nil
    }

    package func list(
        _ request: ListRequest<IssuerFilter, IssuerSort>,
        within clearance: Clearance,
        in tx: any Transaction
    ) throws -> Page<Issuer> {
        let filter = request.filter
        var conditions = clearance.issuerConditions
        if !filter.types.isEmpty { conditions.append("type IN \(list: filter.types)") }
        if let enabled = filter.enabled { conditions.append("enabled = \(enabled)") }
        if let search = filter.search { conditions.append("\("name", contains: search)") }
        let listing = Listing(
            request,
            columns: Self.columns,
            source: "issuers",
            conditions: conditions,
            key: request.sort.key,
            id: "id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Issuer($0) }
    }

    /// Replaces what a client decides and tells every replica.
    package func update(
        _ id: IssuerID,
        _ fields: IssuerFields,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Issuer {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE issuers SET name = \(fields.name), config = \(JSONColumn.value(fields.config)),
                    encrypted_config = \(fields.encryptedConfig), config_revision = config_revision + 1,
                    enabled = \(fields.enabled), hierarchy_mode = \(fields.hierarchyMode),
                    updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.issuer, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        try tx.notify(.issuers, payload: id.text)
        return try Issuer(row)
    }

    package func recordTest(_ id: IssuerID, _ status: ConnectionTestStatus, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE issuers SET test_status = \(status), last_tested_at = \(tx.now), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id)
            """
        )
    }

    /// Deletes an issuer that never issued and has no certificates.
    package func delete(_ id: IssuerID, expecting version: Int?, in tx: any Transaction) throws {
        let counts = try DependentCount.nonZero(
            [
                ("certificates", "SELECT COUNT(*) FROM managed_certificates WHERE issuer_id = \(id)"),
                ("certificate_versions", "SELECT COUNT(*) FROM certificate_versions WHERE issuer_id = \(id)"),
                ("certification_authorities", "SELECT COUNT(*) FROM issuer_ca WHERE issuer_id = \(id)"),
                ("intermediate_cas", "SELECT COUNT(*) FROM intermediate_cas WHERE owning_issuer_id = \(id)"),
                ("issuer_orders", "SELECT COUNT(*) FROM issuer_orders WHERE issuer_id = \(id)"),
                ("profiles", "SELECT COUNT(*) FROM certificate_profiles WHERE issuer_id = \(id)"),
            ],
            in: tx
        )
        guard counts.isEmpty else { throw StoreError.inUse(.issuer, id: id.text, counts: counts) }
        let condition = UpdateGuard.condition(id: id, expecting: version)
        guard try tx.execute("DELETE FROM issuers WHERE \(fragment: condition)") == 1 else {
            throw UpdateGuard.refusal(.issuer, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        try tx.notify(.issuers, payload: id.text)
    }
}
