import Query

/// Rows of every table as the release of a given migration wrote them: its columns, its values.
///
/// The same statements show two things: an upgrade keeps the rows, and a release of before goes on working on the
/// newer schema (expand, migrate, contract).
struct Rows {
    let engine: Engine
    /// Tells several sets in one database apart.
    var tag = "a"

    /// What a release whose newest migration is number `count` wrote, in order.
    func statements(prefix count: Int) -> [String] { Array(byMigration.prefix(count).joined()) }

    private var byMigration: [[String]] {
        [
            identity, inventory, jobs, audit, infrastructure, ownSeed, scopedGrants, approvals, profileEdits,
            requesters, [], keyLifecycle, backfills, auditLog, decisions,
            requestLimits, sealingKeys, signIn, auditLookup, auditHolds, keyNotices,
            revocations, ocsp, operations, acme, [], [], hierarchy,
            perspectives, furtherCertificates, trust, adopted,
        ]
    }

    private func time(_ days: Int) -> String {
        switch engine {
        case .sqlite: "\((1_800_000_000 + days * 86_400) * 1_000_000)"
        case .postgres: "to_timestamp(\(1_800_000_000 + days * 86_400))"
        }
    }

    private func octets(_ hex: String) -> String { engine == .sqlite ? "X'\(hex)'" : "'\\x\(hex)'" }

    /// 64 hexadecimal digits that no other row has.
    private func digest(_ number: Int) -> String {
        let own = "\(number)" + tag.utf8.map { String($0, radix: 16) }.joined()
        return "'" + String(repeating: "0", count: 64 - own.count) + own + "'"
    }

    private var keyNotices: [String] {
        [
            """
            INSERT INTO api_key_notices (api_key_id, kind, about, noticed_at)
            VALUES ('ak-\(tag)', 'expires_7d', \(time(7)), \(time(0)))
            """
        ]
    }

    private var revocations: [String] {
        [
            """
            INSERT INTO revocation_counters (authority_id, issuer_id, last_change, last_crl_number)
            VALUES ('iss-\(tag)', 'iss-\(tag)', 1, 1)
            """,
            """
            INSERT INTO certificate_revocations (id, issuer_id, authority_id, serial_number, certificate_id, version_id,
                not_after, reason, revoked_by, revoked_at, first_change, change_number, notification, created_at, updated_at)
            VALUES ('rev-\(tag)', 'iss-\(tag)', 'iss-\(tag)', 'f1', 'mc-\(tag)', 'cv-\(tag)', \(time(90)),
                'superseded', 'ops', \(time(1)), 1, 1, 'none', \(time(1)), \(time(1)))
            """,
            """
            INSERT INTO crl_cache (authority_id, scope, issuer_id, crl_number, through_change, this_update, next_update,
                ending_at, pruned_through, generated_at, generation_duration_ms, revoked_count, head_der, tail_der, length, sha256)
            VALUES ('iss-\(tag)', 'full', 'iss-\(tag)', 1, 1, \(time(1)), \(time(2)), \(time(2)), \(time(1)), \(time(1)), 3, 1,
                \(octets("30")), \(octets("a0")), 4, \(digest(9)))
            """,
            """
            INSERT INTO crl_blocks (authority_id, scope, block, entry_count, entries)
            VALUES ('iss-\(tag)', 'full', 0, 1, \(octets("3000")))
            """,
            """
            INSERT INTO crl_partitions (authority_id, partitions, issuer_id, since)
            VALUES ('iss-\(tag)', 16, 'iss-\(tag)', \(time(1)))
            """,
            """
            INSERT INTO crl_generation_events (issuer_id, authority_id, scope, crl_number, duration_ms, revoked_count,
                started_at, succeeded)
            VALUES ('iss-\(tag)', 'iss-\(tag)', 'full', 1, 3, 1, \(time(1)), TRUE)
            """,
        ]
    }

    private var ocsp: [String] {
        [
            """
            INSERT INTO ocsp_responders (id, authority_id, ca_sha256, serial_number, key_algorithm, spki_sha256, key_encrypted,
                cert_pem, not_before, not_after, created_at)
            VALUES ('ocspr-\(tag)', 'iss-\(tag)', \(digest(11)), 'f2', 'ECDSA-P256', \(digest(12)), \(octets("04")),
                'PEM', \(time(0)), \(time(30)), \(time(0)))
            """,
            """
            INSERT INTO ocsp_response_cache (authority_id, serial_number, cert_id_form, cert_status, response_der,
                this_update, next_update, requested_at)
            VALUES ('iss-\(tag)', 'f3', 'sha1/0', 'good', \(octets("3000")), \(time(0)), \(time(1)), \(time(0)))
            """,
        ]
    }

