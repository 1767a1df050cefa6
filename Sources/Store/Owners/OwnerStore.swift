package import Domain
package import Query

/// The owners of certificates.
package struct OwnerStore: Sendable {
    package init() {}

    private static let columns: SQL = "id, name, email, team_id, row_version, created_at, updated_at"
    private static let rules = [
        UniqueRule(constraint: "owners_name_key", entity: .owner, field: "name"),
        UniqueRule(constraint: "owners_team_email_key", entity: .owner, field: "email"),
        UniqueRule(constraint: "owners_pkey", entity: .owner, field: "id"),
    ]

    @discardableResult
    package func insert(_ id: OwnerID, _ fields: OwnerFields, in tx: any Transaction) throws -> Owner {
        try verifyReferences(of: fields, in: tx)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO owners (id, name, email, team_id, created_at, updated_at)
                VALUES (\(id), \(fields.name), \(fields.email), \(fields.teamID), \(tx.now), \(tx.now))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try Owner(rows.onlyRow())
    }

    package func find(_ id: OwnerID, in tx: any Transaction) throws -> Owner? {
        try tx.row("SELECT \(fragment: Self.columns) FROM owners WHERE id = \(id)").map { try Owner($0) }
    }

    package func get(_ id: OwnerID, in tx: any Transaction) throws -> Owner {
        guard let owner = try find(id, in: tx) else { throw StoreError.notFound(.owner, id: id.text) }
        return owner
    }

    package func list(
        _ request: ListRequest<OwnerFilter, OwnerSort>,
        in tx: any Transaction
    ) throws -> Page<OwnerListing> {
        let filter = request.filter
        var conditions: [SQL] = []
        if !filter.teamIDs.isEmpty { conditions.append("o.team_id IN \(list: filter.teamIDs)") }
        if let search = filter.search {
            conditions.append("(\("o.name", contains: search) OR \("o.email", contains: search))")
        }
        let listing = Listing(
            request,
            columns: """
                o.id, o.name, o.email, o.team_id, o.row_version, o.created_at, o.updated_at,
                (SELECT COUNT(*) FROM managed_certificates c WHERE c.owner_id = o.id) AS certificate_count
                """,
            source: "owners o",
            conditions: conditions,
            key: request.sort.key,
            id: "o.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { row in
            OwnerListing(owner: try Owner(row), certificateCount: try row.int("certificate_count"))
        }
    }

    package func update(
        _ id: OwnerID,
        _ fields: OwnerFields,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Owner {
        try verifyReferences(of: fields, in: tx)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE owners SET name = \(fields.name), email = \(fields.email), team_id = \(fields.teamID),
                    updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.owner, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try Owner(row)
    }

    /// Deletes an owner who has no certificates.
    package func delete(_ id: OwnerID, expecting version: Int?, in tx: any Transaction) throws {
        let counts = try DependentCount.nonZero(
            [
                ("certificates", "SELECT COUNT(*) FROM managed_certificates WHERE owner_id = \(id)"),
                ("acme_accounts", "SELECT COUNT(*) FROM acme_accounts WHERE owner_id = \(id)"),
                ("acme_eab_keys", "SELECT COUNT(*) FROM acme_eab_keys WHERE owner_id = \(id)"),
                ("profiles", "SELECT COUNT(*) FROM certificate_profiles WHERE owner_id = \(id)"),
            ],
            in: tx
        )
        guard counts.isEmpty else { throw StoreError.inUse(.owner, id: id.text, counts: counts) }
        let condition = UpdateGuard.condition(id: id, expecting: version)
        guard try tx.execute("DELETE FROM owners WHERE \(fragment: condition)") == 1 else {
            throw UpdateGuard.refusal(.owner, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
    }

    /// Gives every certificate of an owner to another one; how many moved.
    package func reassign(from id: OwnerID, to other: OwnerID, in tx: any Transaction) throws -> Int {
        guard try find(other, in: tx) != nil else {
            throw StoreError.unknownReferences([.init(field: "reassign_to", id: other.text)])
        }
        return try tx.execute(
            """
            UPDATE managed_certificates SET owner_id = \(other), updated_at = \(tx.now), row_version = row_version + 1
            WHERE owner_id = \(id)
            """
        )
    }

    private func verifyReferences(of fields: OwnerFields, in tx: any Transaction) throws {
        var references = ReferenceCheck()
        references.expect(fields.teamID, in: .teams, as: "team_id")
        try references.verify(in: tx)
    }
}
