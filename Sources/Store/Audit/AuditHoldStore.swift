package import Domain
package import Query

/// A legal hold: events of its time stay in the database until it is released.
package struct AuditHold: Hashable, Sendable {
    package let id: AuditHoldID
    /// `nil`: from the first event on.
    package let since: Timestamp?
    /// `nil`: without an end.
    package let until: Timestamp?
    package let reason: String
    package let placedBy: String
    package let placedAt: Timestamp
    package let releasedBy: String?
    package let releasedAt: Timestamp?

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        since = try row.optionalTime("since")
        until = try row.optionalTime("until")
        reason = try row.text("reason")
        placedBy = try row.text("placed_by")
        placedAt = try row.time("placed_at")
        releasedBy = try row.optionalText("released_by")
        releasedAt = try row.optionalTime("released_at")
    }
}

/// The legal holds (security §9.7). The database itself refuses to let an event go that one of them covers.
package struct AuditHoldStore: Sendable {
    /// Holds of one list: far more than anybody places.
    package static let most = 1000

    package init() {}

    private static let columns: SQL = "id, since, until, reason, placed_by, placed_at, released_by, released_at"
    /// Whether an active hold covers the event `e`.
    static let coversEvent: SQL = """
        EXISTS (
            SELECT 1 FROM audit_holds h
            WHERE h.released_at IS NULL AND (h.since IS NULL OR e.timestamp >= h.since)
                AND (h.until IS NULL OR e.timestamp < h.until)
        )
        """

    /// Places a hold. It waits for a removal of archived events that is under way: what is there when this commits
    /// stays.
    package func insert(
        _ id: AuditHoldID, since: Timestamp?, until: Timestamp?, reason: String, by actor: String,
        in tx: any Transaction
    ) throws -> AuditHold {
        try ArchiveStore().lockRemoval(in: tx)
        let row = try tx.row(
            """
            INSERT INTO audit_holds (id, since, until, reason, placed_by, placed_at)
            VALUES (\(id), \(since), \(until), \(reason), \(actor), \(tx.now))
            RETURNING \(fragment: Self.columns)
            """
        )
        guard let row else { throw StoreError.notFound(.auditHold, id: id.text) }
        return try AuditHold(row)
    }

    package func release(_ id: AuditHoldID, by actor: String, in tx: any Transaction) throws -> AuditHold {
        let row = try tx.row(
            """
            UPDATE audit_holds SET released_by = \(actor), released_at = \(tx.now)
            WHERE id = \(id) AND released_at IS NULL
            RETURNING \(fragment: Self.columns)
            """
        )
        if let row { return try AuditHold(row) }
        guard try tx.row("SELECT id FROM audit_holds WHERE id = \(id)") != nil else {
            throw StoreError.notFound(.auditHold, id: id.text)
        }
        throw StoreError.invalidState(.auditHold, id: id.text, reason: "it is released already")
    }

    /// Newest first.
    package func all(in tx: any Transaction) throws -> [AuditHold] {
        try tx.rows(
            """
            SELECT \(fragment: Self.columns) FROM audit_holds ORDER BY placed_at DESC, id DESC LIMIT \(Self.most)
            """
        ).map { try AuditHold($0) }
    }

    /// How many there are; a bound on what ``all(in:)`` has to show.
    package func count(in tx: any Transaction) throws -> Int {
        try tx.row("SELECT count(*) AS n FROM audit_holds")?.int("n") ?? 0
    }

    /// The number of the first sealed event that an active hold keeps.
    package func firstHeldSequence(in tx: any Transaction) throws -> Int? {
        try tx.row(
            """
            SELECT min(l.seq) AS seq FROM audit_events e JOIN audit_leaves l ON l.event_id = e.id
            WHERE \(fragment: Self.coversEvent)
            """
        )?.optionalInt("seq")
    }

    /// Whether any hold is active: asked first, because the look for held events reads them all.
    package func hasActive(in tx: any Transaction) throws -> Bool {
        try tx.row("SELECT id FROM audit_holds WHERE released_at IS NULL LIMIT 1") != nil
    }
}