    private var acme: [String] {
        [
            """
            INSERT INTO acme_eab_keys (id, profile_id, label, hmac_key_encrypted, allowed_identifiers, max_accounts,
                used_count, created_by, bound_account_id, created_at)
            VALUES ('eab-\(tag)', 'cp-\(tag)', 'web', \(octets("0402")), '["a.test"]', 3, 1, 'ops', 'acme-acc-\(tag)',
                \(time(0)))
            """,
            """
            INSERT INTO acme_accounts (account_id, profile_id, jwk_thumbprint, jwk_pem, contact, status, eab_key_id,
                eab_binding, created_at, updated_at)
            VALUES ('acme-acc-\(tag)', 'cp-\(tag)', 'tp-\(tag)', 'PEM', '[]', 'valid', 'eab-\(tag)', '{}', \(time(0)),
                \(time(0)))
            """,
            """
            INSERT INTO acme_ended_accounts (account_id, profile_id, jwk_thumbprint, status, ended_at)
            VALUES ('acme-acc-gone-\(tag)', 'cp-\(tag)', 'tp-gone-\(tag)', 'deactivated', \(time(0)))
            """,
            """
            INSERT INTO acme_orders (order_id, account_id, profile_id, identifiers, names_sha256, status, expires_at,
                csr_pem, csr_sha256, certificate_id, version_id, job_id, attempts, retry_at, replaces, needed_until, created_at,
                updated_at)
            VALUES ('acme-ord-\(tag)', 'acme-acc-\(tag)', 'cp-\(tag)', '[{"type":"dns","value":"a.test"}]',
                \(digest(14)), 'valid', \(time(1)), 'CSR', \(digest(13)), 'mc-\(tag)', 'cv-\(tag)', 'job-\(tag)', 1, \(time(1)),
                'aki.\(tag)', \(time(90)), \(time(0)), \(time(0)))
            """,
            """
            INSERT INTO acme_authorizations (authz_id, account_id, order_id, position, identifier, status, expires_at,
                wildcard, created_at, updated_at)
            VALUES ('acme-authz-\(tag)', 'acme-acc-\(tag)', 'acme-ord-\(tag)', 0, '{"type":"dns","value":"a.test"}',
                'valid', \(time(1)), TRUE, \(time(0)), \(time(0)))
            """,
            """
            INSERT INTO acme_challenges (challenge_id, authz_id, type, status, token, validated_at, lease_owner,
                lease_expires_at, created_at, updated_at)
            VALUES ('acme-chall-\(tag)', 'acme-authz-\(tag)', 'http-01', 'processing', 'tok', NULL, 'one', \(time(1)),
                \(time(0)), \(time(0)))
            """,
            "INSERT INTO acme_nonces (nonce, expires_at) VALUES ('n-\(tag)', \(time(1)))",
        ]
    }

    private var perspectives: [String] {
        [
            """
            INSERT INTO acme_perspective_checks (id, challenge_id, purpose, attempt, perspective, thumbprint, agent_id,
                claimed_at, verdict, problem, detail, answered_at, created_at, expires_at)
            VALUES ('acme-chk-\(tag)', 'acme-chall-\(tag)', 'caa', 1, 'eu', 'tp-\(tag)', 'ag-\(tag)', \(time(0)), 'refused',
                'connection', 'no connection', \(time(0)), \(time(0)), \(time(1)))
            """
        ]
    }

    private var furtherCertificates: [String] {
        [
            """
            INSERT INTO ca_certificates (id, ca_id, parent_ca_id, above_pem, cert_pem, cert_sha256, issuer_subject,
                serial_number, not_before, not_after, withdrawn_at, withdrawal_reason, created_at)
            VALUES ('icc-\(tag)', 'ica-\(tag)', NULL, 'pem', 'pem', \(digest(16)), 'CN=Other', 'f2', \(time(0)),
                \(time(3650)), \(time(1)), 'superseded', \(time(0)))
            """
        ]
    }

