import Domain
import Query
import Store

/// Works on what requests began and did not end, and forgets what ended long ago. Runs on every replica.
package struct BulkRevokeLoop: Sendable {
    /// How long an operation is kept after its end.
    private static let retention = Duration.days(90)

    private let context: LifecycleContext
    private let flow: BulkRevokeFlow

    package init(_ context: LifecycleContext, _ flow: BulkRevokeFlow) {
        self.context = context
        self.flow = flow
    }

    package var loop: Loop {
        Loop(
            name: .operations, interval: .seconds(3), budget: .minutes(10), placement: .everyReplica,
            tick: { _ in try await tick() })
    }

    func tick() async throws -> LoopOutcome {
        var rows = 0
        for id in try await context.database.read({ try OperationStore().running(in: $0) }) {
            var isOpen = true
            while isOpen {
                try Task.checkCancellation()
                let (operation, items) = try await flow.step(id)
                rows += items.count
                isOpen = operation.finishedAt == nil && !items.isEmpty
            }
        }
        rows += try await context.database.write { tx in
            try OperationStore().purge(endedBefore: tx.now - Self.retention, limit: 100, in: tx)
        }
        return LoopOutcome(rows: rows)
    }
}
