package import Domain
package import Query

/// What a change of status brings along; members that are `nil` stay as they are.
package struct CertificateOutcome: Sendable {
    /// A time to set, or to take away.
    package enum Time: Sendable {
        case at(Timestamp)
        case never

        init(_ time: Timestamp?) { self = time.map(Self.at) ?? .never }

        var value: Timestamp? {
            switch self {
            case .at(let time): time
            case .never: nil
            }
        }
    }

    /// Whether the certificate is revoked from now on.
    package enum Revocation: Sendable {
        case revoked(RevocationReason, at: Timestamp)
        case released
    }

    package var status: CertificateStatus
    package var nextRenewalAt: Time?
    package var renewalFailures: Int?
    /// The text to set; empty takes it away.
    package var lastError: String?
    package var revocation: Revocation?

    package init(
        status: CertificateStatus,
        nextRenewalAt: Time? = nil,
        renewalFailures: Int? = nil,
        lastError: String? = nil
    ) {
        self.status = status
        self.nextRenewalAt = nextRenewalAt
        self.renewalFailures = renewalFailures
        self.lastError = lastError
    }

    /// The assignments of an update.
    func assignments(now: Timestamp) -> [SQL] {
        var all: [SQL] = [
            "status_changed_at = CASE WHEN status = \(status) THEN status_changed_at ELSE \(now) END",
            "status = \(status)", "updated_at = \(now)", "row_version = row_version + 1",
        ]
        if let nextRenewalAt { all.append("next_renewal_at = \(nextRenewalAt.value)") }
        if let renewalFailures { all.append("renewal_failures = \(renewalFailures)") }
        if let lastError { all.append("last_error = \(lastError.isEmpty ? nil : lastError)") }
        switch revocation {
        case .revoked(let reason, let time): all += ["revoked_at = \(time)", "revocation_reason = \(reason)"]
        case .released: all += ["revoked_at = NULL", "revocation_reason = NULL"]
        case nil: break
        }
        return all
    }
}

/// A certificate that a policy may call expiring.
package struct AgingCandidate: Hashable, Sendable {
    package let id: CertificateID
    package let expiresAt: Timestamp
    /// The start of the current version's validity; `nil` when nothing was ever issued.
    package let notBefore: Timestamp?
}

extension CertificateStore {
    /// Moves a certificate on, if it is in one of `statuses`.
    ///
    /// - Returns: The certificate as it is now; `nil` when it was in another state, so that nothing changed.
    @discardableResult
    package func transition(
        _ id: CertificateID,
        from statuses: [CertificateStatus],
        to outcome: CertificateOutcome,
        in tx: any Transaction
    ) throws -> Certificate? {
        let assignments = SQL.joined(outcome.assignments(now: tx.now), by: ", ")
        return try tx.row(
            """
            UPDATE managed_certificates SET \(fragment: assignments)
            WHERE id = \(id) AND status IN \(list: statuses)
            RETURNING \(fragment: Self.returned)
            """
        ).map { try Certificate($0) }
    }

    /// Sets when the renewal loop takes a certificate up, for changes outside the certificate's own row.
    package func schedule(_ id: CertificateID, at time: Timestamp?, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE managed_certificates SET next_renewal_at = \(time), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id)
            """
        )
    }

    /// Notes that a deployment of the certificate was observed serving.
    package func recordDeployment(_ id: CertificateID, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE managed_certificates SET last_deployment_at = \(tx.now), updated_at = \(tx.now),
                row_version = row_version + 1
            WHERE id = \(id)
            """
        )
    }

    /// The certificates whose renewal is due, oldest first, locked for this transaction; other workers skip them.
    package func dueForRenewal(limit: Int, in tx: any Transaction) throws -> [Certificate] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM managed_certificates c
            WHERE c.status IN ('Pending', 'Active', 'Expiring', 'Expired', 'Failed')
                AND c.next_renewal_at IS NOT NULL AND c.next_renewal_at <= \(tx.now)
            ORDER BY c.next_renewal_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            """
        ).map { try Certificate($0) }
    }

    /// When the next renewal comes due; `nil` when none is planned.
    package func nextRenewal(in tx: any Transaction) throws -> Timestamp? {
        try tx.row(
            """
            SELECT next_renewal_at FROM managed_certificates
            WHERE status IN ('Pending', 'Active', 'Expiring', 'Expired', 'Failed') AND next_renewal_at IS NOT NULL
            ORDER BY next_renewal_at LIMIT 1
            """
        )?.optionalTime("next_renewal_at")
    }

    /// Active certificates of a policy that expire before `horizon`, by expiry; `after` continues a walk.
    package func agingCandidates(
        of policy: RenewalPolicyID,
        expiringBefore horizon: Timestamp,
        after last: AgingCandidate?,
        limit: Int,
        in tx: any Transaction
    ) throws -> [AgingCandidate] {
        var condition: SQL = """
            c.status = \(CertificateStatus.active) AND c.renewal_policy_id = \(policy) AND c.expires_at <= \(horizon)
            """
        if let last { condition += " AND (c.expires_at, c.id) > (\(last.expiresAt), \(last.id))" }
        return try tx.rows(
            """
            SELECT c.id, c.expires_at, v.not_before FROM managed_certificates c
            LEFT JOIN certificate_versions v ON v.id = c.current_version_id
            WHERE \(fragment: condition) ORDER BY c.expires_at, c.id LIMIT \(limit)
            """
        ).map { row in
            AgingCandidate(
                id: try row.id("id"),
                expiresAt: try row.time("expires_at"),
                notBefore: try row.optionalTime("not_before")
            )
        }
    }

    /// Calls certificates expiring that still are active; those that changed.
    package func markExpiring(_ ids: [CertificateID], in tx: any Transaction) throws -> [CertificateID] {
        try tx.rows(
            """
            UPDATE managed_certificates SET status = \(CertificateStatus.expiring), status_changed_at = \(tx.now),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN \(list: ids) AND status = \(CertificateStatus.active)
            RETURNING id
            """
        ).map { try $0.id("id") }
    }

    /// Calls certificates expired whose time has come, at most `limit` of them; those that changed.
    package func markExpired(limit: Int, in tx: any Transaction) throws -> [CertificateID] {
        try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM managed_certificates
                WHERE status IN ('Active', 'Expiring', 'Failed') AND expires_at <= \(tx.now)
                ORDER BY expires_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE managed_certificates SET status = \(CertificateStatus.expired), status_changed_at = \(tx.now),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND status IN ('Active', 'Expiring', 'Failed')
            RETURNING id
            """
        ).map { try $0.id("id") }
    }
}
