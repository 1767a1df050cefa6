package import Domain
package import Query

/// The teams.
package struct TeamStore: Sendable {
    package init() {}

    private static let columns: SQL = "id, name, description, row_version, created_at, updated_at"
    private static let rules = [
        UniqueRule(constraint: "teams_name_key", entity: .team, field: "name"),
        UniqueRule(constraint: "teams_pkey", entity: .team, field: "id"),
    ]

    @discardableResult
    package func insert(_ id: TeamID, _ fields: TeamFields, in tx: any Transaction) throws -> Team {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO teams (id, name, description, created_at, updated_at)
                VALUES (\(id), \(fields.name), \(fields.description), \(tx.now), \(tx.now))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try Team(rows.onlyRow())
    }

    package func find(_ id: TeamID, in tx: any Transaction) throws -> Team? {
        try tx.row("SELECT \(fragment: Self.columns) FROM teams WHERE id = \(id)").map { try Team($0) }
    }

    package func get(_ id: TeamID, in tx: any Transaction) throws -> Team {
        guard let team = try find(id, in: tx) else { throw StoreError.notFound(.team, id: id.text) }
        return team
    }

    package func list(
        _ request: ListRequest<TeamFilter, TeamSort>,
        in tx: any Transaction
    ) throws -> Page<TeamListing> {
        var conditions: [SQL] = []
        if let search = request.filter.search {
            conditions.append("(\("t.name", contains: search) OR \("t.description", contains: search))")
        }
        let listing = Listing(
            request,
            columns: """
                t.id, t.name, t.description, t.row_version, t.created_at, t.updated_at,
                (SELECT COUNT(*) FROM managed_certificates c WHERE c.team_id = t.id) AS certificate_count,
                (SELECT COUNT(*) FROM owners o WHERE o.team_id = t.id) AS owner_count
                """,
            source: "teams t",
            conditions: conditions,
            key: request.sort.key,
            id: "t.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { row in
            TeamListing(
                team: try Team(row),
                certificateCount: try row.int("certificate_count"),
                ownerCount: try row.int("owner_count")
            )
        }
    }

    /// Replaces what a client decides; `version` is the row version that the client saw, if it said so.
    package func update(
        _ id: TeamID,
        _ fields: TeamFields,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Team {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE teams SET name = \(fields.name), description = \(fields.description),
                    updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.team, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try Team(row)
    }

    /// Deletes a team that nothing refers to.
    package func delete(_ id: TeamID, expecting version: Int?, in tx: any Transaction) throws {
        let counts = try DependentCount.nonZero(
            [
                ("certificates", "SELECT COUNT(*) FROM managed_certificates WHERE team_id = \(id)"),
                ("owners", "SELECT COUNT(*) FROM owners WHERE team_id = \(id)"),
                ("acme_accounts", "SELECT COUNT(*) FROM acme_accounts WHERE team_id = \(id)"),
                ("acme_eab_keys", "SELECT COUNT(*) FROM acme_eab_keys WHERE team_id = \(id)"),
                ("profiles", "SELECT COUNT(*) FROM certificate_profiles WHERE team_id = \(id)"),
            ],
            in: tx
        )
        guard counts.isEmpty else { throw StoreError.inUse(.team, id: id.text, counts: counts) }
        let condition = UpdateGuard.condition(id: id, expecting: version)
        guard try tx.execute("DELETE FROM teams WHERE \(fragment: condition)") == 1 else {
            throw UpdateGuard.refusal(.team, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
    }

    /// Moves every owner and certificate of a team to another one, so that the team can be deleted.
    ///
    /// - Returns: How many rows of each kind moved.
    package func reassign(
        from id: TeamID,
        to other: TeamID,
        in tx: any Transaction
    ) throws -> (owners: Int, certificates: Int) {
        guard try find(other, in: tx) != nil else {
            throw StoreError.unknownReferences([.init(field: "reassign_to", id: other.text)])
        }
        let owners = try tx.execute(
            """
            UPDATE owners SET team_id = \(other), updated_at = \(tx.now), row_version = row_version + 1
            WHERE team_id = \(id)
            """
        )
        let certificates = try tx.execute(
            """
            UPDATE managed_certificates SET team_id = \(other), updated_at = \(tx.now), row_version = row_version + 1
            WHERE team_id = \(id)
            """
        )
        return (owners, certificates)
    }
}
