import Domain
import Query
import Store

extension SchemaTool {
    /// Backfills in words.
    package struct BackfillLines: Sendable {
        package let text: [String]
        package let isPaused: Bool
    }

    /// Fills what is left to fill, to its end; what is paused stays.
    package func backfill() async throws {
        try await requireSchema()
        _ = try await backfillRunner.run()
    }

    /// Keeps the backfills that are not finished from going on, or lets them.
    package func setBackfillsPaused(_ isPaused: Bool) async throws {
        try await requireSchema()
        let name = runnerName
        try await open.database.write { tx in
            for (backfill, _) in try BackfillStore().progress(in: tx) {
                try BackfillStore().setPaused(isPaused, backfill, by: name, in: tx)
            }
        }
    }

    /// A line for each backfill whose migration is applied.
    package func backfillLines() async throws -> BackfillLines {
        let all = try await backfillRunner.progress()
        return BackfillLines(text: all.map(Self.line), isPaused: all.contains { $0.state == .paused })
    }

    private var runnerName: String { "certctl db backfill on \(ServerNames.hostName() ?? "a host")" }

    private var backfillRunner: BackfillRunner {
        BackfillRunner(database: open.database, time: opening.time, name: runnerName)
    }

    /// What the backfills fill belongs to the newest schema.
    private func requireSchema() async throws {
        let status = try await ledger()
        guard status.pending.isEmpty else {
            throw StartUpFailure(.unavailable, "migrations are pending; run certctl db migrate first")
        }
    }

    private static func line(_ progress: BackfillProgress) -> String {
        let place = "backfill    \(progress.name)  "
        let by = progress.runBy.map { " by \($0)" } ?? ""
        switch progress.state {
        case .waiting: return place + "waiting for a server of this release, or certctl db backfill"
        case .running:
            return place + "\(progress.rows) rows done since \(progress.startedAt?.rfc3339 ?? "")\(by)"
        case .paused: return place + "paused\(by) after \(progress.rows) rows; certctl db backfill --resume goes on"
        case .finished:
            return place + "finished \(progress.finishedAt?.rfc3339 ?? "")  \(progress.rows) rows\(by)"
        }
    }
}
