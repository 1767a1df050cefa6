package import Domain
package import Query

/// How a run of a loop ended.
package enum LoopResult: String, Sendable, CaseIterable, Bindable {
    case success, failure, cancelled
}

/// A loop of the scheduler, as stored.
package struct LoopState: Hashable, Sendable {
    package let loop: String
    package let lastStartedAt: Timestamp?
    package let lastFinishedAt: Timestamp?
    package let lastResult: LoopResult?
    package let lastError: String?
    package let nextDueAt: Timestamp
    package let leaderEpoch: Int

    init(_ row: Row) throws(DatabaseError) {
        loop = try row.text("loop")
        lastStartedAt = try row.optionalTime("last_started_at")
        lastFinishedAt = try row.optionalTime("last_finished_at")
        lastResult = try row.optionalValue("last_result")
        lastError = try row.optionalText("last_error")
        nextDueAt = try row.time("next_due_at")
        leaderEpoch = try row.int("leader_epoch")
    }
}

/// The due times of loops, which outlive restarts.
package struct LoopStateStore: Sendable {
    package init() {}

    private static let columns: SQL =
        "loop, last_started_at, last_finished_at, last_result, last_error, next_due_at, leader_epoch"

    package func state(of loop: String, in tx: any Transaction) throws -> LoopState? {
        try tx.row("SELECT \(fragment: Self.columns) FROM scheduler_state WHERE loop = \(loop)")
            .map { try LoopState($0) }
    }

    package func all(in tx: any Transaction) throws -> [LoopState] {
        try tx.rows("SELECT \(fragment: Self.columns) FROM scheduler_state ORDER BY loop").map { try LoopState($0) }
    }

    /// Brings a due time forward that lies too far away; never puts one off.
    package func advance(_ loop: String, to dueAt: Timestamp, in tx: any Transaction) throws {
        try tx.execute(
            "UPDATE scheduler_state SET next_due_at = \(dueAt) WHERE loop = \(loop) AND next_due_at > \(dueAt)"
        )
    }

    /// Stores how a run ended and when the next one is due. A leader of an older epoch changes nothing.
    ///
    /// - `epoch`: the epoch of the leader; zero for loops that every replica runs.
    package func record(
        _ loop: String,
        startedAt: Timestamp,
        finishedAt: Timestamp,
        result: LoopResult,
        error: String?,
        nextDueAt: Timestamp,
        epoch: Int,
        in tx: any Transaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO scheduler_state (
                loop, last_started_at, last_finished_at, last_result, last_error, next_due_at, leader_epoch
            ) VALUES (\(loop), \(startedAt), \(finishedAt), \(result), \(error), \(nextDueAt), \(epoch))
            ON CONFLICT (loop) DO UPDATE SET last_started_at = excluded.last_started_at,
                last_finished_at = excluded.last_finished_at, last_result = excluded.last_result,
                last_error = excluded.last_error, next_due_at = excluded.next_due_at,
                leader_epoch = excluded.leader_epoch
            WHERE scheduler_state.leader_epoch <= excluded.leader_epoch
            """
        )
    }
}
