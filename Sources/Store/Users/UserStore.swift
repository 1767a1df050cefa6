package import Domain
package import Query

/// A person, as stored.
package struct User: Hashable, Sendable {
    package let id: UserID
    package let tenantID: String
    package let email: String
    package let displayName: String
    package let lastLoginAt: Timestamp?
    package let createdAt: Timestamp
    package let deactivatedAt: Timestamp?

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        tenantID = try row.text("tenant_id")
        email = try row.text("email")
        displayName = try row.text("display_name")
        lastLoginAt = try row.optionalTime("last_login_at")
        createdAt = try row.time("created_at")
        deactivatedAt = try row.optionalTime("deactivated_at")
    }

    package var actor: Actor { Actor(id: id.text, type: .user) }
}

/// The people who sign in.
package struct UserStore: Sendable {
    package init() {}

    private static let columns: SQL = "id, tenant_id, email, display_name, last_login_at, created_at, deactivated_at"

    /// Makes a user; false when there is one of this id.
    package func insert(
        _ id: UserID, displayName: String, email: String, in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO users (id, email, display_name, created_at, updated_at)
            VALUES (\(id), \(email), \(displayName), \(tx.now), \(tx.now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    package func find(_ id: UserID, in tx: any Transaction) throws -> User? {
        try tx.row("SELECT \(fragment: Self.columns) FROM users WHERE id = \(id)").map { try User($0) }
    }

    /// The user, locked until the transaction ends.
    package func lock(_ id: UserID, in tx: any Transaction) throws -> User? {
        try tx.row(
            "SELECT \(fragment: Self.columns) FROM users WHERE id = \(id)\(lock: .forUpdate)"
        ).map { try User($0) }
    }

    package func all(limit: Int, in tx: any Transaction) throws -> [User] {
        try tx.rows("SELECT \(fragment: Self.columns) FROM users ORDER BY id LIMIT \(limit)").map { try User($0) }
    }

    package func noteLogin(of id: UserID, in tx: any Transaction) throws {
        try tx.execute("UPDATE users SET last_login_at = \(tx.now) WHERE id = \(id)")
    }

    package func describe(
        _ id: UserID, displayName: String?, email: String?, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE users SET display_name = COALESCE(\(displayName), display_name), email = COALESCE(\(email), email),
                updated_at = \(tx.now)
            WHERE id = \(id)
            """
        )
    }

    /// Who was deactivated before `deadline` and still has personal data here, the longest ago first.
    package func due(deactivatedBefore deadline: Timestamp, limit: Int, in tx: any Transaction) throws -> [UserID] {
        try tx.rows(
            """
            SELECT id FROM users
            WHERE deactivated_at IS NOT NULL AND purged_at IS NULL AND deactivated_at <= \(deadline)
            ORDER BY deactivated_at, id LIMIT \(limit)
            """
        ).map { try $0.id("id") }
    }

    /// Takes name and address away, once; false when that is not due, or was done before.
    package func purge(_ id: UserID, deactivatedBefore deadline: Timestamp, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE users SET email = 'purged@redacted.local', display_name = '[purged]', last_login_at = NULL,
                purged_at = \(tx.now), updated_at = \(tx.now)
            WHERE id = \(id) AND deactivated_at <= \(deadline) AND purged_at IS NULL
            """
        ) == 1
    }

    /// Whether anything changed.
    package func setDeactivated(_ isDeactivated: Bool, _ id: UserID, in tx: any Transaction) throws -> Bool {
        let time: Timestamp? = isDeactivated ? tx.now : nil
        let changed =
            try tx.execute(
                """
                UPDATE users SET deactivated_at = \(time), purged_at = NULL, updated_at = \(tx.now)
                WHERE id = \(id) AND (deactivated_at IS NULL) = \(isDeactivated)
                """
            ) == 1
        if changed { try tx.notify(.access, payload: id.text) }
        return changed
    }
}