    private var trust: [String] {
        [
            """
            INSERT INTO trust_holdings (target_id, cert_sha256, reported_at)
            VALUES ('tg-\(tag)', \(digest(19)), \(time(1)))
            """
        ]
    }

    private var adopted: [String] {
        [
            """
            INSERT INTO adopted_certificates (authority_id, serial_number, spki_sha256, is_ca, not_after)
            VALUES ('ica-\(tag)', '1', \(digest(17)), FALSE, \(time(90)))
            """,
            """
            INSERT INTO ca_ceremonies (id, issuer_id, authority_id, operation, approval_id, record, key_id, signature,
                created_at)
            VALUES ('cer-\(tag)', 'iss-\(tag)', 'ica-\(tag)', 'adopt', 'apr-\(tag)', '{}', 'key', 'c2ln', \(time(1)))
            """,
        ]
    }

    private var hierarchy: [String] {
        [
            """
            INSERT INTO intermediate_cas (id, owning_issuer_id, parent_ca_id, name, subject, state, cert_pem, cert_sha256,
                spki_sha256, subject_key_id, serial_number, key_algorithm, key_driver, key_driver_id, key_is_own,
                not_before, not_after, path_len_constraint, name_constraints, allowed_ekus, policy_oids, issuing, metadata,
                created_at, updated_at)
            VALUES ('ica-\(tag)', 'iss-\(tag)', NULL, 'Root', 'CN=Root', 'active', 'pem', \(digest(13)), \(digest(14)),
                'a1', 'f1', 'ECDSA-P256', NULL, NULL, FALSE, \(time(0)), \(time(3650)), 1, '[]', '[]', '[]', FALSE, '{}',
                \(time(0)), \(time(0)))
            """,
            """
            INSERT INTO intermediate_cas (id, owning_issuer_id, parent_ca_id, name, subject, state, csr_pem, spki_sha256,
                subject_key_id, key_algorithm, key_driver, key_driver_id, key_is_own, path_len_constraint,
                name_constraints, allowed_ekus, policy_oids, issuing, metadata, created_at, updated_at)
            VALUES ('ica-p-\(tag)', 'iss-\(tag)', 'ica-\(tag)', 'Pending', 'CN=Pending', 'pending', 'csr', \(digest(15)),
                'a2', 'ECDSA-P256', 'database', 'dbkey-p-\(tag)', TRUE, 0, '[]', '[]', '[]', TRUE, '{}', \(time(0)),
                \(time(0)))
            """,
            """
            INSERT INTO intermediate_cas (id, owning_issuer_id, parent_ca_id, name, subject, state, cert_pem, cert_sha256,
                spki_sha256, subject_key_id, serial_number, key_algorithm, key_driver, key_driver_id, key_is_own,
                not_before, not_after, name_constraints, allowed_ekus, policy_oids, issuing, metadata, revoked_at,
                revocation_reason, created_at, updated_at)
            VALUES ('ica-r-\(tag)', 'iss-\(tag)', 'ica-\(tag)', 'Revoked', 'CN=Revoked', 'revoked', 'pem', \(digest(17)),
                \(digest(18)), 'a3', 'f3', 'ECDSA-P256', 'database', 'dbkey-r-\(tag)', TRUE, \(time(0)), \(time(3650)),
                '[]', '[]', '[]', TRUE, '{}', \(time(1)), 'caCompromise', \(time(0)), \(time(0)))
            """,
        ]
    }

    private var operations: [String] {
        [
            """
            INSERT INTO operations (id, kind, state, created_by, created_by_type, criteria, reason, items_sha256, total,
                failed, created_at, started_at, updated_at)
            VALUES ('op-\(tag)', 'bulk_revoke', 'running', 'ops', 'APIKey', '{}', 'superseded', \(digest(12)), 2, 1,
                \(time(1)), \(time(1)), \(time(2)))
            """,
            """
            INSERT INTO operation_items (operation_id, subject_id, outcome, detail, finished_at)
            VALUES ('op-\(tag)', 'mc-\(tag)', 'pending', NULL, NULL), ('op-\(tag)', 'mc-none', 'failed', 'not_found',
                \(time(2)))
            """,
        ]
    }

