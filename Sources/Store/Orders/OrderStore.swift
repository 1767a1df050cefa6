package import Domain
package import Encoding
package import Query

/// The orders at certification authorities, and with them every serial number that was ever allocated.
package struct OrderStore: Sendable {
    package init() {}

    private static let columns: SQL = """
        id, issuer_id, certificate_id, job_id, issuing_ca_id, kind, idempotency_key, serial_number, csr_pem,
        upstream_order_id, upstream_ref, state, attempts, next_poll_at, deadline_at, last_error, row_version, created_at
        """

    /// Records the intent, in one statement.
    ///
    /// Throws ``StoreError/serialTaken(_:)`` when the issuer has used the serial number before.
    package func record(_ new: NewOrder, in tx: any Transaction) throws {
        let issuer = new.issuerID
        try tx.submit(
            DeferredStatement(
                head: """
                    INSERT INTO issuer_orders (
                        id, issuer_id, certificate_id, job_id, issuing_ca_id, kind, idempotency_key, serial_number,
                        csr_pem, csr_sha256, state, attempts, deadline_at, holder, created_at, updated_at
                    ) VALUES
                    """,
                member: """
                     (
                        \(new.id), \(new.issuerID), \(new.certificateID), \(new.jobID), \(new.issuingCA),
                        \(new.purpose), \(new.idempotencyKey), \(new.serialNumber), \(new.csrPEM), \(new.csrSHA256), 'submitting', 1,
                        \(new.deadlineAt), \(new.holder), \(tx.now), \(tx.now)
                    )
                    """,
                translate: { error in
                    switch error.kind {
                    case .uniqueViolation("issuer_orders_issuer_id_serial_number_key"):
                        StoreError.serialTaken(issuer)
                    case .uniqueViolation("issuer_orders_issuer_id_idempotency_key_key"):
                        StoreError.alreadyExists(.order, field: "idempotency_key")
                    default: error
                    }
                }
            )
        )
    }

    package func find(_ id: OrderID, in tx: any Transaction) throws -> IssuerOrder? {
        try tx.row("SELECT \(fragment: Self.columns) FROM issuer_orders WHERE id = \(id)")
            .map { try IssuerOrder($0) }
    }

    /// The order of a job that is neither finished nor given up.
    package func open(of job: JobID, in tx: any Transaction) throws -> IssuerOrder? {
        try tx.row(
            """
            SELECT \(fragment: Self.columns) FROM issuer_orders
            WHERE job_id = \(job) AND state IN ('submitting', 'pending') ORDER BY created_at DESC, id DESC LIMIT 1
            """
        ).map { try IssuerOrder($0) }
    }

    /// Marks an order issued, unless it was given up meanwhile: then nothing of it may be stored.
    package func complete(_ id: OrderID, in tx: any Transaction) throws {
        try close(id, as: .issued, error: nil, errorClass: nil, cause: nil, in: tx)
    }

    /// - `errorClass`: a class of issuer errors, by its name in the API.
    /// - `cause`: What the refusal is about, by its name; `nil` when nobody can tell.
    package func fail(
        _ id: OrderID, error: String, errorClass: String, cause: String? = nil, in tx: any Transaction
    ) throws {
        try close(id, as: .failed, error: error, errorClass: errorClass, cause: cause, in: tx)
    }

    /// How the last order of a job failed; `nil` when none did.
    package func failure(of job: JobID, in tx: any Transaction) throws -> OrderFailure? {
        try tx.row(
            """
            SELECT error_class, error_cause, last_error FROM issuer_orders
            WHERE job_id = \(job) AND state = 'failed' AND error_class IS NOT NULL
            ORDER BY created_at DESC, id DESC LIMIT 1
            """
        ).map { try OrderFailure($0) }
    }

    /// Keeps what an authority handed out and was refused, as evidence and for whoever has to revoke it there.
    ///
    /// - `upstream`: By what the authority knows it, when it said so with the certificate.
    package func keepRejected(
        _ pem: String, _ upstream: NewVersion.UpstreamName?, of id: OrderID, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            UPDATE issuer_orders SET rejected_pem = \(pem),
                upstream_order_id = COALESCE(\(upstream?.id), upstream_order_id), updated_at = \(tx.now)
            WHERE id = \(id)
            """
        )
        guard let upstream else { return }
        try tx.execute(
            "UPDATE issuer_orders SET upstream_ref = \(JSONColumn.value(upstream.reference)) WHERE id = \(id)")
    }

    private func close(
        _ id: OrderID,
        as state: OrderState,
        error: String?,
        errorClass: String?,
        cause: String?,
        in tx: any Transaction
    ) throws {
        try tx.submit(
            DeferredStatement(
                head: """
                    UPDATE issuer_orders SET state = \(state), next_poll_at = NULL, last_error = \(error),
                        error_class = \(errorClass), error_cause = \(cause), updated_at = \(tx.now), row_version = row_version + 1
                    WHERE id IN (
                    """,
                member: "\(id)",
                tail: ") AND state IN ('submitting', 'pending')",
                refusal: { _ in StoreError.invalidState(.order, id: id.text, reason: "it is no longer open") }
            )
        )
    }

    /// The authority took the order and answers later.
    package func park(
        _ id: OrderID,
        upstreamOrderID: String,
        reference: JSONValue,
        nextPollAt: Timestamp,
        in tx: any Transaction
    ) throws {
        let changed = try tx.execute(
            """
            UPDATE issuer_orders SET state = 'pending', upstream_order_id = \(upstreamOrderID),
                upstream_ref = \(JSONColumn.value(reference)), next_poll_at = \(nextPollAt),
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id = \(id) AND state IN ('submitting', 'pending')
            """
        )
        guard changed == 1 else {
            throw StoreError.invalidState(.order, id: id.text, reason: "it is no longer open")
        }
    }

    /// Orders whose poll is due, claimed by putting off the next poll; other workers skip them.
    package func claimPolls(limit: Int, leaseFor lease: Duration, in tx: any Transaction) throws -> [IssuerOrder] {
        try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM issuer_orders WHERE state = 'pending' AND next_poll_at <= \(tx.now)
                ORDER BY next_poll_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE issuer_orders SET next_poll_at = \(tx.now + lease), last_polled_at = \(tx.now),
                attempts = attempts + 1, updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) RETURNING \(fragment: Self.columns)
            """
        ).map { try IssuerOrder($0) }
    }

    /// Gives up orders whose process ended between intent and result: created before `deadline` and still
    /// `submitting`. Their serial numbers stay taken.
    ///
    /// - `silence`: Also those of a replica that said for so long no more that it lives (``ReplicaStore``), and that are as
    ///   old; `nil` when nobody counts replicas, or nobody can tell yet who is silent.
    /// - `instance`: The replica that asks. The calls of every other one that lives are its own, however long they take; `nil`
    ///   where there is no other.
    /// - `except`: orders whose process is known to be at work.
    package func abandon(
        submittedBefore deadline: Timestamp,
        orSilentFor silence: Duration? = nil,
        by instance: String? = nil,
        except busy: [OrderID] = [],
        limit: Int,
        in tx: any Transaction
    ) throws -> [IssuerOrder] {
        let isIdle: SQL = busy.isEmpty ? "TRUE" : "id NOT IN \(list: busy)"
        let isOverdue: SQL =
            if let instance {
                """
                (created_at < \(deadline) AND NOT EXISTS (
                    SELECT 1 FROM server_replicas r WHERE r.instance = issuer_orders.holder AND r.instance <> \(instance)
                        AND r.seen_at >= \(tx.now - ReplicaStore.silence)))
                """
            } else {
                "created_at < \(deadline)"
            }
        let isOld: SQL =
            if let silence {
                """
                (\(fragment: isOverdue) OR (created_at < \(tx.now - silence) AND holder IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM server_replicas r
                    WHERE r.instance = issuer_orders.holder AND r.seen_at >= \(tx.now - silence))))
                """
            } else {
                isOverdue
            }
        return try tx.rows(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM issuer_orders
                WHERE state = 'submitting' AND \(fragment: isOld) AND \(fragment: isIdle)
                ORDER BY created_at LIMIT \(limit)\(lock: .forUpdateSkipLocked)
            )
            UPDATE issuer_orders SET state = 'abandoned',
                last_error = 'the server ended before the outcome was recorded',
                updated_at = \(tx.now), row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) AND state = 'submitting' RETURNING \(fragment: Self.columns)
            """
        ).map { try IssuerOrder($0) }
    }
}
