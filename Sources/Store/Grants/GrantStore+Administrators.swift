package import Domain
package import Query

extension GrantStore {
    /// Whether anybody but the anonymous demonstration actor administers this installation.
    package func hasAdministrator(in tx: any Transaction) throws -> Bool {
        try tx.row(Self.administrators(at: tx.now) + " LIMIT 1") != nil
    }

    static func administrators(at now: Timestamp) -> SQL {
        """
        SELECT 1 AS one FROM actor_roles
        WHERE role_id = \(adminRole) AND scope_type = 'global' AND actor_type <> 'Anonymous'
            AND (expires_at IS NULL OR expires_at > \(now))
        """
    }

    /// How many actors administer everything and have a credential that works now (specification, security §3.4).
    package func usableAdministrators(in tx: any Transaction) throws -> Int {
        let row = try tx.row(
            """
            SELECT COUNT(DISTINCT g.actor_id) AS n FROM actor_roles g
            JOIN api_keys k ON k.name = g.actor_id AND g.actor_type = 'APIKey'
            WHERE g.role_id = \(Self.adminRole) AND g.scope_type = 'global'
                AND (g.expires_at IS NULL OR g.expires_at > \(tx.now))
                AND k.revoked_at IS NULL AND k.disabled_at IS NULL
                AND (k.expires_at IS NULL OR k.expires_at > \(tx.now))
            """
        )
        return try row?.int("n") ?? 0
    }

    /// Waits until no other transaction changes who administers, and keeps others waiting until this one ends.
    ///
    /// The first statement of every transaction that may take an administrator away: each then counts what the one
    /// before it left.
    package func lockAdministration(in tx: any Transaction) throws {
        _ = try tx.row("SELECT id FROM bootstrap_state WHERE id = 1\(lock: .forUpdate)")
    }

    /// Removes the grants and role permissions that are narrowed to something which is being deleted.
    ///
    /// - Returns: The grants that went.
    package func removeAll(in scope: GrantScope, in tx: any Transaction) throws -> [Grant] {
        guard let id = scope.id else { return [] }
        let gone = try tx.rows(
            """
            DELETE FROM actor_roles WHERE scope_type = \(scope.type) AND scope_id = \(id)
            RETURNING \(fragment: Self.columns)
            """
        ).map { try Grant($0) }
        let narrowed = try tx.execute(
            "DELETE FROM role_permissions WHERE scope_type = \(scope.type) AND scope_id = \(id)"
        )
        if !gone.isEmpty || narrowed > 0 { try tx.notify(.access, payload: scope.label) }
        return gone
    }

    /// The actors that hold a role now, in any scope.
    package func holders(of role: String, in tx: any Transaction) throws -> [Actor] {
        try tx.rows(
            """
            SELECT DISTINCT actor_id, actor_type FROM actor_roles
            WHERE role_id = \(role) AND (expires_at IS NULL OR expires_at > \(tx.now))
            ORDER BY actor_type, actor_id
            """
        ).map { Actor(id: try $0.text("actor_id"), type: try $0.value("actor_type")) }
    }

    /// What each of some roles allows, unknown names left out; roles that do not exist are not in the answer.
    package func entitlements(
        ofRoles roles: Set<String>,
        in tx: any Transaction
    ) throws -> [String: [Entitlement]] {
        guard !roles.isEmpty else { return [:] }
        let rows = try tx.rows(
            """
            SELECT r.id AS role_id, p.name, rp.scope_type, rp.scope_id FROM roles r
            LEFT JOIN role_permissions rp ON rp.role_id = r.id
            LEFT JOIN permissions p ON p.id = rp.permission_id
            WHERE r.id IN \(list: roles.sorted()) ORDER BY r.id, p.name
            """
        )
        var entitlements: [String: [Entitlement]] = [:]
        for row in rows {
            let role = try row.text("role_id")
            entitlements[role, default: []] += []
            guard let name = try row.optionalText("name"), let permission = Permission(rawValue: name) else { continue }
            let scope = try GrantScope(row, type: "scope_type", id: "scope_id")
            entitlements[role, default: []].append(Entitlement(permission, scope))
        }
        return entitlements
    }
}

extension GrantStore {
    /// How many people or services administer everywhere with a key that may approve.
    package func approvingAdministrators(in tx: any Transaction) throws -> Int {
        try tx.row(
            """
            SELECT COUNT(DISTINCT COALESCE('User:' || c.owner_user_id, 'APIKey:' || k.name)) AS n
            FROM actor_roles g
            JOIN api_keys k ON k.name = g.actor_id AND k.revoked_at IS NULL AND k.disabled_at IS NULL
                AND (k.expires_at IS NULL OR k.expires_at > \(tx.now))
            JOIN api_key_custody c ON c.api_key_id = k.id AND c.may_approve
            WHERE g.actor_type = 'APIKey' AND g.role_id = 'r-admin' AND g.scope_type = 'global'
                AND (g.expires_at IS NULL OR g.expires_at > \(tx.now))
            """
        )?.int("n") ?? 0
    }
}