    private var sealingKeys: [String] {
        [
            """
            INSERT INTO sealing_key_holders (instance, kek_ids, active_kek_id, active_since, seen_at)
            VALUES ('host-\(tag)', '0123456789abcdef', '0123456789abcdef', \(time(0)), \(time(1)))
            """,
            "INSERT INTO code_keys (label, key_encrypted, created_at) VALUES ('l-\(tag)', \(octets("0401")), \(time(0)))",
            """
            INSERT INTO legacy_seals (table_name, column_name, row_id, crypto_version)
            VALUES ('issuers', 'encrypted_config', 'iss-\(tag)', 3)
            """,
        ]
    }

    private var identity: [String] {
        [
            "INSERT INTO tenants (id, name) VALUES ('t-\(tag)', 'tenant \(tag)')",
            "INSERT INTO roles (id, tenant_id, name) VALUES ('r-\(tag)', 't-\(tag)', 'role')",
            "INSERT INTO permissions (id, name, namespace) VALUES ('p-\(tag)', 'x.\(tag)', 'x')",
            "INSERT INTO role_permissions (role_id, permission_id) VALUES ('r-\(tag)', 'p-\(tag)')",
            """
            INSERT INTO actor_roles (id, actor_id, actor_type, role_id, tenant_id)
            VALUES ('ar-\(tag)', 'ops-\(tag)', 'APIKey', 'r-\(tag)', 't-\(tag)') ON CONFLICT DO NOTHING
            """,
            """
            INSERT INTO api_keys (id, name, key_hash, tenant_id)
            VALUES ('ak-\(tag)', 'ops-\(tag)', \(digest(1)), 't-\(tag)')
            """,
        ]
    }

    private var inventory: [String] {
        [
            "INSERT INTO teams (id, name) VALUES ('tm-\(tag)', 'team \(tag)')",
            "INSERT INTO owners (id, name, email, team_id) VALUES ('o-\(tag)', 'owner \(tag)', 'a@b.c', 'tm-\(tag)')",
            "INSERT INTO certificate_profiles (id, name) VALUES ('cp-\(tag)', 'profile \(tag)')",
            """
            INSERT INTO renewal_policies (id, name, certificate_profile_id)
            VALUES ('rp-\(tag)', 'policy \(tag)', 'cp-\(tag)')
            """,
            "INSERT INTO issuers (id, name, type, encrypted_config) VALUES ('iss-\(tag)', 'issuer \(tag)', 'GenericCA', \(octets("0401")))",
            """
            INSERT INTO agents (id, name, hostname, api_key_hash)
            VALUES ('ag-\(tag)', 'agent \(tag)', 'edge', \(digest(2)))
            """,
            "INSERT INTO agent_liveness (agent_id, last_heartbeat_at) VALUES ('ag-\(tag)', \(time(0)))",
            """
            INSERT INTO deployment_targets (id, name, type, agent_id)
            VALUES ('tg-\(tag)', 'target', 'NGINX', 'ag-\(tag)')
            """,
            """
            INSERT INTO managed_certificates (id, name, common_name, sans, owner_id, team_id, issuer_id,
                renewal_policy_id, certificate_profile_id, status, expires_at)
            VALUES ('mc-\(tag)', 'site \(tag)', 'www.example.com', '["www.example.com","a.example.com"]',
                'o-\(tag)', 'tm-\(tag)', 'iss-\(tag)', 'rp-\(tag)', 'cp-\(tag)', 'Active', \(time(90)))
            """,
            "INSERT INTO certificate_target_mappings (certificate_id, target_id) VALUES ('mc-\(tag)', 'tg-\(tag)')",
            """
            INSERT INTO certificate_versions (id, certificate_id, issuer_id, serial_number, not_before, not_after,
                fingerprint_sha256, spki_sha256, pem_chain, key_algorithm, key_size, agent_id, key_origin)
            VALUES ('cv-\(tag)', 'mc-\(tag)', 'iss-\(tag)', 'f1', \(time(0)), \(time(90)), \(digest(3)), \(digest(4)),
                'PEM', 'ECDSA', 256, 'ag-\(tag)', 'agent')
            """,
            "UPDATE managed_certificates SET current_version_id = 'cv-\(tag)' WHERE id = 'mc-\(tag)'",
        ]
    }

