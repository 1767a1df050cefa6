package import Domain
package import Query

/// The deployment targets.
package struct TargetStore: Sendable {
    package init() {}

    static let columns: SQL = """
        d.id, d.name, d.type, d.agent_id, d.config, d.enabled, d.last_tested_at, d.test_status, d.source,
        d.retired_at, d.retired_reason, d.row_version, d.created_at, d.updated_at
        """
    private static let returned: SQL = """
        id, name, type, agent_id, config, enabled, last_tested_at, test_status, source, retired_at, retired_reason,
        row_version, created_at, updated_at
        """
    private static let rules = [
        UniqueRule(constraint: "deployment_targets_agent_name_key", entity: .target, field: "name"),
        UniqueRule(constraint: "deployment_targets_pkey", entity: .target, field: "id"),
    ]

    @discardableResult
    package func insert(
        _ id: TargetID,
        type: TargetType,
        _ fields: TargetFields,
        in tx: any Transaction
    ) throws -> Target {
        try verifyAgent(fields.agentID, in: tx)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO deployment_targets (
                    id, name, type, agent_id, config, encrypted_config, enabled, carries_trust, created_at, updated_at
                ) VALUES (
                    \(id), \(fields.name), \(type), \(fields.agentID), \(JSONColumn.value(fields.config)),
                    \(fields.encryptedConfig), \(fields.enabled), \(fields.carriesTrust), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: Self.returned)
                """
            )
        }
        return try Target(rows.onlyRow())
    }

    package func find(_ id: TargetID, in tx: any Transaction) throws -> Target? {
        try tx.row("SELECT \(fragment: Self.columns) FROM deployment_targets d WHERE d.id = \(id)")
            .map { try Target($0) }
    }

    package func get(_ id: TargetID, in tx: any Transaction) throws -> Target {
        guard let target = try find(id, in: tx) else { throw StoreError.notFound(.target, id: id.text) }
        return target
    }

    /// The sealed configuration; `nil` when the target has no secrets.
    package func encryptedConfig(of id: TargetID, in tx: any Transaction) throws -> [UInt8]? {
        guard let row = try tx.row("SELECT encrypted_config FROM deployment_targets WHERE id = \(id)") else {
            throw StoreError.notFound(.target, id: id.text)
        }
        return try row.optionalBytes("encrypted_config")
    }

    /// The targets that a certificate is attached to, by name.
    package func attached(to certificate: CertificateID, in tx: any Transaction) throws -> [Target] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM certificate_target_mappings m
            JOIN deployment_targets d ON d.id = m.target_id
            WHERE m.certificate_id = \(certificate) ORDER BY d.name, d.id
            """
        ).map { try Target($0) }
    }

    package func list(
        _ request: ListRequest<TargetFilter, TargetSort>,
        in tx: any Transaction
    ) throws -> Page<Target> {
        let listing = Listing(
            request,
            columns: Self.columns,
            source: "deployment_targets d",
            conditions: request.filter.conditions,
            key: request.sort.key,
            id: "d.id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try Target($0) }
    }

    package func update(
        _ id: TargetID,
        _ fields: TargetFields,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Target {
        try verifyAgent(fields.agentID, in: tx)
        // What was deployed may lie elsewhere by now.
        if let before = try find(id, in: tx), before.config != fields.config || before.agentID != fields.agentID {
            try TrustHoldingStore().forget(id, in: tx)
        }
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE deployment_targets SET name = \(fields.name), agent_id = \(fields.agentID),
                    config = \(JSONColumn.value(fields.config)), encrypted_config = \(fields.encryptedConfig),
                    enabled = \(fields.enabled), carries_trust = \(fields.carriesTrust), updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.returned)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.target, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try Target(row)
    }

    package func recordTest(_ id: TargetID, _ status: ConnectionTestStatus, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE deployment_targets SET test_status = \(status), last_tested_at = \(tx.now),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id)
            """
        )
    }

    /// What became of a target that was to be deleted.
    package enum Removal: String, Sendable {
        /// It was never used; the row is gone.
        case deleted
        /// It has a history; it stays, hidden and without jobs.
        case retired
    }

    /// Removes a target: the row itself when it was never used, else it is retired.
    ///
    /// Throws ``StoreError/inUse(_:id:counts:)`` while certificates are attached or jobs are open, unless `force` is
    /// set. The caller cancels open jobs in the same transaction, after this.
    package func remove(
        _ id: TargetID,
        force: Bool,
        reason: String?,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> Removal {
        let counts = try DependentCount.nonZero(
            [
                (
                    "attached_certificates",
                    """
                    SELECT COUNT(*) FROM certificate_target_mappings m
                    JOIN managed_certificates c ON c.id = m.certificate_id
                    WHERE m.target_id = \(id) AND c.status <> 'Archived'
                    """
                ),
                (
                    "pending_jobs",
                    "SELECT COUNT(*) FROM jobs WHERE target_id = \(id) AND \(fragment: JobStore.isOpen)"
                ),
            ],
            in: tx
        )
        guard force || counts.isEmpty else { throw StoreError.inUse(.target, id: id.text, counts: counts) }
        let condition = UpdateGuard.condition(id: id, expecting: version)
        let history = try tx.row("SELECT 1 AS one FROM jobs WHERE target_id = \(id) LIMIT 1")
        let changed: Int
        if history == nil {
            changed = try tx.execute("DELETE FROM deployment_targets WHERE \(fragment: condition)")
        } else {
            try tx.execute("DELETE FROM certificate_target_mappings WHERE target_id = \(id)")
            changed = try tx.execute(
                """
                UPDATE deployment_targets SET retired_at = COALESCE(retired_at, \(tx.now)),
                    retired_reason = COALESCE(retired_reason, \(reason ?? "deleted")), updated_at = \(tx.now),
                    row_version = row_version + 1
                WHERE \(fragment: condition)
                """
            )
        }
        guard changed == 1 else {
            throw UpdateGuard.refusal(.target, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return history == nil ? .deleted : .retired
    }

    /// The owning agent must exist and not be retired.
    private func verifyAgent(_ id: AgentID, in tx: any Transaction) throws {
        let row = try tx.row("SELECT retired_at FROM agents WHERE id = \(id)")
        guard let row else { throw StoreError.unknownReferences([.init(field: "agent_id", id: id.text)]) }
        guard try row.optionalTime("retired_at") == nil else {
            throw StoreError.invalidState(.agent, id: id.text, reason: "it is retired and takes no targets")
        }
    }
}
