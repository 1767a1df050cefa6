package import Domain
package import Query

/// The roles and what each allows.
package struct RoleStore: Sendable {
    /// Roles of an installation; more are not listed.
    package static let mostRoles = 1000

    package init() {}

    private static let columns: SQL = "id, tenant_id, name, description, created_at, updated_at, row_version"
    private static let rules = [
        UniqueRule(constraint: "roles_tenant_id_name_key", entity: .role, field: "name"),
        UniqueRule(constraint: "roles_pkey", entity: .role, field: "id"),
    ]

    /// Every role, by name.
    package func all(in tx: any Transaction) throws -> [Role] {
        try tx.rows("SELECT \(fragment: Self.columns) FROM roles ORDER BY name, id LIMIT \(Self.mostRoles)")
            .map { try Role($0) }
    }

    package func find(_ id: RoleID, in tx: any Transaction) throws -> Role? {
        try tx.row("SELECT \(fragment: Self.columns) FROM roles WHERE id = \(id)").map { try Role($0) }
    }

    package func get(_ id: RoleID, in tx: any Transaction) throws -> Role {
        guard let role = try find(id, in: tx) else { throw StoreError.notFound(.role, id: id.text) }
        return role
    }

    /// The role, locked until the transaction ends: its permissions and its grants are changed by one at a time.
    package func lock(_ id: RoleID, in tx: any Transaction) throws -> Role {
        let row = try tx.row("SELECT \(fragment: Self.columns) FROM roles WHERE id = \(id)\(lock: .forUpdate)")
        guard let row else { throw StoreError.notFound(.role, id: id.text) }
        return try Role(row)
    }

    package func insert(_ id: RoleID, name: String, description: String, in tx: any Transaction) throws -> Role {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO roles (id, name, description, created_at, updated_at)
                VALUES (\(id), \(name), \(description), \(tx.now), \(tx.now)) RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try Role(rows.onlyRow())
    }

    package func update(
        _ id: RoleID,
        name: String,
        description: String,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Role {
        let condition = UpdateGuard.condition(id: id, expecting: version)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE roles SET name = \(name), description = \(description), updated_at = \(tx.now),
                    row_version = row_version + 1
                WHERE \(fragment: condition) RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.role, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try Role(row)
    }

    /// Deletes a role that nobody holds; its permissions go with it. Grants that have ended do not hold it.
    package func delete(_ id: RoleID, in tx: any Transaction) throws {
        try tx.execute("DELETE FROM actor_roles WHERE role_id = \(id) AND expires_at <= \(tx.now)")
        let counts = try DependentCount.nonZero(
            [("grants", "SELECT COUNT(*) FROM actor_roles WHERE role_id = \(id)")],
            in: tx
        )
        guard counts.isEmpty else { throw StoreError.inUse(.role, id: id.text, counts: counts) }
        try tx.execute("DELETE FROM roles WHERE id = \(id)")
    }

    /// Every permission of a role, by name.
    package func permissions(of id: RoleID, in tx: any Transaction) throws -> [RolePermission] {
        try tx.rows(
            """
            SELECT p.name, rp.permission_id, rp.scope_type, rp.scope_id
            FROM role_permissions rp JOIN permissions p ON p.id = rp.permission_id
            WHERE rp.role_id = \(id) ORDER BY p.name, rp.scope_type, rp.scope_id
            """
        ).map { row in
            RolePermission(
                name: try row.text("name"),
                permissionID: try row.text("permission_id"),
                scope: try GrantScope(row, type: "scope_type", id: "scope_id")
            )
        }
    }

    /// Adds a permission; false when the role has it already.
    package func add(_ entitlement: Entitlement, to id: RoleID, in tx: any Transaction) throws -> Bool {
        try GrantStore.verify(entitlement.scope, in: tx)
        let (name, scope) = (entitlement.permission.rawValue, entitlement.scope)
        let isNew =
            try tx.execute(
                """
                INSERT INTO role_permissions (role_id, permission_id, scope_type, scope_id)
                SELECT \(id), id, \(scope.type), \(scope.id) FROM permissions WHERE name = \(name)
                ON CONFLICT DO NOTHING
                """
            ) == 1
        if isNew { try tx.notify(.access, payload: id.text) }
        return isNew
    }

    /// Removes a permission in one scope; false when the role does not have it.
    package func remove(
        permission name: String,
        in scope: GrantScope,
        from id: RoleID,
        in tx: any Transaction
    ) throws -> Bool {
        let isGone =
            try tx.execute(
                """
                DELETE FROM role_permissions
                WHERE role_id = \(id) AND scope_type = \(scope.type) AND COALESCE(scope_id, '') = \(scope.id ?? "")
                    AND permission_id IN (SELECT id FROM permissions WHERE name = \(name))
                """
            ) > 0
        if isGone { try tx.notify(.access, payload: id.text) }
        return isGone
    }
}
