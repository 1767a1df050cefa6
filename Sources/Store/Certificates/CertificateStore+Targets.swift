package import Domain
package import Query

extension CertificateStore {
    /// The targets that a certificate is attached to.
    package func targetIDs(of id: CertificateID, in tx: any Transaction) throws -> [TargetID] {
        try tx.rows(
            """
            SELECT target_id FROM certificate_target_mappings WHERE certificate_id = \(id) ORDER BY target_id
            """
        ).map { try $0.id("target_id") }
    }

    /// Whether any target would receive what is issued for a certificate.
    package func hasTargets(_ id: CertificateID, in tx: any Transaction) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one FROM certificate_target_mappings m JOIN deployment_targets d ON d.id = m.target_id
            WHERE m.certificate_id = \(id) AND d.enabled AND d.retired_at IS NULL LIMIT 1
            """
        ) != nil
    }

    /// Makes `targets` the whole set of a certificate's targets.
    ///
    /// - Returns: What was attached and what was detached by this call.
    @discardableResult
    package func replaceTargets(
        of id: CertificateID,
        with targets: [TargetID],
        in tx: any Transaction
    ) throws -> (attached: [TargetID], detached: [TargetID]) {
        var kept: SQL = ""
        if !targets.isEmpty { kept = " AND target_id NOT IN \(list: targets)" }
        let detached: [TargetID] = try tx.rows(
            """
            DELETE FROM certificate_target_mappings WHERE certificate_id = \(id)\(fragment: kept) RETURNING target_id
            """
        ).map { try $0.id("target_id") }
        let attached = try targets.isEmpty ? [] : attach(targets, to: id, in: tx)
        return (attached, detached)
    }

    /// Attaches targets that are not attached yet; those that were new.
    @discardableResult
    package func attach(
        _ targets: [TargetID],
        to id: CertificateID,
        in tx: any Transaction
    ) throws -> [TargetID] {
        var references = ReferenceCheck()
        for (index, target) in targets.enumerated() {
            references.expect(target, in: .targets, as: "target_ids/\(index)")
        }
        try references.verify(in: tx)
        let rows = Set(targets).sorted().map { target -> SQL in "(\(id), \(target), \(tx.now))" }
        guard !rows.isEmpty else { return [] }
        return try tx.rows(
            """
            INSERT INTO certificate_target_mappings (certificate_id, target_id, created_at)
            VALUES \(fragment: SQL.joined(rows, by: ", ")) ON CONFLICT DO NOTHING RETURNING target_id
            """
        ).map { try $0.id("target_id") }
    }

    /// Detaches a target; false when it was not attached.
    @discardableResult
    package func detach(_ target: TargetID, from id: CertificateID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            "DELETE FROM certificate_target_mappings WHERE certificate_id = \(id) AND target_id = \(target)"
        ) == 1
    }

    /// Whether an agent may see a certificate: it is attached to a target of the agent, or a job of the agent that
    /// is not over concerns it.
    package func isVisible(
        _ id: CertificateID,
        to agent: AgentID,
        in tx: any Transaction
    ) throws -> Bool {
        try tx.row(
            """
            SELECT 1 AS one WHERE EXISTS (
                SELECT 1 FROM certificate_target_mappings m JOIN deployment_targets d ON d.id = m.target_id
                WHERE m.certificate_id = \(id) AND d.agent_id = \(agent) AND d.retired_at IS NULL
            ) OR EXISTS (
                SELECT 1 FROM jobs j WHERE j.certificate_id = \(id) AND j.agent_id = \(agent)
                    AND j.status IN ('Pending', 'AwaitingCSR', 'AwaitingApproval', 'Running')
            )
            """
        ) != nil
    }
}
