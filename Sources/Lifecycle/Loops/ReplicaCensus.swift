import Domain
package import Query
import Store
import Synchronization

/// How many servers share the database: each says every few seconds that it lives, and counts those that did.
///
/// While the database is away the last count stays.
package final class ReplicaCensus: Sendable {
    private let database: any Database
    private let instance: String
    private let latest = Atomic(1)

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
