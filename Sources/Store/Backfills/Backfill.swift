import Query

/// A task that fills, for the rows that were there before, what a migration made room for (ADR-0009).
///
/// What it owes to the rest: readers use the new place once ``BackfillStore/isFinished(_:in:)`` says so, and from its
/// migration on whoever writes a row fills it, an older release included, which takes a trigger. Then a row that was
/// passed once stays filled.
package struct Backfill: Sendable {
    /// What one batch came to.
    package struct Batch: Sendable {
        /// Rows that were looked at, filled before or not.
        let rows: Int
        /// The key of the last of them; `nil` when there was none.
        let last: String?

        init(rows: Int, last: String?) {
            self.rows = rows
            self.last = last
        }
    }

    /// Its key in `data_migrations`, for ever.
    package let name: String
    /// The migration that it belongs to.
    package let migration: String
    /// What it does, for an operator.
    package let summary: String
    /// The table that it walks through.
    package let table: String
    /// Fills what is not filled yet among the `limit` rows that come after a key, in the order of the key; one
    /// transaction, repeatable.
    let fill: @Sendable (_ key: String, _ limit: Int, _ tx: any Transaction) throws -> Batch

    init(
        name: String,
        migration: String,
        summary: String,
        table: String,
        fill: @escaping @Sendable (_ key: String, _ limit: Int, _ tx: any Transaction) throws -> Batch
    ) {
        self.name = name
        self.migration = migration
        self.summary = summary
        self.table = table
        self.fill = fill
    }

    /// Every backfill of this release, in the order in which they run.
    package static let all = [certificateNames, auditIntake, auditLookup]
}

extension Backfill {
    /// `certificate_names` of certificates older than the table.
    static let certificateNames = Backfill(
        name: "certificate_names",
        migration: "000013_certificate_names",
        summary: "the names by which certificates are found",
        table: "managed_certificates"
    ) { key, limit, tx in
        // Locked, so that a change of the names comes before or after and not in between.
        let rows = try tx.rows(
            """
            SELECT id FROM managed_certificates WHERE id > \(key) ORDER BY id LIMIT \(limit)\(lock: .forUpdate)
            """
        )
        guard let last = try rows.last?.text("id") else { return Batch(rows: 0, last: nil) }
        try tx.execute(
            """
            INSERT INTO certificate_names (name, certificate_id)
            SELECT lower(element.value), c.id FROM managed_certificates c, \(elements: "c.sans")
            WHERE c.id > \(key) AND c.id <= \(last)
                AND NOT EXISTS (SELECT 1 FROM certificate_names n WHERE n.certificate_id = c.id)
            ON CONFLICT DO NOTHING
            """
        )
        return Batch(rows: rows.count, last: last)
    }

    /// The queue of the audit log: the events of before it, which the sequencer then seals like any other.
    static let auditIntake = Backfill(
        name: "audit_intake",
        migration: "000014_audit_log",
        summary: "the audit events of before the sealed log",
        table: "audit_events"
    ) { key, limit, tx in
        let rows = try tx.rows("SELECT id FROM audit_events WHERE id > \(key) ORDER BY id LIMIT \(limit)")
        guard let last = try rows.last?.text("id") else { return Batch(rows: 0, last: nil) }
        // One statement sees an event in the queue or sealed, never in neither.
        try tx.execute(
            """
            INSERT INTO audit_intake (event_id)
            SELECT e.id FROM audit_events e
            WHERE e.id > \(key) AND e.id <= \(last)
                AND NOT EXISTS (SELECT 1 FROM audit_leaves l WHERE l.event_id = e.id)
                AND NOT EXISTS (SELECT 1 FROM audit_intake i WHERE i.event_id = e.id)
            ORDER BY e.timestamp, e.id
            """
        )
        return Batch(rows: rows.count, last: last)
    }

    /// What audit events are looked up by, of those that were sealed before there was such a table.
    package static let auditLookup = Backfill(
        name: "audit_lookup",
        migration: "000019_audit_lookup",
        summary: "what audit events are looked up by",
        table: "audit_events"
    ) { key, limit, tx in
        let rows = try tx.rows("SELECT id FROM audit_events WHERE id > \(key) ORDER BY id LIMIT \(limit)")
        guard let last = try rows.last?.text("id") else { return Batch(rows: 0, last: nil) }
        try tx.execute(
            """
            INSERT INTO audit_lookup (
                seq, event_id, timestamp, event_category, actor, action, resource_type, resource_id, request_id
            )
            SELECT l.seq, e.id, e.timestamp, e.event_category, e.actor, e.action, e.resource_type, e.resource_id,
                e.request_id
            FROM audit_events e JOIN audit_leaves l ON l.event_id = e.id
            WHERE e.id > \(key) AND e.id <= \(last)
            ON CONFLICT DO NOTHING
            """
        )
        return Batch(rows: rows.count, last: last)
    }
}
