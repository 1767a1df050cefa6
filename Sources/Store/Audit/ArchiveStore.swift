import AuditProof
package import Domain
package import Query

/// A run of the log whose events were written to a file and removed from the database.
package struct AuditArchive: Hashable, Sendable {
    package let number: Int
    package let firstSequence: Int
    /// The number after the last.
    package let endSequence: Int
    package let fileName: String
    package let sha256: String
    package let archivedAt: Timestamp
}

/// The archived runs. The database lets an event go only when one of them holds it.
package struct ArchiveStore: Sendable {
    package init() {}

    package func all(in tx: any Transaction) throws -> [AuditArchive] {
        try tx.rows(
            "SELECT number, first_seq, end_seq, file_name, sha256, archived_at FROM audit_archives ORDER BY number"
        ).map { row in
            AuditArchive(
                number: try row.int("number"), firstSequence: try row.int("first_seq"),
                endSequence: try row.int("end_seq"), fileName: try row.text("file_name"),
                sha256: try row.text("sha256"), archivedAt: try row.time("archived_at")
            )
        }
    }

    /// The number of the first leaf that no archive holds.
    package func end(in tx: any Transaction) throws -> Int {
        try tx.row("SELECT max(end_seq) AS end_seq FROM audit_archives")?.optionalInt("end_seq") ?? 0
    }

    /// Records the run from where the last one ended up to `end`.
    ///
    /// Two callers that archive the same run collide on its first number.
    package func insert(
        first: Int, end: Int, fileName: String, sha256: String, in tx: any Transaction
    ) throws {
        let number = try tx.row("SELECT count(*) AS n FROM audit_archives")?.int("n") ?? 0
        try tx.execute(
            """
            INSERT INTO audit_archives (number, first_seq, end_seq, file_name, sha256, archived_at)
            VALUES (\(number), \(first), \(end), \(fileName), \(sha256), \(tx.now))
            """
        )
    }

    /// Removes events of the last archive, at most `limit`; how many went. Those of earlier ones went before it was made.
    ///
    /// None goes before a checkpoint covers the event that tells of the archive: from then on the gap is provable.
    /// An event under a legal hold stays.
    package func removeEvents(limit: Int, in tx: any Transaction) throws -> Int {
        try lockRemoval(in: tx)
        let archive = try tx.row(
            """
            SELECT a.first_seq, a.end_seq FROM audit_archives a
            JOIN audit_events e ON e.resource_id = a.file_name AND e.action = \(AuditLeaf.archivedAction)
            JOIN audit_leaves l ON l.event_id = e.id
            WHERE a.number = (SELECT max(number) FROM audit_archives)
                AND l.seq < (SELECT max(tree_size) FROM audit_checkpoints)
            """
        )
        guard let archive else { return 0 }
        return try tx.execute(
            """
            DELETE FROM audit_events WHERE id IN (
                SELECT l.event_id FROM audit_leaves l JOIN audit_events e ON e.id = l.event_id
                WHERE l.seq >= \(try archive.int("first_seq")) AND l.seq < \(try archive.int("end_seq"))
                    AND NOT \(fragment: AuditHoldStore.coversEvent)
                ORDER BY l.seq LIMIT \(limit)
            )
            """
        )
    }

    /// Orders removals and legal holds one after the other.
    func lockRemoval(in tx: any Transaction) throws {
        _ = try tx.row("SELECT number FROM audit_archives ORDER BY number DESC LIMIT 1\(lock: .forUpdate)")
    }

    /// Whether every archived event is gone from the database.
    package func isRemoved(in tx: any Transaction) throws -> Bool {
        let end = try end(in: tx)
        return try tx.row(
            """
            SELECT l.seq FROM audit_leaves l JOIN audit_events e ON e.id = l.event_id WHERE l.seq < \(end)
            ORDER BY l.seq DESC LIMIT 1
            """
        ) == nil
    }

    /// Where the run ends that may be archived: before the first leaf whose event is not older than `time`, or is under
    /// a legal hold.
    package func archivableEnd(before time: Timestamp, within size: Int, in tx: any Transaction) throws -> Int {
        let first = try AuditLedger().firstSequence(since: time, in: tx) ?? size
        let held = try AuditHoldStore().hasActive(in: tx) ? AuditHoldStore().firstHeldSequence(in: tx) : nil
        return min(first, held ?? size, size)
    }
}