    private var jobs: [String] {
        [
            """
            INSERT INTO jobs (id, type, certificate_id, target_id, agent_id, status)
            VALUES ('job-\(tag)', 'Issuance', 'mc-\(tag)', 'tg-\(tag)', 'ag-\(tag)', 'Pending')
            """,
            """
            INSERT INTO issuer_orders (id, issuer_id, certificate_id, job_id, kind, idempotency_key, csr_sha256,
                state, error_class, error_cause)
            VALUES ('ord-\(tag)', 'iss-\(tag)', 'mc-\(tag)', 'job-\(tag)', 'issue', 'k', \(digest(5)), 'failed',
                'validation', 'names')
            """,
        ]
    }

    private var audit: [String] {
        [
            """
            INSERT INTO audit_events (id, actor, actor_type, action, resource_type, resource_id)
            VALUES ('audit-\(tag)', 'ops', 'APIKey', 'certificate_created', 'certificate', 'mc-\(tag)')
            """,
            """
            INSERT INTO events (type, resource_type, subject, actor, actor_type)
            VALUES ('certificate.created', 'certificate', 'mc-\(tag)', 'ops', 'APIKey')
            """,
        ]
    }

    private var infrastructure: [String] {
        [
            """
            INSERT INTO idempotency_keys (actor_id, actor_type, method, path, key, request_digest, expires_at)
            VALUES ('ops-\(tag)', 'APIKey', 'POST', '/x', '12345678', \(digest(6)), \(time(1)))
            """,
            "INSERT INTO scheduler_state (loop, next_due_at) VALUES ('loop-\(tag)', \(time(1)))",
        ]
    }

    /// What an operator changes in the seed stays changed.
    private var ownSeed: [String] {
        [
            "UPDATE renewal_policies SET renewal_window_days = 21 WHERE id = 'rp-default'",
            "DELETE FROM renewal_policies WHERE id = 'rp-client-managed'",
            """
            INSERT INTO renewal_policies (id, name) VALUES ('rp-own-\(tag)', 'client-managed') ON CONFLICT DO NOTHING
            """,
        ]
    }

    private var scopedGrants: [String] {
        [
            """
            INSERT INTO actor_roles (id, actor_id, actor_type, role_id, tenant_id, scope_type, scope_id)
            VALUES ('ar-i-\(tag)', 'ops-\(tag)', 'APIKey', 'r-\(tag)', 't-\(tag)', 'issuer', 'iss-\(tag)')
            """
        ]
    }

    private var approvals: [String] {
        [
            "UPDATE jobs SET status = 'AwaitingApproval' WHERE id = 'job-\(tag)'",
            """
            INSERT INTO issuance_approval_requests (id, certificate_id, job_id, profile_id, requested_by)
            VALUES ('apr-\(tag)', 'mc-\(tag)', 'job-\(tag)', 'cp-\(tag)', 'alice')
            """,
            """
            INSERT INTO issuance_approval_requests (id, certificate_id, job_id, profile_id, requested_by, state,
                decided_by, decided_at)
            VALUES ('apr-old-\(tag)', 'mc-\(tag)', 'job-\(tag)', 'cp-\(tag)', 'alice', 'approved', 'bob', \(time(0)))
            """,
        ]
    }

    private var profileEdits: [String] {
        [
            """
            INSERT INTO issuance_approval_requests (id, approval_kind, profile_id, requested_by, payload)
            VALUES ('apr-edit-\(tag)', 'profile_edit', 'cp-\(tag)', 'alice', '{"name":"new"}')
            """
        ]
    }

    private var backfills: [String] {
        [
            """
            INSERT INTO data_migrations (name, migration, run_by, started_at, rows_done, position)
            VALUES ('other-\(tag)', '000000_other', 'nobody', \(time(0)), 3, 'x')
            """
        ]
    }

    private var requesters: [String] {
        [
            """
            INSERT INTO issuance_approval_requests (id, approval_kind, profile_id, requested_by, requested_by_type,
                payload, base_updated_at, state, decided_at)
            VALUES ('apr-key-\(tag)', 'profile_edit', 'cp-\(tag)', 'robot', 'APIKey', '{"name":"new"}', \(time(0)),
                'expired', \(time(1)))
            """
        ]
    }

