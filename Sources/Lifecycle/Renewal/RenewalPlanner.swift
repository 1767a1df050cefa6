import Domain
import Query
import Store

/// Recomputes `next_renewal_at` in the transaction that changes one of its inputs (specification, domain §5.1).
struct RenewalPlanner: Sendable {
    private static let batch = 500

    /// The new due time of one certificate, also stored in its row.
    @discardableResult
    func replan(_ certificate: CertificateID, in tx: any Transaction) throws -> Timestamp? {
        try replan([certificate], in: tx)[certificate] ?? nil
    }

    /// After somebody cancelled a renewal the schedule waits a day before it opens the next one.
    func postpone(_ certificate: CertificateID, in tx: any Transaction) throws {
        guard let next = try replan(certificate, in: tx), next < tx.now + .days(1) else { return }
        try CertificateStore().schedule(certificate, at: tx.now + .days(1), in: tx)
    }

    /// Every certificate under a policy, a batch at a time.
    func replan(allOf policy: RenewalPolicyID, in tx: any Transaction) throws {
        var last = ""
        while true {
            let ids: [CertificateID] = try tx.rows(
                """
                SELECT id FROM managed_certificates WHERE renewal_policy_id = \(policy) AND id > \(last)
                ORDER BY id LIMIT \(Self.batch)
                """
            ).map { try $0.id("id") }
            guard let final = ids.last else { return }
            try replan(ids, in: tx)
            last = final.text
        }
    }

    /// Every certificate that is deployed through one of an agent's targets.
    func replan(deployedThrough targets: [TargetID], in tx: any Transaction) throws {
        let ids: [CertificateID] = try tx.rows(
            "SELECT DISTINCT certificate_id FROM certificate_target_mappings WHERE target_id IN \(list: targets)"
        ).map { try $0.id("certificate_id") }
        for start in stride(from: 0, to: ids.count, by: Self.batch) {
            try replan(Array(ids[start..<min(start + Self.batch, ids.count)]), in: tx)
        }
    }

    @discardableResult
    private func replan(_ ids: [CertificateID], in tx: any Transaction) throws -> [CertificateID: Timestamp?] {
        var planned: [CertificateID: Timestamp?] = [:]
        for inputs in try inputs(of: ids, in: tx) {
            let next = RenewalPlan.automaticRenewal(inputs, now: tx.now)
            planned[inputs.certificate] = next
            try tx.execute(
                "UPDATE managed_certificates SET next_renewal_at = \(next) WHERE id = \(inputs.certificate)"
            )
        }
        return planned
    }

    /// What the plan depends on, in three statements however many certificates there are.
    func inputs(of ids: [CertificateID], in tx: any Transaction) throws -> [RenewalInputs] {
        var agents: [CertificateID: Set<AgentID>] = [:]
        for row in try tx.rows(
            """
            SELECT DISTINCT m.certificate_id, d.agent_id FROM certificate_target_mappings m
            JOIN deployment_targets d ON d.id = m.target_id
            WHERE m.certificate_id IN \(list: ids) AND d.enabled AND d.retired_at IS NULL
            """
        ) {
            agents[try row.id("certificate_id"), default: []].insert(try row.id("agent_id"))
        }
        var versions: [CertificateID: [RenewalInputs.CurrentVersion]] = [:]
        for row in try tx.rows(
            """
            SELECT id, certificate_id, not_before, not_after, agent_id FROM certificate_versions
            WHERE certificate_id IN \(list: ids) AND superseded_at IS NULL
            """
        ) {
            versions[try row.id("certificate_id"), default: []].append(
                RenewalInputs.CurrentVersion(
                    id: try row.id("id"),
                    notBefore: try row.time("not_before"),
                    notAfter: try row.time("not_after"),
                    agentID: try row.optionalID("agent_id")
                )
            )
        }
        return try tx.rows(
            """
            SELECT c.id, c.status, c.declared_active, p.auto_renew, p.renewal_window_days
            FROM managed_certificates c JOIN renewal_policies p ON p.id = c.renewal_policy_id
            WHERE c.id IN \(list: ids)
            """
        ).map { row in
            let id: CertificateID = try row.id("id")
            return RenewalInputs(
                certificate: id,
                status: try row.value("status"),
                isDeclaredActive: try row.bool("declared_active"),
                autoRenew: try row.bool("auto_renew"),
                windowDays: try row.int("renewal_window_days"),
                agents: agents[id] ?? [],
                versions: versions[id] ?? []
            )
        }
    }
}
