import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Operations §16.6: db check names rows that contradict each other")
struct SemanticChecksTests {
    /// A change behind the repositories, and the check that must name it.
    static let damages: [(check: String, row: String, sql: [SQL])] = [
        (
            "certificate-without-version", "mc-1",
            ["UPDATE managed_certificates SET status = 'Active', current_version_id = NULL, expires_at = NULL"]
        ),
        (
            "certificate-expiry", "mc-1",
            ["UPDATE managed_certificates SET expires_at = (SELECT not_before FROM certificate_versions)"]
        ),
        (
            "certificate-version", "mc-1",
            [
                "UPDATE certificate_versions SET superseded_at = created_at"
            ]
        ),
        ("revocation-state", "mc-1", ["UPDATE managed_certificates SET status = 'Revoked'"]),
        (
            "audit-gap", "after 0",
            [
                """
                INSERT INTO audit_events (id, actor, actor_type, action, resource_type, resource_id)
                VALUES ('audit-1', 'a', 'System', 'x', 'y', 'z'), ('audit-2', 'a', 'System', 'x', 'y', 'z')
                """,
                """
                INSERT INTO audit_leaves (seq, event_id, leaf_hash, row_hash)
                VALUES (0, 'audit-1', \([UInt8](repeating: 1, count: 32)), \([UInt8](repeating: 1, count: 32))),
                    (2, 'audit-2', \([UInt8](repeating: 1, count: 32)), \([UInt8](repeating: 1, count: 32)))
                """,
            ]
        ),
        ("job-without-target", "job-1", ["UPDATE jobs SET target_id = NULL"]),
        ("job-of-retired-agent", "job-1", ["UPDATE agents SET retired_at = registered_at"]),
        (
            "job-without-approval", "job-2",
            [
                "INSERT INTO jobs (id, type, certificate_id, status) VALUES ('job-2', 'Issuance', 'mc-1', 'AwaitingApproval')"
            ]
        ),
        (
            "approval-without-waiting-job", "a-1",
            [
                """
                INSERT INTO issuance_approval_requests (id, certificate_id, job_id, profile_id, requested_by)
                SELECT 'a-1', 'mc-1', 'job-1', certificate_profile_id, 'alice' FROM managed_certificates
                """
            ]
        ),
        (
            "grant-of-nothing", "ar-1",
            [
                """
                INSERT INTO actor_roles (id, actor_id, actor_type, role_id, scope_type, scope_id)
                VALUES ('ar-1', 'ops', 'APIKey', 'r-viewer', 'issuer', 'iss-gone')
                """
            ]
        ),
        (
            "secret-unsealed", "tg-1",
            ["UPDATE deployment_targets SET encrypted_config = \([UInt8](arrayLiteral: 0x7B))"]
        ),
        (
            "time-in-future", "mc-1",
            ["UPDATE managed_certificates SET created_at = (SELECT not_after FROM certificate_versions)"]
        ),
    ]

    @Test("a sound database has none; each damage is named once, with its row", arguments: Engine.available)
    func damage(engine: Engine) async throws {
        for damage in Self.damages {
            try await TestDatabase.with(engine) { database in
                try await Self.fill(database)
                #expect(try await database.read { try SemanticChecks.findings(in: $0) } == [])
                try await database.write { tx in for sql in damage.sql { try tx.execute(sql) } }
                let findings = try await database.read { try SemanticChecks.findings(in: $0) }
                #expect(findings.map(\.check) == [damage.check], "\(damage.check): \(findings)")
                #expect(findings.first?.row == damage.row)
                #expect(findings.first?.remedy.isEmpty == false)
            }
        }
    }

    @Test("a certificate on two hosts ends with the first of them, and a repair says so", arguments: Engine.available)
    func twoSlots(engine: Engine) async throws {
        func checks(_ database: any Database) async throws -> [String] {
            try await database.read { try SemanticChecks.findings(in: $0) }.map { "\($0.check) \($0.isRepairable)" }
        }
        func repair(_ database: any Database) async throws -> [Int] {
            try await database.write { try SemanticChecks.repair(in: $0).map(\.rows) }
        }
        try await TestDatabase.with(engine) { database in
            try await Self.fill(database)
            let seed = try await database.seed()
            try await database.write { tx in
                try tx.execute("UPDATE issuers SET encrypted_config = \([UInt8](arrayLiteral: 4, 1))")
                try tx.execute("UPDATE deployment_targets SET encrypted_config = \([UInt8](arrayLiteral: 4, 1))")
                let later = seed.version(
                    of: CertificateID(stored: "mc-1"), agent: seed.agent, notAfter: tx.now + .days(80))
                try VersionStore().insert(later, in: tx)
                try tx.execute("UPDATE managed_certificates SET current_version_id = \(later.id)")
            }
            #expect(try await checks(database) == [])
            #expect(try await repair(database) == [])
            try await database.write { tx in
                _ = try tx.execute(
                    "UPDATE managed_certificates SET expires_at = (SELECT MAX(not_after) FROM certificate_versions)")
            }
            #expect(try await checks(database) == ["certificate-expiry true"])
            #expect(try await repair(database) == [1])
            #expect(try await checks(database) == [])
        }
    }

    @Test("PostgreSQL: constraints that were never validated, and indexes that are not used")
    func unvalidated() async throws {
        guard Engine.available.contains(.postgres) else { return }
        try await TestDatabase.with(.postgres) { database in
            try await database.migrate {
                try $0.run("ALTER TABLE teams ADD CONSTRAINT teams_x CHECK (name <> 'x') NOT VALID")
                try $0.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'teams_name_key'::regclass")
            }
            let findings = try await database.read { try SemanticChecks.findings(in: $0) }
            #expect(findings.map(\.check) == ["constraint-not-valid", "index-invalid"])
            #expect(findings.map(\.row) == ["teams.teams_x", "teams_name_key"])
        }
    }

    @Test("SQLite: rows that refer to nothing")
    func orphans() async throws {
        try await TestDatabase.with(.sqlite) { database in
            try await database.migrate {
                try $0.run("PRAGMA foreign_keys = OFF")
                try $0.run("UPDATE owners SET team_id = 't-gone'")
            }
            let findings = try await database.read { try SemanticChecks.findings(in: $0) }
            #expect(findings.map(\.check) == ["foreign-key"])
            #expect(findings.first?.row.contains("owners") == true && findings.first?.row.contains("teams") == true)
        }
    }

    /// One certificate with a version, a target and an open job.
    private static func fill(_ database: any Database) async throws {
        let seed = try await database.seed()
        try await database.write { tx in
            try tx.execute("UPDATE issuers SET encrypted_config = \([UInt8](arrayLiteral: 4, 1))")
            try tx.execute(
                "UPDATE deployment_targets SET id = 'tg-1', encrypted_config = \([UInt8](arrayLiteral: 4, 1))")
            let certificate = CertificateID(stored: "mc-1")
            try seed.certificate(certificate, in: tx)
            let version = seed.version(of: certificate, notAfter: tx.now + .days(60))
            try VersionStore().insert(version, in: tx)
            try tx.execute(
                """
                UPDATE managed_certificates SET current_version_id = \(version.id), status = 'Active',
                    expires_at = \(version.notAfter)
                """
            )
            try tx.execute(
                """
                INSERT INTO jobs (id, type, certificate_id, target_id, agent_id, status)
                VALUES ('job-1', 'Deployment', 'mc-1', 'tg-1', \(seed.agent), 'Pending')
                """
            )
        }
    }
}