    private var decisions: [String] {
        [
            "INSERT INTO api_key_custody (api_key_id, owner_user_id) VALUES ('ak-\(tag)', 'u-\(tag)')",
            """
            INSERT INTO api_key_handovers (api_key_id, handed_to, handed_to_type, handed_at)
            VALUES ('ak-\(tag)', 'alice', 'APIKey', \(time(0)))
            """,
            """
            INSERT INTO issuance_approval_requests (id, approval_kind, requested_by, payload, payload_digest,
                requested_by_principal, expires_at)
            VALUES ('apr-grant-\(tag)', 'role_grant', 'alice', '{"role_id":"r-admin"}', \(digest(9)), 'u-\(tag)',
                \(time(7)))
            """,
        ]
    }

    private var auditLog: [String] {
        let hash = octets(String(repeating: "ab", count: 32))
        return [
            """
            INSERT INTO audit_leaves (seq, event_id, leaf_hash, row_hash)
            SELECT COALESCE(max(seq) + 1, 0), 'audit-\(tag)', \(hash), \(hash) FROM audit_leaves
            """,
            "DELETE FROM audit_intake WHERE event_id = 'audit-\(tag)'",
            """
            INSERT INTO audit_export_cursors (sink, next_seq) VALUES ('sink-\(tag)', 1)
            """,
        ]
    }

    private var auditHolds: [String] {
        [
            """
            INSERT INTO audit_holds (id, until, reason, placed_by, placed_at)
            VALUES ('hold-\(tag)', \(time(1)), 'case', 'ops', \(time(2)))
            """,
            """
            INSERT INTO audit_breaks (number, divergence, detected_at)
            SELECT COALESCE(max(number) + 1, 0), 'change of \(tag)', \(time(1)) FROM audit_breaks
            """,
        ]
    }

    /// The database itself fills the table.
    private var auditLookup: [String] {
        let hash = octets(String(repeating: "cd", count: 32))
        return [
            """
            INSERT INTO audit_events (id, actor, actor_type, action, resource_type, resource_id)
            VALUES ('audit-found-\(tag)', 'ops', 'APIKey', 'certificate_created', 'certificate', 'mc-\(tag)')
            """,
            """
            INSERT INTO audit_leaves (seq, event_id, leaf_hash, row_hash)
            SELECT COALESCE(max(seq) + 1, 0), 'audit-found-\(tag)', \(hash), \(hash) FROM audit_leaves
            """,
            "DELETE FROM audit_intake WHERE event_id = 'audit-found-\(tag)'",
        ]
    }

    private var requestLimits: [String] {
        [
            """
            INSERT INTO rate_limit_cells (bucket_key, paid_until, updated_at)
            VALUES ('address:t-default:\(tag)', 1800000000000000, \(time(0)))
            """,
            "INSERT INTO server_replicas (instance, seen_at) VALUES ('replica-\(tag)', \(time(0)))",
        ]
    }

    private var keyLifecycle: [String] {
        [
            """
            INSERT INTO api_keys (id, name, key_hash, tenant_id, managed_by, disabled_at, allowed_cidrs)
            VALUES ('ak-off-\(tag)', 'off-\(tag)', \(digest(77)), 't-\(tag)', 'env', \(time(2)), '["127.0.0.0/8"]')
            """
        ]
    }

    private var signIn: [String] {
        let digits = tag.utf8.map { String($0, radix: 16) }.joined()
        let hash = octets(String(repeating: "0", count: 64 - digits.utf8.count) + digits)
        return [
            "INSERT INTO users (id, display_name) VALUES ('bg-\(tag)', 'user \(tag)')",
            """
            INSERT INTO breakglass_credentials (actor_id, password_hash, set_by, set_by_type)
            VALUES ('bg-\(tag)', '$argon2id$v=19$m=64,t=1,p=1$x$y', 'local-uid-0', 'System')
            """,
            """
            INSERT INTO session_signing_keys (id, key_material_encrypted, retired_at)
            VALUES ('sk-\(tag)', \(octets("04")), \(time(1)))
            """,
            """
            INSERT INTO sessions (id, id_hash, actor_id, actor_type, auth_method, auth_time, signing_key_id,
                csrf_token_hash, csrf_rotated_at, last_seen_at, idle_expires_at, absolute_expires_at)
            VALUES ('ses-\(tag)', \(hash), 'bg-\(tag)', 'User', 'breakglass', \(time(0)), 'sk-\(tag)', \(hash),
                \(time(0)), \(time(0)), \(time(1)), \(time(1)))
            """,
            "UPDATE api_key_custody SET may_not_login = TRUE WHERE api_key_id = 'ak-\(tag)'",
        ]
    }
}
