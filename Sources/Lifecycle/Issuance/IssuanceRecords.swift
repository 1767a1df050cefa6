import Domain
import Query
import Store

/// Statements of the issuance path that several tables share.
enum IssuanceRecords {
    static func subject(_ id: CertificateID, in tx: any Transaction) throws -> IssuanceInputs {
        do {
            if let inputs = try IssuanceInputs.read(id, in: tx) { return inputs }
        } catch let error as DatabaseError where error.kind == .corrupt {
            throw ServiceError(
                .unavailable, "what decides about \(id.text) can't be read, so nothing is issued: \(error.message)",
                retryAfter: .seconds(60))
        }
        throw StoreError.notFound(.certificate, id: id.text)
    }

    /// Takes a job back from waiting for a CA: `Pending` → `Running`, one attempt, no lease because the same
    /// transaction ends it. False when it does not wait so.
    @discardableResult
    static func claimParked(_ job: JobID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE jobs SET status = 'Running', attempts = attempts + 1, started_at = COALESCE(started_at, \(tx.now)),
                status_changed_at = \(tx.now), updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(job) AND status = 'Pending' AND type IN ('Issuance', 'Renewal')
            """
        ) == 1
    }

    /// Returns a job whose order was given up to its agent; the attempt that it spent counts.
    static func requeue(_ job: JobID, in tx: any Transaction) throws -> Job? {
        let rows = try tx.rows(
            """
            UPDATE jobs SET status = 'AwaitingCSR', lease_owner = NULL, lease_expires_at = NULL,
                scheduled_at = \(tx.now), status_changed_at = \(tx.now), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(job) AND status = 'Running' AND agent_id IS NOT NULL AND attempts < max_attempts
                AND type IN ('Issuance', 'Renewal')
            RETURNING id
            """
        )
        return rows.isEmpty ? nil : try JobStore().find(job, in: tx)
    }

    /// The newest issuance job that an agent had for a certificate.
    static func latestJob(of certificate: CertificateID, agent: AgentID, in tx: any Transaction) throws -> Job? {
        let row = try tx.row(
            """
            SELECT id FROM jobs
            WHERE certificate_id = \(certificate) AND agent_id = \(agent) AND type IN ('Issuance', 'Renewal')
            ORDER BY created_at DESC, id DESC LIMIT 1
            """
        )
        guard let row else { return nil }
        return try JobStore().find(row.id("id"), in: tx)
    }

    /// Supersedes current versions whose key slot serves no target of the certificate any more; otherwise a key that
    /// nobody renews would one day make the certificate count as expired.
    static func supersedeOrphans(of certificate: CertificateID, in tx: any Transaction) throws -> [VersionID] {
        try tx.rows(
            """
            UPDATE certificate_versions SET superseded_at = \(tx.now), key_material_encrypted = NULL
            WHERE certificate_id = \(certificate) AND superseded_at IS NULL AND (agent_id IS NULL OR agent_id NOT IN (
                SELECT d.agent_id FROM certificate_target_mappings m
                JOIN deployment_targets d ON d.id = m.target_id
                WHERE m.certificate_id = \(certificate) AND d.retired_at IS NULL
            ))
            RETURNING id
            """
        ).map { try $0.id("id") }
    }
}
