package import Domain
package import Query

/// How far a backfill has come.
package struct BackfillProgress: Hashable, Sendable {
    package enum State: String, Sendable {
        /// Nothing was done yet.
        case waiting
        case running, paused, finished
    }

    package let name: String
    package let rows: Int
    /// Who did the latest batch.
    package let runBy: String?
    package let startedAt: Timestamp?
    package let finishedAt: Timestamp?
    package let pausedAt: Timestamp?

    package var state: State {
        if finishedAt != nil { return .finished }
        if pausedAt != nil { return .paused }
        return startedAt == nil ? .waiting : .running
    }
}

/// The table `data_migrations`: the progress of backfills, written in the transaction of each batch.
package struct BackfillStore: Sendable {
    package init() {}

    /// The progress of those among `backfills` whose migration is applied.
    package func progress(
        of backfills: [Backfill] = Backfill.all,
        in tx: any Transaction
    ) throws -> [(backfill: Backfill, progress: BackfillProgress)] {
        let applied = Set(try MigrationLedger.read(in: tx).filter { $0.state == .done }.map(\.version))
        return try backfills.filter { applied.contains($0.migration) }.map { ($0, try progress(of: $0, in: tx)) }
    }

    /// Whether readers may rely on what the backfill fills.
    package func isFinished(_ backfill: Backfill, in tx: any Transaction) throws -> Bool {
        try progress(of: backfill, in: tx).state == .finished
    }

    /// Does the next batch of a backfill and notes how far that has come, unless it is paused or finished. Whoever does
    /// the batch before, in this process or another, is waited for.
    package func advance(
        _ backfill: Backfill,
        limit: Int,
        by runner: String,
        in tx: any Transaction
    ) throws -> BackfillProgress {
        try makeRow(of: backfill, by: runner, in: tx)
        let row = try tx.row(
            """
            SELECT position, started_at, finished_at, paused_at FROM data_migrations
            WHERE name = \(backfill.name)\(lock: .forUpdate)
            """
        )
        guard let row, try row.optionalTime("finished_at") == nil, try row.optionalTime("paused_at") == nil else {
            return try progress(of: backfill, in: tx)
        }
        let position = try row.text("position")
        let batch = try backfill.fill(position, limit, tx)
        let finishedAt = batch.rows < limit ? tx.now : nil
        try tx.execute(
            """
            UPDATE data_migrations SET position = \(batch.last ?? position), rows_done = rows_done + \(batch.rows),
                started_at = COALESCE(started_at, \(tx.now)), updated_at = \(tx.now), finished_at = \(finishedAt),
                run_by = \(runner)
            WHERE name = \(backfill.name)
            """
        )
        return try progress(of: backfill, in: tx)
    }

    /// Keeps a backfill from going on, or lets it; one that is finished stays so.
    package func setPaused(
        _ isPaused: Bool,
        _ backfill: Backfill,
        by runner: String,
        in tx: any Transaction
    ) throws {
        try makeRow(of: backfill, by: runner, in: tx)
        try tx.execute(
            """
            UPDATE data_migrations SET paused_at = \(isPaused ? tx.now : nil), updated_at = \(tx.now)
            WHERE name = \(backfill.name) AND finished_at IS NULL
            """
        )
    }

    private func makeRow(of backfill: Backfill, by runner: String, in tx: any Transaction) throws {
        try tx.execute(
            """
            INSERT INTO data_migrations (name, migration, run_by, updated_at)
            VALUES (\(backfill.name), \(backfill.migration), \(runner), \(tx.now)) ON CONFLICT DO NOTHING
            """
        )
    }

    private func progress(of backfill: Backfill, in tx: any Transaction) throws -> BackfillProgress {
        let row = try tx.row(
            """
            SELECT rows_done, run_by, started_at, finished_at, paused_at FROM data_migrations
            WHERE name = \(backfill.name)
            """
        )
        return BackfillProgress(
            name: backfill.name,
            rows: try row?.int("rows_done") ?? 0,
            runBy: try row?.text("run_by"),
            startedAt: try row?.optionalTime("started_at"),
            finishedAt: try row?.optionalTime("finished_at"),
            pausedAt: try row?.optionalTime("paused_at")
        )
    }
}
