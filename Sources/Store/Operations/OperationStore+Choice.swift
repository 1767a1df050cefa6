package import Domain
package import Query

extension OperationStore {
    /// What a choice of certificates comes to, for a preview.
    package struct Choice: Sendable {
        /// One of the certificates.
        package struct Match: Sendable {
            package let id: CertificateID
            package let status: CertificateStatus
            package let isIssued: Bool
            /// Whether there is anything of it to revoke.
            package let isRevocable: Bool
        }

        package let total: Int
        /// The first of them by identifier.
        package let sample: [Match]
        /// How many have nothing that is left to revoke.
        package let skipped: Int
    }

    /// What `filter` finds within reach, and what a revocation for `reason` would do to it: the same versions are meant
    /// that the revocation chooses, and one that is on hold counts as long as the reason is another.
    ///
    /// - `isCompromise`: All unexpired versions are meant, whichever key they have.
    /// - `sample`: At most so many certificates are named.
    package func preview(
        _ filter: CertificateFilter, for reason: RevocationReason, isCompromise: Bool, within clearance: Clearance,
        sample: Int, in tx: any Transaction
    ) throws -> Choice {
        let condition = try Self.condition(filter, within: clearance, in: tx)
        let revocable = Self.revocable(reason, key: filter.spkiSHA256, isCompromise: isCompromise, at: tx.now)
        let counts = try tx.row(
            """
            SELECT COUNT(*) AS total, COALESCE(SUM(CASE WHEN \(fragment: revocable) THEN 0 ELSE 1 END), 0) AS skipped
            FROM managed_certificates c WHERE \(fragment: condition)
            """)
        let rows = try tx.rows(
            """
            SELECT c.id, c.status, (c.current_version_id IS NOT NULL) AS issued, (\(fragment: revocable)) AS revocable
            FROM managed_certificates c WHERE \(fragment: condition) ORDER BY c.id LIMIT \(sample)
            """)
        return Choice(
            total: try counts?.int("total") ?? 0,
            sample: try rows.map { row in
                Choice.Match(
                    id: try row.id("id"), status: try row.value("status"), isIssued: try row.bool("issued"),
                    isRevocable: try row.bool("revocable"))
            },
            skipped: try counts?.int("skipped") ?? 0)
    }

    private static func revocable(
        _ reason: RevocationReason, key: String?, isCompromise: Bool, at now: Timestamp
    ) -> SQL {
        let meant: SQL
        if let key {
            meant = "v.spki_sha256 = \(key) AND v.not_after > \(now)"
        } else if isCompromise {
            meant = "(v.superseded_at IS NULL OR v.not_after > \(now))"
        } else {
            meant = """
                (v.superseded_at IS NULL OR (v.not_after > \(now) AND v.spki_sha256 IN (
                    SELECT w.spki_sha256 FROM certificate_versions w
                    WHERE w.certificate_id = c.id AND w.superseded_at IS NULL)))
                """
        }
        // A hold gives way to any other reason.
        let final: SQL = reason == .certificateHold ? "TRUE" : "r.reason <> 'certificateHold'"
        return """
            c.status <> \(CertificateStatus.archived) AND EXISTS (
                SELECT 1 FROM certificate_versions v
                WHERE v.certificate_id = c.id AND NOT v.issued_elsewhere AND \(fragment: meant) AND NOT EXISTS (
                    SELECT 1 FROM certificate_revocations r
                    WHERE r.issuer_id = v.issuer_id AND r.serial_number = v.serial_number
                        AND r.authority_id = COALESCE(v.issuing_ca_id, v.issuer_id) AND r.released_at IS NULL AND \(fragment: final)))
            """
    }

    /// Of `ids`, those that are not there or out of reach.
    package func unknown(
        _ ids: [CertificateID], within clearance: Clearance, in tx: any Transaction
    ) throws -> [CertificateID] {
        guard !ids.isEmpty else { return [] }
        let conditions: [SQL] = ["c.id IN \(list: ids)"] + clearance.certificateConditions
        let rows = try tx.rows(
            "SELECT c.id FROM managed_certificates c WHERE \(fragment: SQL.joined(conditions, by: " AND "))")
        return Set(ids).subtracting(try rows.map { row in try row.id("id") }).sorted()
    }

    static func condition(
        _ filter: CertificateFilter, within clearance: Clearance, in tx: any Transaction
    ) throws -> SQL {
        let hasNames = try filter.subjectAltName != nil && BackfillStore().isFinished(.certificateNames, in: tx)
        let all = filter.conditions(hasNames: hasNames) + clearance.certificateConditions
        return all.isEmpty ? "TRUE" : SQL.joined(all, by: " AND ")
    }
}
