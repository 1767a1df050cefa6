package import Domain
package import Query

/// Where a grant holds: everywhere, or for one profile or issuer.
package enum GrantScope: Hashable, Sendable {
    case global
    case profile(ProfileID)
    case issuer(IssuerID)

    /// As stored: `global`, `profile` or `issuer`.
    package var type: String {
        switch self {
        case .global: "global"
        case .profile: "profile"
        case .issuer: "issuer"
        }
    }

    package var id: String? {
        switch self {
        case .global: nil
        case .profile(let id): id.text
        case .issuer(let id): id.text
        }
    }

    /// The scope of a row; an unknown type is an error, never a wider scope.
    init(_ row: Row, type: String, id: String) throws(DatabaseError) {
        let name = try row.optionalText(id)
        switch (try row.text(type), name) {
        case ("global", nil): self = .global
        case ("profile", let name?): self = .profile(ProfileID(stored: name))
        case ("issuer", let name?): self = .issuer(IssuerID(stored: name))
        default: throw DatabaseError(kind: .corrupt, sqlState: "certctl", message: "a grant has an unknown scope")
        }
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

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        actor = Actor(id: try row.text("actor_id"), type: try row.value("actor_type"))
        roleID = try row.text("role_id")
        scope = try GrantScope(row, type: "scope_type", id: "scope_id")
        grantedAt = try row.time("granted_at")
        expiresAt = try row.optionalTime("expires_at")
        grantedBy = try row.text("granted_by")
    }
}

/// One permission of an actor, before the scopes of grant and role are intersected.
package struct GrantedPermission: Hashable, Sendable {
    package let permission: Permission
    package let roleID: String
    package let grantScope: GrantScope
    package let roleScope: GrantScope
}

/// The grants of roles to actors.
package struct GrantStore: Sendable {
    package static let adminRole = "r-admin"

    package init() {}

    private static let columns: SQL =
        "id, actor_id, actor_type, role_id, scope_type, scope_id, granted_at, expires_at, granted_by"

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
        var references = ReferenceCheck()
        references.expect(role, in: .roles, as: "role_id")
        switch scope {
        case .global: break
        case .profile(let id): references.expect(id, in: .profiles, as: "scope_id")
        case .issuer(let id): references.expect(id, in: .issuers, as: "scope_id")
        }
        try references.verify(in: tx)
        return try tx.execute(
            """
            INSERT INTO actor_roles (
                id, actor_id, actor_type, role_id, granted_at, expires_at, granted_by, source, scope_type, scope_id
            ) VALUES (
                \(id), \(actor.id), \(actor.type), \(role), \(tx.now), \(expiresAt), \(granter), \(source),
                \(scope.type), \(scope.id)
            ) ON CONFLICT DO NOTHING
            """
        ) == 1
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
    package func permissions(of actor: Actor, in tx: any Transaction) throws -> [GrantedPermission] {
        let rows = try tx.rows(
            """
            SELECT p.name, g.role_id, g.scope_type, g.scope_id, rp.scope_type AS role_scope_type,
                rp.scope_id AS role_scope_id
            FROM actor_roles g
            JOIN role_permissions rp ON rp.role_id = g.role_id
            JOIN permissions p ON p.id = rp.permission_id
            WHERE g.actor_id = \(actor.id) AND g.actor_type = \(actor.type)
                AND (g.expires_at IS NULL OR g.expires_at > \(tx.now))
            """
        )
        return try rows.compactMap { row in
            guard let permission = Permission(rawValue: try row.text("name")) else { return nil }
            return GrantedPermission(
                permission: permission,
                roleID: try row.text("role_id"),
                grantScope: try GrantScope(row, type: "scope_type", id: "scope_id"),
                roleScope: try GrantScope(row, type: "role_scope_type", id: "role_scope_id")
            )
        }
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
            condition += " AND scope_type = \(scope.type) AND COALESCE(scope_id, '') = \(scope.id ?? "")"
        }
        return try tx.execute("DELETE FROM actor_roles WHERE \(fragment: condition)")
    }
}
