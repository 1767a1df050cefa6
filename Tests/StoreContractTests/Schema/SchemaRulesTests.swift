import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §14.3: what the schema itself refuses")
struct SchemaRulesTests {
    /// Statements that each break one constraint, by the constraint they must break.
    static let broken: [(name: String, sql: SQL)] = [
        ("teams_id_form", "INSERT INTO teams (id, name) VALUES ('../etc', 'x')"),
        ("teams_id_form", "INSERT INTO teams (id, name) VALUES ('.hidden', 'x')"),
        ("teams_id_form", "INSERT INTO teams (id, name) VALUES ('', 'x')"),
        ("teams_name_length", "INSERT INTO teams (id, name) VALUES ('t-1', '')"),
        (
            "actor_roles_scope_shape",
            """
            INSERT INTO actor_roles (id, actor_id, actor_type, role_id, scope_type, scope_id)
            VALUES ('ar-1', 'a', 'APIKey', 'r-viewer', 'global', 'x')
            """
        ),
        (
            "actor_roles_scope_shape",
            """
            INSERT INTO actor_roles (id, actor_id, actor_type, role_id, scope_type)
            VALUES ('ar-2', 'a', 'APIKey', 'r-viewer', 'issuer')
            """
        ),
        (
            "actor_roles_scope_type_enum",
            """
            INSERT INTO actor_roles (id, actor_id, actor_type, role_id, scope_type, scope_id)
            VALUES ('ar-3', 'a', 'APIKey', 'r-viewer', 'team', 'x')
            """
        ),
        (
            "actor_roles_actor_type_enum",
            "INSERT INTO actor_roles (id, actor_id, actor_type, role_id) VALUES ('ar-4', 'a', 'apikey', 'r-viewer')"
        ),
        ("renewal_policies_window_range", "UPDATE renewal_policies SET renewal_window_days = 0"),
        (
            "issuers_type_enum",
            "INSERT INTO issuers (id, name, type) VALUES ('i-1', 'i', 'local')"
        ),
        (
            "certificate_profiles_short_lived_ttl",
            "INSERT INTO certificate_profiles (id, name, allow_short_lived) VALUES ('p-1', 'p', TRUE)"
        ),
        (
            "jobs_status_enum",
            "INSERT INTO jobs (id, type, status) VALUES ('job-1', 'Issuance', 'pending')"
        ),
        (
            "jobs_retry_shape",
            "INSERT INTO jobs (id, type, status, retry_scheduled) VALUES ('job-2', 'Issuance', 'Pending', TRUE)"
        ),
        (
            "jobs_lease_shape",
            "INSERT INTO jobs (id, type, status, lease_owner) VALUES ('job-3', 'Issuance', 'Running', 'w')"
        ),
        ("scheduler_leader_single", "INSERT INTO scheduler_leader (id) VALUES (2)"),
        ("bootstrap_state_single", "INSERT INTO bootstrap_state (id) VALUES (2)"),
        ("bootstrap_state_shape", "UPDATE bootstrap_state SET consumed_by = 'x'"),
        (
            "audit_events_category_enum",
            """
            INSERT INTO audit_events (id, actor, actor_type, action, resource_type, resource_id, event_category)
            VALUES ('audit-1', 'a', 'System', 'x', 'y', 'z', 'other')
            """
        ),
    ]

    @Test("a CHECK refuses it by name", arguments: Engine.available)
    func checks(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            for (name, sql) in Self.broken {
                let error = await #expect(throws: DatabaseError.self, "\(name)") {
                    _ = try await database.write { try $0.execute(sql) }
                }
                #expect(error?.kind == .checkViolation(constraint: name))
            }
        }
    }

    @Test("an identifier may be 128 characters long and no more", arguments: Engine.available)
    func identifierLength(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let longest = String(repeating: "a", count: 128)
            let tooLong = longest + "b"
            try await database.write { tx in
                _ = try tx.execute("INSERT INTO teams (id, name) VALUES (\(longest), 'longest')")
            }
            await #expect(throws: DatabaseError.self) {
                try await database.write { tx in
                    _ = try tx.execute("INSERT INTO teams (id, name) VALUES (\(tooLong), 'longer')")
                }
            }
        }
    }

    @Test("a grant without scope exists once", arguments: Engine.available)
    func globalGrantsAreUnique(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let insert: @Sendable (String) -> SQL = { id in
                """
                INSERT INTO actor_roles (id, actor_id, actor_type, role_id)
                VALUES (\(id), 'ops', 'APIKey', 'r-viewer')
                """
            }
            try await database.write { _ = try $0.execute(insert("ar-1")) }
            let error = await #expect(throws: DatabaseError.self) {
                try await database.write { _ = try $0.execute(insert("ar-2")) }
            }
            #expect(error?.kind == .uniqueViolation(constraint: "actor_roles_grant_key"))
        }
    }

    @Test("a referenced row cannot be deleted behind the repositories", arguments: Engine.available)
    func foreignKeysRestrict(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { _ = try seed.certificate(in: $0) }
            let deletions: [SQL] = [
                "DELETE FROM teams WHERE id = 't-unassigned'", "DELETE FROM owners WHERE id = 'o-unassigned'",
                "DELETE FROM issuers WHERE id = \(seed.issuer)", "DELETE FROM agents WHERE id = \(seed.agent)",
                "DELETE FROM certificate_profiles WHERE id = \(seed.profile)",
                "DELETE FROM renewal_policies WHERE id = 'rp-default'", "DELETE FROM roles WHERE id = 'r-missing'",
            ]
            for (index, sql) in deletions.enumerated() {
                do {
                    let gone = try await database.write { try $0.execute(sql) }
                    #expect(gone == 0 && index == deletions.count - 1)
                } catch let error as DatabaseError {
                    // SQLite reports RESTRICT as the work of a trigger.
                    #expect(error.message.lowercased().contains("foreign key"), "\(error)")
                }
            }
        }
    }
}
