import Domain
package import Query

/// A row that contradicts a rule which no constraint of the schema holds.
package struct SemanticFinding: Hashable, Sendable {
    /// Stable name of the rule.
    package let check: String
    package let table: String
    package let row: String
    package let what: String
    /// What an operator does about it.
    package let remedy: String
    /// ``SemanticChecks/repair(in:)`` can put it right from what other rows say.
    package let isRepairable: Bool
}

/// The checks behind `certctl db check` (operations §16.6), as far as their tables exist.
///
/// They read every row of a table. Checks change nothing; repairs are apart.
package enum SemanticChecks {
    /// More findings of one check than this are left out, and say so.
    package static let limit = 20

    /// Everything that contradicts a rule, in the order of the checks.
    package static func findings(in transaction: any Transaction) throws(DatabaseError) -> [SemanticFinding] {
        var findings: [SemanticFinding] = []
        for check in all(at: transaction) {
            let rows = try transaction.rows("\(fragment: check.rows) LIMIT \(limit + 1)")
            for row in rows.prefix(limit) { findings.append(check.finding(try row.text("row_id"))) }
            if rows.count > limit { findings.append(check.finding("…and more")) }
        }
        return findings
    }

    /// Puts right what follows from other rows without a decision; how many rows each check changed.
    package static func repair(in transaction: any Transaction) throws(DatabaseError) -> [(check: String, rows: Int)] {
        var repaired: [(check: String, rows: Int)] = []
        for check in all(at: transaction) {
            guard let repair = check.repair else { continue }
            let rows = try transaction.execute("\(fragment: repair) WHERE id IN (\(fragment: check.rows))")
            if rows > 0 { repaired.append((check.name, rows)) }
        }
        return repaired
    }

    private struct Check {
        let name: String
        let table: String
        let what: String
        let remedy: String
        /// Selects `row_id` of what is wrong.
        let rows: SQL
        /// An UPDATE without its WHERE, for checks whose `row_id` is the `id` of a row.
        var repair: SQL?

        func finding(_ row: String) -> SemanticFinding {
            SemanticFinding(
                check: name, table: table, row: row, what: what, remedy: remedy, isRepairable: repair != nil)
        }
    }

    private static func all(at transaction: any Transaction) -> [Check] {
        engineChecks(transaction.engine) + certificates + names + jobs + approvals + grants + secrets
            + times(after: transaction)
    }

    // MARK: - The engine's own rules

    private static func engineChecks(_ engine: Engine) -> [Check] {
        switch engine {
        case .sqlite:
            [
                Check(
                    name: "foreign-key", table: "any", what: "refers to a row that does not exist",
                    remedy: "Restore the backup: the file was changed with foreign keys off.",
                    rows: """
                        SELECT "table" || ' rowid ' || COALESCE(rowid, 0) || ', missing in ' || parent AS row_id
                        FROM pragma_foreign_key_check
                        """
                )
            ]
        case .postgres:
            [
                Check(
                    name: "constraint-not-valid", table: "pg_constraint", what: "was never checked against all rows",
                    remedy: "Correct the rows and run ALTER TABLE … VALIDATE CONSTRAINT ….",
                    rows: """
                        SELECT conrelid::regclass::text || '.' || conname AS row_id FROM pg_constraint
                        WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
                        """
                ),
                Check(
                    name: "index-invalid", table: "pg_index", what: "was not built to its end and is not used",
                    remedy: "Run REINDEX INDEX CONCURRENTLY ….",
                    rows: """
                        SELECT i.indexrelid::regclass::text AS row_id FROM pg_index i
                        JOIN pg_class c ON c.oid = i.indexrelid
                        WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace
                        """
                ),
            ]
        }
    }

    // MARK: - Rules of the domain

    /// Each key slot of a certificate has a current version.
    private static let firstEnd: SQL =
        "SELECT MIN(o.not_after) FROM certificate_versions o WHERE o.superseded_at IS NULL"

    private static let certificates = [
        Check(
            name: "certificate-without-version", table: "managed_certificates",
            what: "is in use without a version, and nobody declared it active",
            remedy: "Renew it: certctl certs renew ID.",
            rows: """
                SELECT id AS row_id FROM managed_certificates
                WHERE status IN ('Active', 'Expiring') AND NOT declared_active AND current_version_id IS NULL
                """
        ),
        Check(
            name: "certificate-expiry", table: "managed_certificates",
            what: "does not expire with the first of its current versions", remedy: "Run certctl db check --fix.",
            rows: """
                SELECT c.id AS row_id FROM managed_certificates c
                WHERE c.current_version_id IS NOT NULL AND (
                    c.expires_at IS NULL OR c.expires_at <> (\(fragment: firstEnd) AND o.certificate_id = c.id)
                )
                """,
            repair: """
                UPDATE managed_certificates SET row_version = row_version + 1,
                    expires_at = (\(fragment: firstEnd) AND o.certificate_id = managed_certificates.id)
                """
        ),
        Check(
            name: "certificate-version", table: "managed_certificates",
            what: "has a current version of another certificate, or one that was replaced",
            remedy: "Renew it: certctl certs renew ID.",
            rows: """
                SELECT c.id AS row_id FROM managed_certificates c
                JOIN certificate_versions v ON v.id = c.current_version_id
                WHERE v.certificate_id <> c.id OR v.superseded_at IS NOT NULL
                """
        ),
        Check(
            name: "serial-reused", table: "certificate_versions", what: "shares its issuer and serial number",
            remedy: "An index is damaged: REINDEX, and restore the backup if it stays.",
            rows: """
                SELECT issuer_id || ' ' || serial_number AS row_id FROM certificate_versions
                WHERE NOT issued_elsewhere GROUP BY issuer_id, serial_number HAVING count(*) > 1
                """
        ),
        Check(
            name: "revocation-state", table: "managed_certificates",
            what: "is revoked without a time, or has a time of revocation and is not revoked",
            remedy: "Revoke it again.",
            rows: """
                SELECT id AS row_id FROM managed_certificates
                WHERE (status = 'Revoked' AND revoked_at IS NULL)
                    OR (revoked_at IS NOT NULL AND status NOT IN ('Revoked', 'Archived'))
                """
        ),
        Check(
            name: "audit-gap", table: "audit_leaves", what: "the sequence of the audit trail has a gap",
            remedy: "Rows were removed behind certctl: compare with an exported trail.",
            rows: """
                SELECT 'after ' || l.seq AS row_id FROM audit_leaves l
                WHERE l.seq < (SELECT max(seq) FROM audit_leaves)
                    AND NOT EXISTS (SELECT 1 FROM audit_leaves n WHERE n.seq = l.seq + 1)
                """
        ),
        Check(
            name: "audit-lookup", table: "audit_lookup", what: "does not say what its event says, or is missing",
            remedy: "Rows were changed behind certctl: run certctl audit verify --full.",
            rows: """
                SELECT 'seq ' || l.seq AS row_id FROM audit_leaves l JOIN audit_events e ON e.id = l.event_id
                LEFT JOIN audit_lookup k ON k.seq = l.seq
                WHERE EXISTS (
                    SELECT 1 FROM data_migrations d WHERE d.name = 'audit_lookup' AND d.finished_at IS NOT NULL
                ) AND (
                    k.seq IS NULL OR k.event_id <> e.id OR k.timestamp <> e.timestamp OR k.actor <> e.actor
                    OR k.event_category <> e.event_category OR k.action <> e.action
                    OR k.resource_type <> e.resource_type OR k.resource_id <> e.resource_id
                    OR COALESCE(k.request_id, '') <> COALESCE(e.request_id, '')
                )
                """
        ),
    ]

    private static let names = [
        Check(
            name: "certificate-names", table: "managed_certificates",
            what: "is not found by each of its names, or by one that it has no more",
            remedy: "Run certctl db check --fix.",
            rows: """
                SELECT c.id AS row_id FROM managed_certificates c
                WHERE EXISTS (
                    SELECT 1 FROM data_migrations d WHERE d.name = 'certificate_names' AND d.finished_at IS NOT NULL
                ) AND (
                    (SELECT COUNT(*) FROM certificate_names n WHERE n.certificate_id = c.id)
                        <> (SELECT COUNT(DISTINCT lower(element.value)) FROM \(elements: "c.sans"))
                    OR EXISTS (
                        SELECT 1 FROM \(elements: "c.sans") WHERE lower(element.value) NOT IN (
                            SELECT n.name FROM certificate_names n WHERE n.certificate_id = c.id
                        )
                    )
                )
                """,
            // The trigger does the rest.
            repair: "UPDATE managed_certificates SET sans = sans"
        )
    ]

    private static let jobs = [
        Check(
            name: "job-without-target", table: "jobs", what: "is an open deployment and its target is gone",
            remedy: "Cancel it: certctl jobs cancel ID.",
            rows: """
                SELECT id AS row_id FROM jobs
                WHERE type = 'Deployment' AND target_id IS NULL AND status IN ('Pending', 'AwaitingCSR', 'Running')
                """
        ),
        Check(
            name: "job-of-retired-agent", table: "jobs", what: "is open and its agent is retired",
            remedy: "Cancel it: certctl jobs cancel ID.",
            rows: """
                SELECT j.id AS row_id FROM jobs j JOIN agents a ON a.id = j.agent_id
                WHERE a.retired_at IS NOT NULL AND j.status IN ('Pending', 'AwaitingCSR', 'Running')
                """
        ),
    ]

    private static let approvals = [
        Check(
            name: "approval-without-waiting-job", table: "issuance_approval_requests",
            what: "is pending and its job does not wait for it", remedy: "Reject it.",
            rows: """
                SELECT r.id AS row_id FROM issuance_approval_requests r JOIN jobs j ON j.id = r.job_id
                WHERE r.state = 'pending' AND j.status <> 'AwaitingApproval'
                """
        ),
        Check(
            name: "job-without-approval", table: "jobs", what: "waits for an approval that nobody can give",
            remedy: "Cancel it: certctl jobs cancel ID.",
            rows: """
                SELECT j.id AS row_id FROM jobs j WHERE j.status = 'AwaitingApproval' AND NOT EXISTS (
                    SELECT 1 FROM issuance_approval_requests r JOIN jobs f ON f.id = r.job_id
                    WHERE r.state = 'pending' AND (f.id = j.id OR f.batch_id = j.batch_id)
                )
                """
        ),
    ]

    private static let grants = [
        Check(
            name: "grant-of-nothing", table: "actor_roles", what: "is limited to a profile or issuer that is gone",
            remedy: "Revoke the grant.",
            rows: """
                SELECT g.id AS row_id FROM actor_roles g
                WHERE (g.scope_type = 'profile'
                        AND NOT EXISTS (SELECT 1 FROM certificate_profiles p WHERE p.id = g.scope_id))
                    OR (g.scope_type = 'issuer' AND NOT EXISTS (SELECT 1 FROM issuers i WHERE i.id = g.scope_id))
                """
        )
    ]

    /// The first octet of what certctl seals (security §10.3).
    private static let sealedMark: [UInt8] = [4]

    private static let secrets: [Check] = [
        unsealed(
            "issuers", "SELECT id AS row_id FROM issuers WHERE substr(encrypted_config, 1, 1) <> \(sealedMark)"),
        unsealed(
            "deployment_targets",
            "SELECT id AS row_id FROM deployment_targets WHERE substr(encrypted_config, 1, 1) <> \(sealedMark)"),
        unsealed(
            "ca_keys", "SELECT id AS row_id FROM ca_keys WHERE substr(pkcs8_encrypted, 1, 1) <> \(sealedMark)"),
        unsealed(
            "certificate_versions",
            """
            SELECT id AS row_id FROM certificate_versions WHERE substr(key_material_encrypted, 1, 1) <> \(sealedMark)
            """
        ),
        unsealed(
            "control_plane_tls",
            """
            SELECT 'row 1' AS row_id FROM control_plane_tls
            WHERE substr(private_key_encrypted, 1, 1) <> \(sealedMark)
            """
        ),
    ]

    private static func unsealed(_ table: String, _ rows: SQL) -> Check {
        Check(
            name: "secret-unsealed", table: table, what: "holds a secret that is not sealed by certctl",
            remedy: "Replace the secret; treat it as disclosed.", rows: rows
        )
    }

    /// Clocks of servers may differ a little.
    private static func times(after transaction: any Transaction) -> [Check] {
        let limit = transaction.now + .minutes(5)
        return [
            future(
                "managed_certificates",
                "SELECT id AS row_id FROM managed_certificates WHERE created_at > \(limit) OR updated_at > \(limit)"),
            future("certificate_versions", "SELECT id AS row_id FROM certificate_versions WHERE created_at > \(limit)"),
            future("jobs", "SELECT id AS row_id FROM jobs WHERE created_at > \(limit) OR started_at > \(limit)"),
            future("audit_events", "SELECT id AS row_id FROM audit_events WHERE timestamp > \(limit)"),
        ]
    }

    private static func future(_ table: String, _ rows: SQL) -> Check {
        Check(
            name: "time-in-future", table: table, what: "was written at a time that has not come",
            remedy: "Correct the clock of the server or database that wrote it.", rows: rows
        )
    }
}
