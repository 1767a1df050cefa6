import Domain
package import Query
import Store
import Synchronization

/// How many servers share the database: each says every few seconds that it lives, and counts those that did.
///
/// While the database is away the last count stays.
package final class ReplicaCensus: Sendable {
    private let database: any Database
    let instance: String
    private let latest = Atomic(1)
    /// Beats of this replica: the last one, and the first since which none was late.
    private let beats = Mutex<(last: ContinuousClock.Instant, first: ContinuousClock.Instant)?>(nil)
    /// A beat that comes later than this after the one before was kept from coming.
    private static let latestBeat = Duration.seconds(12)

    package init(database: any Database, instance: String) {
        self.database = database
        self.instance = instance
    }

    /// Servers that live, this one included.
    package var count: Int { latest.load(ordering: .relaxed) }

    /// Says that this replica lives, and counts.
    package func take() async throws {
        let count = try await database.write { [instance] tx in try ReplicaStore().note(instance, in: tx) }
        latest.store(max(1, count), ordering: .relaxed)
        let now = ContinuousClock.now
        beats.withLock { beats in
            let isSteady = beats.map { now - $0.last <= Self.latestBeat } ?? false
            beats = (last: now, first: isSteady ? beats?.first ?? now : now)
        }
    }

    /// After how long without a sign of life others are taken to have ended; `nil` as long as it can't be told.
    ///
    /// While the database is away nobody can give a sign. So only a replica that gave its own all the time, for as long as the
    /// silence of others has to last, calls another silent.
    var silence: Duration? {
        let now = ContinuousClock.now
        return beats.withLock { beats in
            guard let beats, now - beats.last <= Self.latestBeat, now - beats.first >= ReplicaStore.silence else {
                return nil
            }
            return ReplicaStore.silence
        }
    }

    var loop: Loop {
        Loop(
            name: .replicaCensus, interval: .seconds(5), budget: .seconds(10), placement: .everyReplica,
            tick: { _ in
                try await self.take()
                return LoopOutcome(rows: 1)
            }
        )
    }
}
