import DatabaseTestSupport
import Query
import Testing

@Suite("Security §3.1, domain §3.19: grants with a scope, alike on both engines")
struct ScopedGrantTests {
    private static func insert(
        _ id: String, actor: String = "ops", type: String = "global", scope: String? = nil
    ) -> SQL {
        """
        INSERT INTO actor_roles (id, actor_id, actor_type, role_id, scope_type, scope_id)
        VALUES (\(id), \(actor), 'APIKey', 'r-viewer', \(type), \(scope))
        """
    }

    /// What one insertion after another does: nil when it is stored, else the constraint that refuses it.
    static let script: [(sql: SQL, refusedBy: String?)] = [
        (insert("ar-1"), nil),
        (insert("ar-2"), "actor_roles_grant_key"),
        (insert("ar-3", type: "issuer", scope: "iss-a"), nil),
        (insert("ar-4", type: "issuer", scope: "iss-a"), "actor_roles_grant_key"),
        (insert("ar-5", type: "issuer", scope: "iss-b"), nil),
        (insert("ar-6", type: "profile", scope: "iss-a"), nil),
        (insert("ar-7", actor: "other"), nil),
        (insert("ar-8", type: "issuer"), "actor_roles_scope_shape"),
        (insert("ar-9", actor: "third", scope: "iss-a"), "actor_roles_scope_shape"),
        (insert("ar-10", type: "team", scope: "t-a"), "actor_roles_scope_type_enum"),
        (insert("ar-11", type: "Global", scope: "x"), "actor_roles_scope_type_enum"),
        (insert("ar-12", type: "issuer", scope: ""), "actor_roles_scope_id_form"),
        (insert("ar-13", type: "issuer", scope: "../x"), "actor_roles_scope_id_form"),
    ]

    @Test("type, shape and uniqueness of a scope", arguments: Engine.available)
    func scopes(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            for (index, step) in Self.script.enumerated() {
                let refusedBy = try await Self.refusal(step.sql, database)
                #expect(refusedBy == step.refusedBy, "step \(index + 1)")
            }
        }
    }

    @Test("a grant without a scope column, as an earlier release writes it, is global", arguments: Engine.available)
    func earlierRelease(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let old: @Sendable (String) -> SQL = { id in
                """
                INSERT INTO actor_roles (id, actor_id, actor_type, role_id) VALUES (\(id), 'old', 'User', 'r-viewer')
                ON CONFLICT DO NOTHING
                """
            }
            #expect(try await database.write { try $0.execute(old("ar-1")) } == 1)
            #expect(try await database.write { try $0.execute(old("ar-2")) } == 0)
            let scopes = try await database.read { tx in
                try tx.rows("SELECT scope_type FROM actor_roles WHERE actor_id = 'old'").map {
                    try $0.text("scope_type")
                }
            }
            #expect(scopes == ["global"])
        }
    }

    /// The constraint that refuses a statement; nil when it is run.
    static func refusal(_ sql: SQL, _ database: any Database) async throws -> String? {
        do {
            try await database.write { _ = try $0.execute(sql) }
            return nil
        } catch let error as DatabaseError {
            switch error.kind {
            case .checkViolation(let name), .uniqueViolation(let name): return name
            case .notNullViolation(let column): return column
            default: return error.message
            }
        }
    }
}
