package import Domain
package import Query

/// How far a receiver outside has been told of the sealed log.
package struct ExportCursor: Hashable, Sendable {
    package let sink: String
    package let nextSequence: Int
    package let nextCheckpoint: Int
    /// Attempts that failed since the last success.
    package let failures: Int
    package let nextAttemptAt: Timestamp?
    package let lastSuccessAt: Timestamp?
    package let lastError: String?
}

/// The cursors of exports: what was delivered stays delivered across restarts and replicas.
package struct ExportCursorStore: Sendable {
    package init() {}

    /// The cursor of a receiver; a new one begins at the first leaf.
    package func load(_ sink: String, in tx: any Transaction) throws -> ExportCursor {
        let row = try tx.row(
            """
            SELECT sink, next_seq, next_checkpoint, failures, next_attempt_at, last_success_at, last_error
            FROM audit_export_cursors WHERE sink = \(sink)
            """
        )
        guard let row else {
            return ExportCursor(
                sink: sink, nextSequence: 0, nextCheckpoint: 0, failures: 0, nextAttemptAt: nil, lastSuccessAt: nil,
                lastError: nil)
        }
        return ExportCursor(
            sink: sink, nextSequence: try row.int("next_seq"), nextCheckpoint: try row.int("next_checkpoint"),
            failures: try row.int("failures"), nextAttemptAt: try row.optionalTime("next_attempt_at"),
            lastSuccessAt: try row.optionalTime("last_success_at"), lastError: try row.optionalText("last_error")
        )
    }

    package func advance(
        _ sink: String, toSequence sequence: Int, checkpoint: Int, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO audit_export_cursors (sink, next_seq, next_checkpoint, failures, last_success_at)
            VALUES (\(sink), \(sequence), \(checkpoint), 0, \(tx.now))
            ON CONFLICT (sink) DO UPDATE SET next_seq = excluded.next_seq,
                next_checkpoint = excluded.next_checkpoint, failures = 0, next_attempt_at = NULL,
                last_success_at = excluded.last_success_at, last_error = NULL
            """
        )
    }

    package func recordFailure(
        _ sink: String, reason: String, nextAttemptAt: Timestamp, in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO audit_export_cursors (sink, failures, next_attempt_at, last_error)
            VALUES (\(sink), 1, \(nextAttemptAt), \(reason))
            ON CONFLICT (sink) DO UPDATE SET failures = audit_export_cursors.failures + 1,
                next_attempt_at = excluded.next_attempt_at, last_error = excluded.last_error
            """
        )
    }
}
