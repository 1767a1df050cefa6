package import Domain
package import Query

/// Takes backfills on, batch after batch, from where whoever did it before has come to (ADR-0009).
///
/// Each batch is a transaction with its progress: killed at any point, the next run goes on behind the last batch that
/// was committed. Two runners at once take turns.
package struct BackfillRunner: Sendable {
    private let database: any Database
    private let time: TimeSource
    private let name: String
    private let backfills: [Backfill]
    private let batch: Int
    private let pause: Duration

    /// - `name`: Who runs, for `certctl db status`.
    /// - `batch`: Rows that are locked at a time.
    /// - `pause`: Between two batches, for everybody else.
    package init(
        database: any Database,
        time: TimeSource,
        name: String,
        backfills: [Backfill] = Backfill.all,
        batch: Int = 500,
        pause: Duration = .milliseconds(20)
    ) {
        self.database = database
        self.time = time
        self.name = name
        self.backfills = backfills
        self.batch = batch
        self.pause = pause
    }

    /// How far each backfill has come whose migration is applied.
    package func progress() async throws -> [BackfillProgress] {
        try await database.read { [backfills] in try BackfillStore().progress(of: backfills, in: $0).map(\.progress) }
    }

    /// Fills until nothing is left but what is paused, or until a batch ends after `deadline`; the rows that were looked
    /// at.
    ///
    /// - `guarding`: Makes the check that each transaction begins with, and may refuse the batch.
    /// - `observe`: Told of each batch once it is committed.
    package func run(
        until deadline: Timestamp? = nil,
        guarding: @Sendable () throws -> @Sendable (any Transaction) throws -> Void = { { _ in } },
        observe: @Sendable (BackfillProgress) -> Void = { _ in }
    ) async throws -> Int {
        let pending = try await database.read { [backfills] tx in
            try BackfillStore().progress(of: backfills, in: tx).filter { $0.progress.isPending }
        }
        var rows = 0
        for (backfill, progress) in pending {
            var progress = progress
            repeat {
                try Task.checkCancellation()
                let check = try guarding()
                let before = progress.rows
                progress = try await database.write { [batch, name] tx in
                    try check(tx)
                    return try BackfillStore().advance(backfill, limit: batch, by: name, in: tx)
                }
                rows += max(0, progress.rows - before)
                observe(progress)
                if let deadline, time.now >= deadline { return rows }
                if progress.isPending { try await time.sleep(pause) }
            } while progress.isPending
        }
        return rows
    }
}

extension BackfillProgress {
    /// Whether a runner finds work here.
    package var isPending: Bool { state == .waiting || state == .running }
}
