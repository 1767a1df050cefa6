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
        var failure: (any Error)?
        for id in try await context.database.read({ try OperationStore().running(in: $0) }) {
            do {
                rows += try await work(on: id)
            } catch let error as CancellationError {
                throw error
            } catch {
                // One that cannot go on now must not keep the others waiting.
                failure = failure ?? error
            }
        }
        rows += try await context.database.write { tx in
            try OperationStore().purge(endedBefore: tx.now - Self.retention, limit: 100, in: tx)
        }
        if let failure { throw failure }
        return LoopOutcome(rows: rows)
    }

    /// Works on one operation until it has ended, or until nothing of it is left to take; how many objects.
    private func work(on id: OperationID) async throws -> Int {
        var rows = 0
        while true {
            try Task.checkCancellation()
            let (operation, items) = try await flow.step(id)
            rows += items.count
            if operation.finishedAt != nil || items.isEmpty { return rows }
        }
    }
}
