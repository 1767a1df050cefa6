import AuditProof
package import Domain
import Encoding
package import Query

/// The operations on many objects, and their objects.
package struct OperationStore: Sendable {
    package init() {}

    // MARK: Beginning

    /// Stores an operation with the certificates that `filter` finds within reach; `unknown` fail at once.
    ///
    /// - `waitsFor`: The approval without which it does not begin.
    package func insert(
        _ new: NewOperation, choosing filter: CertificateFilter, unknown: [CertificateID], within clearance: Clearance,
        awaitingApproval: Bool, in tx: any Transaction
    ) throws -> Operation {
        let condition = try Self.condition(filter, within: clearance, in: tx)
        let state: OperationState = awaitingApproval ? .awaitingApproval : .running
        try tx.execute(
            """
            INSERT INTO operations (
                id, kind, state, created_by, created_by_type, request_id, criteria, reason, invalidity_date,
                items_sha256, total, failed, created_at, started_at, updated_at
            ) VALUES (
                \(new.id), \(new.kind), \(state), \(new.createdBy.id), \(new.createdBy.type), \(new.requestID),
                \(JSONColumn.value(.object(new.criteria))), \(new.reason), \(new.invalidityDate),
                \(Self.digest(of: [])), \(unknown.count), \(unknown.count), \(tx.now),
                \(awaitingApproval ? nil : tx.now), \(tx.now)
            )
            """)
        try tx.execute(
            """
            INSERT INTO operation_items (operation_id, subject_id, outcome)
            SELECT \(new.id), c.id, 'pending' FROM managed_certificates c WHERE \(fragment: condition)
            """)
        // Counted and bound as they were stored: asked twice, the criteria may find something else the second time.
        let ids = try pending(new.id, in: tx)
        for id in unknown {
            try tx.execute(
                """
                INSERT INTO operation_items (operation_id, subject_id, outcome, detail, finished_at)
                VALUES (\(new.id), \(id), 'failed', 'not_found', \(tx.now))
                """)
        }
        return try changed(
            new.id,
            """
            UPDATE operations SET items_sha256 = \(Self.digest(of: ids)), total = total + \(ids.count)
            WHERE id = \(new.id) RETURNING \(fragment: Operation.columns)
            """, in: tx)
    }

    /// What an approval is bound to: SHA-256 of the identifiers in order, each followed by a line feed.
    package static func digest(of sorted: [String]) -> String {
        var octets: [UInt8] = []
        for id in sorted {
            octets += id.utf8
            octets.append(0x0A)
        }
        return LogHash(of: octets).hex
    }

    /// The digest of what an operation still has to look at.
    package func pendingDigest(of id: OperationID, in tx: any Transaction) throws -> String {
        Self.digest(of: try pending(id, in: tx))
    }

    private func pending(_ id: OperationID, in tx: any Transaction) throws -> [String] {
        try tx.rows(
            """
            SELECT subject_id FROM operation_items WHERE operation_id = \(id) AND outcome = 'pending'
            ORDER BY subject_id
            """
        ).map { row in try row.text("subject_id") }
    }

    /// Names the approval that an operation waits for.
    package func setApproval(_ approval: ApprovalID, of id: OperationID, in tx: any Transaction) throws -> Operation {
        try changed(
            id,
            """
            UPDATE operations SET approval_id = \(approval), updated_at = \(tx.now) WHERE id = \(id)
            RETURNING \(fragment: Operation.columns)
            """, in: tx)
    }

    /// Lets an operation begin that waited.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it does not wait.
    package func start(_ id: OperationID, in tx: any Transaction) throws -> Operation {
        try changed(
            id,
            """
            UPDATE operations SET state = 'running', started_at = \(tx.now), updated_at = \(tx.now)
            WHERE id = \(id) AND state = 'awaiting_approval' RETURNING \(fragment: Operation.columns)
            """, in: tx)
    }

    // MARK: Working

    package func find(_ id: OperationID, in tx: any Transaction) throws -> Operation? {
        try tx.row("SELECT \(fragment: Operation.columns) FROM operations WHERE id = \(id)").map { try Operation($0) }
    }

    package func get(_ id: OperationID, in tx: any Transaction) throws -> Operation {
        guard let operation = try find(id, in: tx) else { throw StoreError.notFound(.operation, id: id.text) }
        return operation
    }

    /// The operation, locked until the transaction ends: whoever works on it holds this lock.
    package func lock(_ id: OperationID, in tx: any Transaction) throws -> Operation {
        let row = try tx.row(
            "SELECT \(fragment: Operation.columns) FROM operations WHERE id = \(id)\(lock: .forUpdate)")
        guard let row else { throw StoreError.notFound(.operation, id: id.text) }
        return try Operation(row)
    }

    /// The operations that are under way, the oldest first.
    package func running(in tx: any Transaction) throws -> [OperationID] {
        try tx.rows("SELECT id FROM operations WHERE state = 'running' ORDER BY created_at, id").map { row in
            try row.id("id")
        }
    }

    /// The operation that an approval lets begin.
    package func awaiting(_ approval: ApprovalID, in tx: any Transaction) throws -> Operation? {
        try tx.row(
            """
            SELECT \(fragment: Operation.columns) FROM operations
            WHERE approval_id = \(approval) AND state = 'awaiting_approval'\(lock: .forUpdate)
            """
        ).map { try Operation($0) }
    }

    /// The next objects to look at, in order.
    package func next(_ count: Int, of id: OperationID, in tx: any Transaction) throws -> [String] {
        try tx.rows(
            """
            SELECT subject_id FROM operation_items WHERE operation_id = \(id) AND outcome = 'pending'
            ORDER BY subject_id LIMIT \(count)
            """
        ).map { row in try row.text("subject_id") }
    }

    /// Records what became of objects, and ends the operation with its last one.
    package func record(_ items: [OperationItem], of id: OperationID, in tx: any Transaction) throws -> Operation {
        for item in items {
            try tx.execute(
                """
                UPDATE operation_items SET outcome = \(item.outcome), detail = \(item.detail), finished_at = \(tx.now)
                WHERE operation_id = \(id) AND subject_id = \(item.subject) AND outcome = 'pending'
                """)
        }
        func count(_ outcome: OperationOutcome) -> Int { items.count { $0.outcome == outcome } }
        let (succeeded, skipped, failed) = (count(.succeeded), count(.skipped), count(.failed))
        let operation = try changed(
            id,
            """
            UPDATE operations SET succeeded = succeeded + \(succeeded), skipped = skipped + \(skipped),
                failed = failed + \(failed), updated_at = \(tx.now)
            WHERE id = \(id) AND state = 'running' RETURNING \(fragment: Operation.columns)
            """, in: tx)
        guard operation.progress.done == operation.progress.total else { return operation }
        let isFailure = operation.progress.failed > 0 && operation.progress.failed == operation.progress.total
        return try finish(id, as: isFailure ? .failed : .succeeded, in: tx)
    }

    /// Ends an operation.
    ///
    /// - Throws: ``StoreError/invalidState(_:id:reason:)`` when it has ended.
    package func finish(_ id: OperationID, as state: OperationState, in tx: any Transaction) throws -> Operation {
        try changed(
            id,
            """
            UPDATE operations SET state = \(state), finished_at = \(tx.now), updated_at = \(tx.now)
            WHERE id = \(id) AND finished_at IS NULL RETURNING \(fragment: Operation.columns)
            """, in: tx)
    }

    private func changed(_ id: OperationID, _ statement: SQL, in tx: any Transaction) throws -> Operation {
        guard let row = try tx.rows(statement).first else {
            guard let known = try find(id, in: tx) else { throw StoreError.notFound(.operation, id: id.text) }
            throw StoreError.invalidState(.operation, id: id.text, reason: "it is \(known.state.rawValue)")
        }
        return try Operation(row)
    }

    // MARK: Reading

    package func list(
        _ request: ListRequest<OperationFilter, OperationSort>, in tx: any Transaction
    ) throws -> Page<Operation> {
        let listing = Listing(
            request, columns: Operation.columns, source: "operations", conditions: request.filter.conditions,
            key: "created_at", id: "id")
        return try listing.page(request.page, total: request.total, in: tx) { try Operation($0) }
    }

    /// Objects of one operation after `subject`, in order.
    ///
    /// - `outcomes`: Only these.
    package func items(
        of id: OperationID, _ outcomes: [OperationOutcome], after subject: String = "", limit: Int,
        in tx: any Transaction
    ) throws -> [OperationItem] {
        try tx.rows(
            """
            SELECT subject_id, outcome, detail FROM operation_items
            WHERE operation_id = \(id) AND outcome IN \(list: outcomes) AND subject_id > \(subject)
            ORDER BY subject_id LIMIT \(limit)
            """
        ).map { try OperationItem($0) }
    }

    /// Forgets operations that ended before `time`; how many.
    package func purge(endedBefore time: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.rows(
            """
            DELETE FROM operations WHERE id IN (
                SELECT id FROM operations WHERE finished_at < \(time) ORDER BY finished_at LIMIT \(limit)
            ) RETURNING id
            """
        ).count
    }
}
