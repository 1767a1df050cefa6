package import Domain
package import Query

extension GrantScope {
    /// The scope of a row; an unknown type is an error, never a wider scope.
    init(_ row: Row, type: String, id: String) throws(DatabaseError) {
        guard let scope = GrantScope(type: try row.text(type), id: try row.optionalText(id)) else {
            throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "a grant has an unknown scope")
        }
        self = scope
    }
}

/// Why a grant exists.
package enum GrantSource: String, Sendable, CaseIterable, Bindable {
    case manual, env, bootstrap, oidc, scim, elevation
}

/// A role given to an actor, as stored.
package struct Grant: Hashable, Sendable {
    package let id: GrantID
    package let actor: Actor
    package let roleID: String
    package let scope: GrantScope
    package let grantedAt: Timestamp
    package let expiresAt: Timestamp?
    package let grantedBy: String
    package let source: GrantSource

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        actor = Actor(id: try row.text("actor_id"), type: try row.value("actor_type"))
        roleID = try row.text("role_id")
        scope = try GrantScope(row, type: "scope_type", id: "scope_id")
        grantedAt = try row.time("granted_at")
        expiresAt = try row.optionalTime("expires_at")
        grantedBy = try row.text("granted_by")
        source = try row.value("source")
    }
}

/// What an actor holds at one moment.
package struct Holdings: Hashable, Sendable {
    /// The roles held in any scope, sorted.
    package var roleIDs: [String] = []
    /// The permissions, each with the scope that its grant and its role have in common.
    package var entitlements: Set<Entitlement> = []
    /// When the first of the grants ends: until then nothing changes by itself.
    package var firstExpiry: Timestamp?
}

/// The grants of roles to actors.
package struct GrantStore: Sendable {
    package static let adminRole = "r-admin"

    package init() {}

    static let columns: SQL =
        "id, actor_id, actor_type, role_id, scope_type, scope_id, granted_at, expires_at, granted_by, source"

    /// Grants a role; false when the actor has this very grant already.
    @discardableResult
    package func grant(
        _ id: GrantID,
        role: String,
        to actor: Actor,
        scope: GrantScope = .global,
        expiresAt: Timestamp? = nil,
        by granter: String,
        source: GrantSource = .manual,
        in tx: any Transaction
    ) throws -> Bool {
        try Self.verify(scope, role: role, in: tx)
        // A grant that has ended is no grant; it must not stand in the way of a new one.
        try tx.execute(
            """
            DELETE FROM actor_roles
            WHERE actor_id = \(actor.id) AND actor_type = \(actor.type) AND role_id = \(role)
                AND \(fragment: Self.condition(scope)) AND expires_at <= \(tx.now)
            """
        )
        let isNew =
            try tx.execute(
                """
                INSERT INTO actor_roles (
                    id, actor_id, actor_type, role_id, granted_at, expires_at, granted_by, source, scope_type, scope_id
                ) VALUES (
                    \(id), \(actor.id), \(actor.type), \(role), \(tx.now), \(expiresAt), \(granter), \(source),
                    \(scope.type), \(scope.id)
                ) ON CONFLICT DO NOTHING
                """
            ) == 1
        if isNew { try tx.notify(.access, payload: actor.id) }
        return isNew
    }

    /// Throws ``StoreError/unknownReferences(_:)`` unless role and scope exist.
    static func verify(_ scope: GrantScope, role: String? = nil, in tx: any Transaction) throws {
        var references = ReferenceCheck()
        references.expect(role, in: .roles, as: "role_id")
        switch scope {
        case .global: break
        case .profile(let id): references.expect(id, in: .profiles, as: "scope_id")
        case .issuer(let id): references.expect(id, in: .issuers, as: "scope_id")
        }
        try references.verify(in: tx)
    }

    private static func condition(_ scope: GrantScope) -> SQL {
        "scope_type = \(scope.type) AND COALESCE(scope_id, '') = \(scope.id ?? "")"
    }

    /// The grants of an actor that have not expired.
    package func grants(of actor: Actor, in tx: any Transaction) throws -> [Grant] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM actor_roles
            WHERE actor_id = \(actor.id) AND actor_type = \(actor.type)
                AND (expires_at IS NULL OR expires_at > \(tx.now))
            ORDER BY role_id, id
            """
        ).map { try Grant($0) }
    }

    /// Every current grant, by actor.
    package func all(limit: Int, in tx: any Transaction) throws -> [Grant] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM actor_roles WHERE expires_at IS NULL OR expires_at > \(tx.now)
            ORDER BY actor_type, actor_id, role_id, id LIMIT \(limit)
            """
        ).map { try Grant($0) }
    }

    /// What an actor may do, in one statement. Names that this program does not know grant nothing.
    package func holdings(of actor: Actor, in tx: any Transaction) throws -> Holdings {
        let rows = try tx.rows(
            """
            SELECT g.role_id, g.expires_at, g.scope_type, g.scope_id, p.name, rp.scope_type AS role_scope_type,
                rp.scope_id AS role_scope_id
            FROM actor_roles g
            LEFT JOIN role_permissions rp ON rp.role_id = g.role_id
            LEFT JOIN permissions p ON p.id = rp.permission_id
            WHERE g.actor_id = \(actor.id) AND g.actor_type = \(actor.type)
                AND (g.expires_at IS NULL OR g.expires_at > \(tx.now))
            ORDER BY g.role_id
            """
        )
        var holdings = Holdings()
        for row in rows {
            let role = try row.text("role_id")
            if holdings.roleIDs.last != role { holdings.roleIDs.append(role) }
            if let end = try row.optionalTime("expires_at") {
                holdings.firstExpiry = min(end, holdings.firstExpiry ?? end)
            }
            guard let name = try row.optionalText("name"), let permission = Permission(rawValue: name) else { continue }
            let granted = try GrantScope(row, type: "scope_type", id: "scope_id")
            let roleScope = try GrantScope(row, type: "role_scope_type", id: "role_scope_id")
            guard let scope = granted.intersection(roleScope) else { continue }
            holdings.entitlements.insert(Entitlement(permission, scope))
        }
        return holdings
    }

    /// The names of the permissions of a role, for comparing the catalogue with the code.
    package func permissionNames(ofRole role: String, in tx: any Transaction) throws -> [String] {
        try tx.rows(
            """
            SELECT p.name FROM role_permissions rp JOIN permissions p ON p.id = rp.permission_id
            WHERE rp.role_id = \(role) ORDER BY p.name
            """
        ).map { try $0.text("name") }
    }

    /// Takes a role from an actor in every scope, or in one; how many grants went.
    @discardableResult
    package func revoke(
        role: String,
        from actor: Actor,
        scope: GrantScope? = nil,
        in tx: any Transaction
    ) throws -> Int {
        var condition: SQL = "actor_id = \(actor.id) AND actor_type = \(actor.type) AND role_id = \(role)"
        if let scope {
            condition += " AND " + Self.condition(scope)
        }
        let gone = try tx.execute("DELETE FROM actor_roles WHERE \(fragment: condition)")
        if gone > 0 { try tx.notify(.access, payload: actor.id) }
        return gone
    }

    /// Takes every role from an actor; how many grants went.
    package func revokeAll(from actor: Actor, in tx: any Transaction) throws -> Int {
        let gone = try tx.execute(
            "DELETE FROM actor_roles WHERE actor_id = \(actor.id) AND actor_type = \(actor.type)")
        if gone > 0 { try tx.notify(.access, payload: actor.id) }
        return gone
    }
}
