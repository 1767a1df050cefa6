import AuditProof
import Domain
import Query
import Store

/// A receiver outside.
package struct AuditSink: Sendable {
    /// The name of its cursor.
    package let name: String
    /// Most events of one delivery.
    package let batch: Int
    /// Returns when the receiver has taken the items.
    package let deliver: @Sendable ([ExportItem]) async throws -> Void
    /// Ends the connections to the receiver; nothing is delivered afterwards.
    package let close: @Sendable () async -> Void

    package init(
        name: String, batch: Int, close: @escaping @Sendable () async -> Void = {},
        deliver: @escaping @Sendable ([ExportItem]) async throws -> Void
    ) {
        self.name = name
        self.batch = batch
        self.close = close
        self.deliver = deliver
    }
}

/// Loop: tells receivers outside of every sealed event, in the order of the log and at least once (security §9.5).
///
/// A cursor in the database remembers what was delivered, so a restart, another leader or an outage of the receiver
/// loses nothing. A failing receiver is tried again with growing pauses and holds up no other one.
package struct AuditExporter: Sendable {
    static let pace = Duration.seconds(2)
    static let looks = 15
    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.minutes(5)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let sinks: [AuditSink]
    private let observe: @Sendable (_ sink: String, _ delivered: Int, _ failure: String?) -> Void
    private let cursors = ExportCursorStore()

    /// - `observe`: Told after every delivery and every failure.
    package init(
        _ context: LifecycleContext, leadership: Leadership, sinks: [AuditSink],
        observe: @escaping @Sendable (String, Int, String?) -> Void = { _, _, _ in }
    ) {
        self.context = context
        self.leadership = leadership
        self.sinks = sinks
        self.observe = observe
    }

    var isNeeded: Bool { !sinks.isEmpty }

    /// Ends the connections to the receivers, once the loop has ended.
    package func close() async {
        for sink in sinks { await sink.close() }
    }

    func tick(_ now: Timestamp) async throws -> LoopOutcome {
        var rows = 0
        for look in 0..<Self.looks {
            if look > 0 { try await context.time.sleep(Self.pace) }
            rows += try await deliverPending()
        }
        return LoopOutcome(rows: rows)
    }

    /// Delivers to every receiver what it lacks; how many events went out.
    package func deliverPending() async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for sink in sinks { group.addTask { try await drain(sink) } }
            return try await group.reduce(0, +)
        }
    }

    private func drain(_ sink: AuditSink) async throws -> Int {
        var rows = 0
        while true {
            try Task.checkCancellation()
            let fence = try leadership.fence()
            let next = try await context.database.read { try self.next(for: sink, in: $0) }
            guard let next else { return rows }
            do {
                try await sink.deliver(next.items)
            } catch let error as CancellationError {
                throw error
            } catch {
                try await recordFailure(sink, next.cursor, reason: "\(error)", fence)
                return rows
            }
            try await context.database.write { tx in
                try fence.check(in: tx)
                try cursors.advance(sink.name, toSequence: next.sequence, checkpoint: next.checkpoint, in: tx)
            }
            observe(sink.name, next.items.count, nil)
            rows += next.items.count
        }
    }

    private struct Delivery: Sendable {
        let cursor: ExportCursor
        let items: [ExportItem]
        let sequence: Int
        let checkpoint: Int
    }

    /// `nil` when there is nothing to tell, or it is too early to try again.
    private func next(for sink: AuditSink, in tx: any Transaction) throws -> Delivery? {
        let cursor = try cursors.load(sink.name, in: tx)
        if let due = cursor.nextAttemptAt, tx.now < due { return nil }
        let leaves = try AuditLedger().leaves(from: cursor.nextSequence, limit: sink.batch, in: tx)
        let sequence = leaves.last.map { $0.sequence + 1 } ?? cursor.nextSequence
        let signed = try CheckpointStore().from(cursor.nextCheckpoint, limit: sink.batch, in: tx)
            .prefix { $0.signed.checkpoint.treeSize <= sequence }
        let items =
            leaves.compactMap { ExportedEvent($0).map { ExportItem.event($0) } } + signed.map { .checkpoint($0.signed) }
        guard sequence > cursor.nextSequence || !items.isEmpty else { return nil }
        return Delivery(
            cursor: cursor, items: items, sequence: sequence,
            checkpoint: signed.last.map { $0.number + 1 } ?? cursor.nextCheckpoint)
    }

    private func recordFailure(
        _ sink: AuditSink, _ cursor: ExportCursor, reason: String, _ fence: Fence
    ) async throws {
        let doubled = Self.firstPause * (1 << min(cursor.failures, 12))
        let pause = RetrySchedule.jittered(
            min(doubled, Self.longestPause), by: 0.1, unit: context.random.unitInterval())
        try await context.database.write { tx in
            try fence.check(in: tx)
            try cursors.recordFailure(
                sink.name, reason: String(reason.prefix(500)), nextAttemptAt: tx.now + pause, in: tx)
        }
        observe(sink.name, 0, reason)
    }
}
