import DatabaseTestSupport
import Foundation
import Query
import TestSupport
import Testing

/// What a database holds, for comparison.
enum Dump {
    /// The schema: `pg_dump --schema-only`, or the text of `sqlite_schema` without what a rebuilt table spells
    /// differently (quotation marks and white space).
    static func schema(_ installation: Installation, withLedger: Bool = true) async throws -> [String] {
        switch installation.engine {
        case .postgres:
            let program = try #require(PostgresCluster.programs) + "/pg_dump"
            let outcome = try await runProgram(
                program,
                ["--schema-only", "--no-owner", "--no-privileges", installation.databaseURL]
                    + (withLedger ? [] : ["--exclude-table=schema_migrations"]),
                logs: installation.directory.url
            )
            try #require(outcome.status == 0, "\(outcome.errors)")
            // Each run has its own random key for these lines.
            return outcome.output.split(separator: "\n").map(String.init).filter {
                !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict")
            }
        case .sqlite:
            let lines = try await installation.with { try await quickSchema($0) }
            return withLedger ? lines : lines.filter { !$0.contains("schema_migrations") }
        }
    }

    /// As ``schema(_:)`` without starting a program: columns, constraints, indexes, triggers, functions and views.
    static func quickSchema(_ database: any Database) async throws -> [String] {
        let query: SQL =
            switch database.engine {
            case .sqlite:
                """
                SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS line FROM sqlite_schema
                WHERE name NOT LIKE 'sqlite_%' ORDER BY 1
                """
            case .postgres:
                """
                SELECT line FROM (
                SELECT concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default) AS line
                FROM information_schema.columns WHERE table_schema = 'public'
                UNION ALL SELECT 'index ' || pg_get_indexdef(indexrelid) || ' ' || indisvalid FROM pg_index
                    JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
                UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass::text, conname,
                    pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
                UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                UNION ALL SELECT 'view ' || viewname || ' ' || definition FROM pg_views WHERE schemaname = 'public'
                ) everything ORDER BY line
                """
            }
        let lines = try await database.read { try $0.rows(query).map { try $0.text("line") } }
        return lines.map {
            $0.filter { $0 != "\"" }.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
    }

    /// A row by its columns.
    typealias Line = [String: String]

    /// Every row of every table except the ledger.
    static func rows(_ database: any Database) async throws -> [String: [Line]] {
        let names: SQL =
            switch database.engine {
            case .sqlite:
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            case .postgres: "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
            }
        let present = try await database.read { try $0.rows(names).map { try $0.text("name") } }
        var rows: [String: [Line]] = [:]
        for name in present where name != "schema_migrations" {
            let query = try #require(tables[name], "the proof does not know the table \(name)")
            let found = try await database.read { try $0.rows(query) }
            rows[name] = found.map(line).sorted {
                "\($0.sorted { $0.key < $1.key })" < "\($1.sorted { $0.key < $1.key })"
            }
        }
        return rows
    }

    private static func line(_ row: Row) -> Line {
        Dictionary(uniqueKeysWithValues: zip(row.columns.names, row.values.map { "\($0)" }))
    }

    /// Whether each row of `before` is in `after` with the same values; columns may have been added.
    static func requireKept(_ before: [String: [Line]], in after: [String: [Line]]) throws {
        for (table, lines) in before {
            let columns = Set(lines.first.map { Array($0.keys) } ?? [])
            let kept = Set((after[table] ?? []).map { $0.filter { columns.contains($0.key) } })
            for line in lines { try #require(kept.contains(line), "\(table) lost \(line)") }
        }
    }

    private static let tables: [String: SQL] = [
        "tenants": "SELECT * FROM tenants", "roles": "SELECT * FROM roles", "permissions": "SELECT * FROM permissions",
        "role_permissions": "SELECT * FROM role_permissions", "actor_roles": "SELECT * FROM actor_roles",
        "api_keys": "SELECT * FROM api_keys", "bootstrap_state": "SELECT * FROM bootstrap_state",
        "teams": "SELECT * FROM teams", "owners": "SELECT * FROM owners",
        "certificate_profiles": "SELECT * FROM certificate_profiles",
        "renewal_policies": "SELECT * FROM renewal_policies", "issuers": "SELECT * FROM issuers",
        "ca_keys": "SELECT * FROM ca_keys", "issuer_ca": "SELECT * FROM issuer_ca", "agents": "SELECT * FROM agents",
        "agent_liveness": "SELECT * FROM agent_liveness",
        "agent_enrollment_tokens": "SELECT * FROM agent_enrollment_tokens",
        "deployment_targets": "SELECT * FROM deployment_targets",
        "managed_certificates": "SELECT * FROM managed_certificates",
        "certificate_target_mappings": "SELECT * FROM certificate_target_mappings",
        "certificate_versions": "SELECT * FROM certificate_versions", "jobs": "SELECT * FROM jobs",
        "issuer_orders": "SELECT * FROM issuer_orders", "audit_events": "SELECT * FROM audit_events",
        "audit_leaves": "SELECT * FROM audit_leaves", "events": "SELECT * FROM events",
        "idempotency_keys": "SELECT * FROM idempotency_keys", "scheduler_leader": "SELECT * FROM scheduler_leader",
        "scheduler_state": "SELECT * FROM scheduler_state", "sealing_keys": "SELECT * FROM sealing_keys",
        "sealing_key_holders": "SELECT * FROM sealing_key_holders", "code_keys": "SELECT * FROM code_keys",
        "legacy_seals": "SELECT * FROM legacy_seals",
        "control_plane_tls": "SELECT * FROM control_plane_tls",
        "issuance_approval_requests": "SELECT * FROM issuance_approval_requests",
        "audit_intake": "SELECT * FROM audit_intake", "audit_subtrees": "SELECT * FROM audit_subtrees",
        "audit_keys": "SELECT * FROM audit_keys", "audit_checkpoints": "SELECT * FROM audit_checkpoints",
        "audit_holds": "SELECT * FROM audit_holds", "audit_breaks": "SELECT * FROM audit_breaks",
        "audit_lookup": "SELECT * FROM audit_lookup", "audit_archives": "SELECT * FROM audit_archives",
        "audit_verifications": "SELECT * FROM audit_verifications",
        "audit_export_cursors": "SELECT * FROM audit_export_cursors",
        "users": "SELECT * FROM users", "breakglass_credentials": "SELECT * FROM breakglass_credentials",
        "session_signing_keys": "SELECT * FROM session_signing_keys", "sessions": "SELECT * FROM sessions",
        "api_key_custody": "SELECT * FROM api_key_custody", "api_key_handovers": "SELECT * FROM api_key_handovers",
        "data_migrations": "SELECT * FROM data_migrations", "certificate_names": "SELECT * FROM certificate_names",
        "rate_limit_cells": "SELECT * FROM rate_limit_cells", "server_replicas": "SELECT * FROM server_replicas",
        "api_key_notices": "SELECT * FROM api_key_notices",
        "revocation_counters": "SELECT * FROM revocation_counters",
        "certificate_revocations": "SELECT * FROM certificate_revocations",
        "crl_cache": "SELECT * FROM crl_cache", "crl_blocks": "SELECT * FROM crl_blocks",
        "crl_partitions": "SELECT * FROM crl_partitions",
        "crl_generation_events": "SELECT * FROM crl_generation_events",
        "ocsp_responders": "SELECT * FROM ocsp_responders", "ocsp_response_cache": "SELECT * FROM ocsp_response_cache",
        "acme_eab_keys": "SELECT * FROM acme_eab_keys", "acme_accounts": "SELECT * FROM acme_accounts",
        "acme_ended_accounts": "SELECT * FROM acme_ended_accounts",
        "acme_orders": "SELECT * FROM acme_orders", "acme_authorizations": "SELECT * FROM acme_authorizations",
        "acme_challenges": "SELECT * FROM acme_challenges", "acme_nonces": "SELECT * FROM acme_nonces",
        "acme_perspective_checks": "SELECT * FROM acme_perspective_checks",
        "intermediate_cas": "SELECT * FROM intermediate_cas", "ca_certificates": "SELECT * FROM ca_certificates",
        "trust_holdings": "SELECT * FROM trust_holdings", "ca_ceremonies": "SELECT * FROM ca_ceremonies",
        "adopted_certificates": "SELECT * FROM adopted_certificates",
        "operations": "SELECT * FROM operations", "operation_items": "SELECT * FROM operation_items",
    ]
}
