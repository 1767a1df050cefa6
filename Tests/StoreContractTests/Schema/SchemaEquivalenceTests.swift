import DatabaseTestSupport
import Query
import Testing

@Suite("Operations §7.4: both ladders lead to the same schema", .enabled(if: Engine.available.contains(.postgres)))
struct SchemaEquivalenceTests {
    /// A line that one engine has and the other has not, or has differently.
    private struct Difference {
        let engine: Engine
        let line: String
        let reason: String
    }

    private static let declared: [Difference] =
        both(
            "unique role_permissions_grant_key on role_permissions",
            sqlite: "(role_id,permission_id,scope_type,COALESCE(scope_id,''))",
            postgres: "(role_id,permission_id,scope_type,scope_id) nulls not distinct",
            reason: "SQLite has no NULLS NOT DISTINCT; an empty scope_id cannot be stored"
        )
        + both(
            "unique actor_roles_grant_key on actor_roles",
            sqlite: "(actor_id,actor_type,role_id,scope_type,COALESCE(scope_id,''),tenant_id)",
            postgres: "(actor_id,actor_type,role_id,scope_type,scope_id,tenant_id) nulls not distinct",
            reason: "SQLite has no NULLS NOT DISTINCT; an empty scope_id cannot be stored"
        )
        + both(
            "index certificate_versions_created_at_idx on certificate_versions", sqlite: "(created_at)",
            postgres: "(created_at) brin", reason: "SQLite has no BRIN"
        )
        + both(
            "index jobs_completed_at_idx on jobs", sqlite: "(completed_at)", postgres: "(completed_at) brin",
            reason: "SQLite has no BRIN"
        )
        + both(
            "column events.commit_epoch INTEGER not null default", sqlite: "0", postgres: "((pg_current_xact_id())",
            reason: "SQLite commits in the order of seq; PostgreSQL needs the transaction to tell what is settled"
        )

    private static func both(_ subject: String, sqlite: String, postgres: String, reason: String) -> [Difference] {
        [
            Difference(engine: .sqlite, line: "\(subject) \(sqlite)", reason: reason),
            Difference(engine: .postgres, line: "\(subject) \(postgres)", reason: reason),
        ]
    }

    @Test("tables, columns, nullability, defaults, keys, checks, indexes and views, but for declared differences")
    func sameSchema() async throws {
        let sqlite = try await TestDatabase.with(.sqlite) { try await SchemaShape(of: $0) }
        let postgres = try await TestDatabase.with(.postgres) { try await SchemaShape(of: $0) }
        #expect(sqlite.lines.count > 500)
        let declared = { engine in Set(Self.declared.filter { $0.engine == engine }.map(\.line)) }
        #expect(sqlite.lines.subtracting(postgres.lines).subtracting(declared(.sqlite)).sorted() == [])
        #expect(postgres.lines.subtracting(sqlite.lines).subtracting(declared(.postgres)).sorted() == [])
        // A declaration that no longer differs is a mistake too.
        #expect(
            declared(.sqlite).subtracting(sqlite.lines) == [] && declared(.postgres).subtracting(postgres.lines) == [])
        // Where PostgreSQL has the types jsonb and boolean, SQLite has a check each.
        #expect(sqlite.typeChecks.symmetricDifference(postgres.typeChecks).sorted() == [])
        #expect(Self.declared.allSatisfy { !$0.reason.isEmpty })
    }
}
