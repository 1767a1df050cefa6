import Domain
import Encoding
import Query
import Store

/// What the sweeper of the ACME server took away.
package struct ACMESweep: Hashable, Sendable {
    package var nonces = 0
    package var authorizations = 0
    package var orders = 0
    package var forgotten = 0
    package var failures = 0

    package var rows: Int { nonces + authorizations + orders + forgotten }
}

/// The loops of the ACME server: orders that nobody works on, and what has run out (protocol-servers §2.14).
package struct ACMELoops: Sendable {
    private static let batch = 500
    /// How long questions to agents are kept, for whoever looks into a refusal.
    private static let memory = Duration.hours(24)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let settlement: ACMESettlement
    private let plan: @Sendable () -> ACMEPlan
    private let gcInterval: @Sendable () -> Duration
    private let swept: @Sendable (ACMESweep) -> Void

    /// - `gcInterval`: Zero or less switches the sweeper off.
    package init(
        _ context: LifecycleContext, leadership: Leadership, settlement: ACMESettlement,
        plan: @escaping @Sendable () -> ACMEPlan, gcInterval: @escaping @Sendable () -> Duration,
        swept: @escaping @Sendable (ACMESweep) -> Void
    ) {
        self.context = context
        self.leadership = leadership
        self.settlement = settlement
        self.plan = plan
        self.gcInterval = gcInterval
        self.swept = swept
    }

    package var loops: [Loop] {
        [
            Loop(
                name: .acmeOrders, interval: .seconds(2), budget: .minutes(5), placement: .everyReplica,
                tick: { _ in LoopOutcome(rows: try await settlement.settle()) }),
            Loop(
                name: .acmeGC, interval: interval, budget: .minutes(5), placement: .leader,
                tick: { _ in LoopOutcome(rows: try await sweep().rows) }),
        ]
    }

    private var interval: Duration {
        let wanted = gcInterval()
        return wanted > .zero ? wanted : .hours(1)
    }

    /// Each sweep by itself: the failure of one keeps none of the others from its work.
    func sweep() async throws -> ACMESweep {
        var sweep = ACMESweep()
        guard gcInterval() > .zero else { return sweep }
        let error = ACMEOrder.expiry
        sweep.nonces = try await attempt(&sweep) { tx in try ACMENonceStore().purge(limit: Self.batch, in: tx) }
        sweep.authorizations = try await attempt(&sweep) { tx in
            try ACMEAuthorizationStore().expire(limit: Self.batch, in: tx)
        }
        sweep.orders = try await attempt(&sweep) { tx in
            let ended = try ACMEOrderStore().expire(limit: Self.batch, error: error, in: tx)
            for id in ended {
                try context.recorder.record(
                    .acmeOrderFailed, id.text, details: ["error": "the order expired"],
                    by: Authorship(actor: ACMEActor.sweeper, origin: nil, clearance: .system), in: tx)
            }
            return ended.count
        }
        let end = context.time.now - plan().retention
        sweep.forgotten = try await attempt(&sweep) { tx in
            try ACMEOrderStore().purge(endedBefore: end, limit: Self.batch, in: tx)
        }
        sweep.forgotten += try await attempt(&sweep) { tx in
            try ACMEAuthorizationStore().purge(endedBefore: end, limit: Self.batch, in: tx)
        }
        // What agents said is in the audit log.
        let answered = context.time.now - Self.memory
        sweep.forgotten += try await attempt(&sweep) { tx in
            try ACMEPerspectiveStore().purge(endedBefore: answered, limit: Self.batch, in: tx)
        }
        swept(sweep)
        return sweep
    }

    private func attempt(
        _ sweep: inout ACMESweep, _ body: @escaping @Sendable (any Transaction) throws -> Int
    ) async throws -> Int {
        var rows = 0
        do {
            while true {
                try Task.checkCancellation()
                let fence = try leadership.fence()
                let count = try await context.database.write { tx in
                    try fence.check(in: tx)
                    return try body(tx)
                }
                rows += count
                if count < Self.batch { return rows }
            }
        } catch is DatabaseError {
            sweep.failures += 1
            return rows
        }
    }
}
