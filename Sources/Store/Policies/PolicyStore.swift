package import Domain
package import Query

/// The renewal policies.
package struct PolicyStore: Sendable {
    package init() {}

    static let columns: SQL = """
        id, name, renewal_window_days, auto_renew, max_retries, retry_interval_seconds, alert_thresholds_days,
        alert_channels, alert_severity_map, certificate_profile_id, row_version, created_at, updated_at
        """
    private static let rules = [
        UniqueRule(constraint: "renewal_policies_name_key", entity: .policy, field: "name"),
        UniqueRule(constraint: "renewal_policies_pkey", entity: .policy, field: "id"),
    ]

    @discardableResult
    package func insert(
        _ id: RenewalPolicyID,
        _ fields: RenewalPolicyFields,
        in tx: any Transaction
    ) throws -> RenewalPolicy {
        let severities = JSONColumn.value(fields.alertSeverityMap)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO renewal_policies (
                    id, name, renewal_window_days, auto_renew, max_retries, retry_interval_seconds,
                    alert_thresholds_days, alert_channels, alert_severity_map, created_at, updated_at
                ) VALUES (
                    \(id), \(fields.name), \(fields.renewalWindowDays), \(fields.autoRenew), \(fields.maxRetries),
                    \(fields.retryIntervalSeconds), \(fields.thresholdsValue), \(fields.channelsValue), \(severities),
                    \(tx.now), \(tx.now)
                ) RETURNING \(fragment: Self.columns)
                """
            )
        }
        return try RenewalPolicy(rows.onlyRow())
    }

    /// The identifiers among `candidates` that are taken, for making one from a name.
    package func taken(among candidates: [RenewalPolicyID], in tx: any Transaction) throws -> Set<RenewalPolicyID> {
        Set(try tx.rows("SELECT id FROM renewal_policies WHERE id IN \(list: candidates)").map { try $0.id("id") })
    }

    package func find(_ id: RenewalPolicyID, in tx: any Transaction) throws -> RenewalPolicy? {
        try tx.row("SELECT \(fragment: Self.columns) FROM renewal_policies WHERE id = \(id)")
            .map { try RenewalPolicy($0) }
    }

    package func get(_ id: RenewalPolicyID, in tx: any Transaction) throws -> RenewalPolicy {
        guard let policy = try find(id, in: tx) else { throw StoreError.notFound(.policy, id: id.text) }
        return policy
    }

    package func list(
        _ request: ListRequest<RenewalPolicyFilter, RenewalPolicySort>,
        in tx: any Transaction
    ) throws -> Page<RenewalPolicy> {
        var conditions: [SQL] = []
        if let search = request.filter.search { conditions.append("\("name", contains: search)") }
        let listing = Listing(
            request,
            columns: Self.columns,
            source: "renewal_policies",
            conditions: conditions,
            key: request.sort.key,
            id: "id"
        )
        return try listing.page(request.page, total: request.total, in: tx) { try RenewalPolicy($0) }
    }

    package func update(
        _ id: RenewalPolicyID,
        _ fields: RenewalPolicyFields,
        expecting version: Int?,
        in tx: any Transaction
    ) throws -> RenewalPolicy {
        let severities = JSONColumn.value(fields.alertSeverityMap)
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                UPDATE renewal_policies SET name = \(fields.name), renewal_window_days = \(fields.renewalWindowDays),
                    auto_renew = \(fields.autoRenew), max_retries = \(fields.maxRetries),
                    retry_interval_seconds = \(fields.retryIntervalSeconds),
                    alert_thresholds_days = \(fields.thresholdsValue), alert_channels = \(fields.channelsValue),
                    alert_severity_map = \(severities), updated_at = \(tx.now), row_version = row_version + 1
                WHERE \(fragment: UpdateGuard.condition(id: id, expecting: version))
                RETURNING \(fragment: Self.columns)
                """
            )
        }
        guard let row = rows.first else {
            throw UpdateGuard.refusal(.policy, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
        return try RenewalPolicy(row)
    }

    /// Deletes a policy that no certificate uses.
    package func delete(_ id: RenewalPolicyID, expecting version: Int?, in tx: any Transaction) throws {
        let counts = try DependentCount.nonZero(
            [
                ("certificates", "SELECT COUNT(*) FROM managed_certificates WHERE renewal_policy_id = \(id)"),
                ("profiles", "SELECT COUNT(*) FROM certificate_profiles WHERE renewal_policy_id = \(id)"),
            ],
            in: tx
        )
        guard counts.isEmpty else { throw StoreError.inUse(.policy, id: id.text, counts: counts) }
        let condition = UpdateGuard.condition(id: id, expecting: version)
        guard try tx.execute("DELETE FROM renewal_policies WHERE \(fragment: condition)") == 1 else {
            throw UpdateGuard.refusal(.policy, id: id.text, current: try find(id, in: tx)?.rowVersion)
        }
    }
}
