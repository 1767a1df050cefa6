package import Domain
package import Encoding
package import Query

/// The orders of the ACME server. Every change of a status is conditional on the one before.
package struct ACMEOrderStore: Sendable {
    package init() {}

    private static let rules = [
        UniqueRule(constraint: "acme_orders_replaces_key", entity: .acmeOrder, field: "replaces")
    ]

    package func insert(_ new: NewACMEOrder, in tx: any Transaction) throws -> ACMEOrder {
        let rows = try UniqueRule.checking(Self.rules) { () throws(DatabaseError) in
            try tx.rows(
                """
                INSERT INTO acme_orders (
                    order_id, account_id, profile_id, identifiers, names_sha256, status, expires_at, not_before,
                    not_after, replaces, needed_until, created_at, updated_at
                ) VALUES (
                    \(new.id), \(new.accountID), \(new.profileID), \(JSONColumn.value(.array(new.identifiers.map(\.json)))),
                    \(new.namesSHA256), \(new.status), \(new.expiresAt), \(new.notBefore), \(new.notAfter),
                    \(new.replaces), \(new.replacedEnd), \(tx.now), \(tx.now)
                ) RETURNING \(fragment: ACMEOrder.columns)
                """
            )
        }
        return try ACMEOrder(rows.onlyRow())
    }

    package func find(_ id: ACMEOrderID, in tx: any Transaction) throws -> ACMEOrder? {
        try tx.row("SELECT \(fragment: ACMEOrder.columns) FROM acme_orders WHERE order_id = \(id)")
            .map { try ACMEOrder($0) }
    }

    /// The order, locked until the transaction ends.
    package func lock(_ id: ACMEOrderID, in tx: any Transaction) throws -> ACMEOrder? {
        try tx.row(
            "SELECT \(fragment: ACMEOrder.columns) FROM acme_orders WHERE order_id = \(id)\(lock: .forUpdate)"
        ).map { try ACMEOrder($0) }
    }

    /// Orders of an account that may still come to something and have not expired.
    package func countOpen(of account: ACMEAccountID, in tx: any Transaction) throws -> Int {
        try tx.row(
            """
            SELECT COUNT(*) AS n FROM acme_orders WHERE account_id = \(account)
                AND status IN ('pending', 'ready', 'processing') AND expires_at > \(tx.now)
            """
        )?.int("n") ?? 0
    }

    /// When the first of them expires; `nil` when there are none.
    package func firstEnd(of account: ACMEAccountID, in tx: any Transaction) throws -> Timestamp? {
        try tx.row(
            """
            SELECT MIN(expires_at) AS first_end FROM acme_orders WHERE account_id = \(account)
                AND status IN ('pending', 'ready', 'processing') AND expires_at > \(tx.now)
            """
        )?.optionalTime("first_end")
    }

    /// The certificate that an account was last issued for the same names.
    package func lastCertificate(
        of account: ACMEAccountID, names sha256: String, in tx: any Transaction
    ) throws -> CertificateID? {
        try tx.row(
            """
            SELECT certificate_id FROM acme_orders
            WHERE account_id = \(account) AND names_sha256 = \(sha256) AND status = 'valid'
                AND certificate_id IS NOT NULL
            ORDER BY created_at DESC, order_id DESC LIMIT 1
            """
        )?.optionalID("certificate_id")
    }

    /// Whether an order of the account led to this version.
    package func owns(_ version: VersionID, _ account: ACMEAccountID, in tx: any Transaction) throws -> Bool {
        try tx.row(
            "SELECT 1 AS one FROM acme_orders WHERE version_id = \(version) AND account_id = \(account) LIMIT 1") != nil
    }

    /// The account whose order led to this version.
    package func account(of version: VersionID, in tx: any Transaction) throws -> ACMEAccountID? {
        try tx.row("SELECT account_id FROM acme_orders WHERE version_id = \(version) LIMIT 1")?.id("account_id")
    }

    /// The period that the order of a job was made for.
    package func period(
        of job: JobID, in tx: any Transaction
    ) throws -> (notBefore: Timestamp?, notAfter: Timestamp?) {
        let row = try tx.row("SELECT not_before, not_after FROM acme_orders WHERE job_id = \(job) LIMIT 1")
        return (try row?.optionalTime("not_before"), try row?.optionalTime("not_after"))
    }

    // MARK: Transitions

    /// All its authorizations are valid (`pending` → `ready`); false when it no longer waits for that.
    package func makeReady(_ id: ACMEOrderID, in tx: any Transaction) throws -> Bool {
        try tx.execute(
            """
            UPDATE acme_orders SET status = 'ready', updated_at = \(tx.now)
            WHERE order_id = \(id) AND status = 'pending' AND expires_at > \(tx.now)
                AND NOT EXISTS (SELECT 1 FROM acme_authorizations a
                    WHERE a.order_id = \(id) AND (a.status <> 'valid' OR a.expires_at <= \(tx.now)))
            """
        ) == 1
    }

    /// The request was accepted (`ready` → `processing`); `nil` when the order is not ready.
    ///
    /// - `caaSeenAt`: When the CAA records of its names were looked at again; `nil` when its proofs are young enough.
    package func process(
        _ id: ACMEOrderID, csrPEM: String, csrSHA256: String, certificate: CertificateID, caaSeenAt: Timestamp?,
        in tx: any Transaction
    ) throws -> ACMEOrder? {
        try tx.row(
            """
            UPDATE acme_orders SET status = 'processing', csr_pem = \(csrPEM), csr_sha256 = \(csrSHA256),
                certificate_id = \(certificate), caa_seen_at = \(caaSeenAt), updated_at = \(tx.now)
            WHERE order_id = \(id) AND status = 'ready' AND expires_at > \(tx.now)
            RETURNING \(fragment: ACMEOrder.columns)
            """
        ).map { try ACMEOrder($0) }
    }

    /// Whether so many orders of a profile wait for their first call to a CA.
    package func isWaiting(atLeast number: Int, under profile: ProfileID, in tx: any Transaction) throws -> Bool {
        let row = try tx.row(
            """
            SELECT COUNT(*) AS n FROM (
                SELECT 1 FROM acme_orders
                WHERE status = 'processing' AND profile_id = \(profile) AND job_id IS NULL LIMIT \(number)
            ) AS waiting
            """
        )
        return try row?.int("n") ?? 0 >= number
    }

    /// Takes the order for one issuance: whoever changes `previous` into `job` may ask the CA, and nobody else.
    package func claim(
        _ id: ACMEOrderID, job: JobID, previous: JobID?, in tx: any Transaction
    ) throws -> Bool {
        try tx.execute(
            """
            UPDATE acme_orders SET job_id = \(job), attempts = attempts + 1, retry_at = NULL, updated_at = \(tx.now)
            WHERE order_id = \(id) AND status = 'processing' AND COALESCE(job_id, '') = \(previous?.text ?? "")
            """
        ) == 1
    }

    /// Lets nobody ask a CA again before `time`.
    ///
    /// - `counting`: Whether what has failed is an attempt that ``claim(_:job:previous:in:)`` did not count.
    package func postpone(_ id: ACMEOrderID, until time: Timestamp, counting: Bool, in tx: any Transaction) throws {
        try tx.execute(
            """
            UPDATE acme_orders SET retry_at = \(time), attempts = attempts + \(counting ? 1 : 0), updated_at = \(tx.now)
            WHERE order_id = \(id) AND status = 'processing'
            """
        )
    }

    /// What was issued under `job` belongs to the orders that wait for it (`processing` → `valid`): none or one, or several
    /// whose same request was approved once.
    package func fulfil(job: JobID, version: VersionID, in tx: any Transaction) throws -> [ACMEOrder] {
        try tx.rows(
            """
            UPDATE acme_orders SET status = 'valid', version_id = \(version), error = NULL, updated_at = \(tx.now),
                needed_until = COALESCE((
                    SELECT CASE WHEN acme_orders.needed_until > v.not_after THEN acme_orders.needed_until ELSE v.not_after END
                    FROM certificate_versions v WHERE v.id = \(version)
                ), \(tx.now))
            WHERE job_id = \(job) AND status = 'processing' RETURNING \(fragment: ACMEOrder.columns)
            """
        ).map { try ACMEOrder($0) }
    }

    /// Nothing comes of it; `nil` when it is in none of the states `from`.
    package func invalidate(
        _ id: ACMEOrderID, from: [ACMEOrderStatus], error: JSONValue, in tx: any Transaction
    ) throws -> ACMEOrder? {
        try tx.row(
            """
            UPDATE acme_orders SET status = 'invalid', error = \(JSONColumn.value(error)), updated_at = \(tx.now)
            WHERE order_id = \(id) AND status IN \(list: from) RETURNING \(fragment: ACMEOrder.columns)
            """
        ).map { try ACMEOrder($0) }
    }

    /// Ends what an account has under way but not with a CA. What waited for an approval counts as soon as its job is cancelled.
    package func invalidateAll(of account: ACMEAccountID, error: JSONValue, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            UPDATE acme_orders SET status = 'invalid', error = \(JSONColumn.value(error)), updated_at = \(tx.now)
            WHERE account_id = \(account) AND (status IN ('pending', 'ready') OR (status = 'processing' AND (
                job_id IS NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.id = acme_orders.job_id AND j.status = 'Cancelled'))))
            """
        )
    }

    // MARK: Upkeep

    /// Orders that a CA was to be asked for and that nobody touched since `time`, oldest first; none whose next attempt is
    /// still to come. Those whose job is open (it waits for an approval, say) or whose request is with the CA are somebody's
    /// work, and come as soon as that ends.
    package func unsettled(since time: Timestamp, limit: Int, in tx: any Transaction) throws -> [ACMEOrder] {
        try tx.rows(
            """
            SELECT \(fragment: ACMEOrder.columns) FROM acme_orders
            WHERE status = 'processing' AND updated_at <= \(time) AND (retry_at IS NULL OR retry_at <= \(tx.now))
                AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = acme_orders.job_id AND \(fragment: JobStore.isOpen))
                AND NOT EXISTS (SELECT 1 FROM issuer_orders i WHERE i.job_id = acme_orders.job_id
                    AND i.state IN ('submitting', 'pending'))
            ORDER BY updated_at LIMIT \(limit)
            """
        ).map { try ACMEOrder($0) }
    }

    /// Puts an order at the end of the line of ``unsettled(since:limit:in:)``.
    package func touch(_ id: ACMEOrderID, in tx: any Transaction) throws {
        try tx.execute(
            "UPDATE acme_orders SET updated_at = \(tx.now) WHERE order_id = \(id) AND status = 'processing'")
    }

    /// Ends orders that ran out of time before a CA was asked.
    package func expire(limit: Int, error: JSONValue, in tx: any Transaction) throws -> [ACMEOrderID] {
        try tx.rows(
            """
            UPDATE acme_orders SET status = 'invalid', error = \(JSONColumn.value(error)), updated_at = \(tx.now)
            WHERE order_id IN (
                SELECT order_id FROM acme_orders WHERE status IN ('pending', 'ready') AND expires_at <= \(tx.now)
                ORDER BY expires_at LIMIT \(limit)
            ) AND status IN ('pending', 'ready') RETURNING order_id
            """
        ).map { try $0.id("order_id") }
    }

    /// Forgets orders that ended before then, with all below them: those without a certificate, and those for which nothing can
    /// be renewed, replaced or revoked any more. What still proves a name stays.
    package func purge(endedBefore time: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        let failed = try purge(
            "o.status = 'invalid' AND o.expires_at <= \(time)", by: "o.expires_at", time, limit, in: tx)
        guard failed < limit else { return failed }
        return failed
            + (try purge(
                "o.status = 'valid' AND o.needed_until <= \(time)", by: "o.needed_until", time, limit - failed, in: tx))
    }

    private func purge(
        _ ended: SQL, by column: SQL, _ time: Timestamp, _ limit: Int, in tx: any Transaction
    ) throws -> Int {
        try tx.execute(
            """
            DELETE FROM acme_orders WHERE order_id IN (
                SELECT o.order_id FROM acme_orders o
                WHERE \(fragment: ended) AND o.updated_at <= \(time) AND NOT EXISTS (
                    SELECT 1 FROM acme_authorizations a
                    WHERE a.order_id = o.order_id AND a.status = 'valid' AND a.expires_at > \(tx.now)
                )
                ORDER BY \(fragment: column) LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            """
        )
    }

    package func list(
        _ request: ListRequest<ACMEOrderFilter, ACMEOrderSort>, in tx: any Transaction
    ) throws -> Page<ACMEOrder> {
        try listing(request, columns: ACMEOrder.columns, at: tx.now)
            .page(request.page, total: request.total, in: tx) { try ACMEOrder($0) }
    }

    func listing(
        _ request: ListRequest<ACMEOrderFilter, ACMEOrderSort>, columns: SQL, at time: Timestamp
    ) -> Listing {
        var conditions: [SQL] = []
        if !request.filter.accountIDs.isEmpty { conditions.append("account_id IN \(list: request.filter.accountIDs)") }
        if !request.filter.profileIDs.isEmpty { conditions.append("profile_id IN \(list: request.filter.profileIDs)") }
        if !request.filter.statuses.isEmpty { conditions.append(Self.standing(request.filter.statuses, at: time)) }
        if request.filter.leavesOutInvalid {
            conditions.append(
                "status <> 'invalid' AND (status NOT IN ('pending', 'ready') OR expires_at > \(time))")
        }
        return Listing(
            request, columns: columns, source: "acme_orders", conditions: conditions, key: "created_at", id: "order_id")
    }

    /// What has one of these states by now, as ``ACMEOrder/status(at:)`` says it.
    private static func standing(_ statuses: [ACMEOrderStatus], at time: Timestamp) -> SQL {
        let hasRunOut: SQL = "(status IN ('pending', 'ready') AND expires_at <= \(time))"
        return statuses.contains(.invalid)
            ? "(status IN \(list: statuses) OR \(fragment: hasRunOut))"
            : "(status IN \(list: statuses) AND NOT \(fragment: hasRunOut))"
    }
}
