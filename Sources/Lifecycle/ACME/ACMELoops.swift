import Domain
import Encoding
import Query
import Store

/// What the sweeper of the ACME server took away.
package struct ACMESweep: Hashable, Sendable {
    package var nonces = 0
    package var authorizations = 0
    package var orders = 0
    /// Orders, authorizations and questions.
    package var forgotten = 0
    /// Accounts that had ended and are deleted.
    package var accounts = 0
    package var failures = 0

    package var rows: Int { nonces + authorizations + orders + forgotten + accounts }
}

/// The loops of the ACME server: orders that nobody works on, and what has run out (protocol-servers §2.14).
package struct ACMELoops: Sendable {
    private static let batch = 1000
    /// How long one sweep may go on; the rest is for the next run.
    private static let budget = Duration.minutes(1)
    /// How long questions to agents are kept, for whoever looks into a refusal.
    private static let memory = Duration.hours(24)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let desk: ACMEIssuanceDesk
    private let plan: @Sendable () -> ACMEPlan
    private let gcInterval: @Sendable () -> Duration
    private let swept: @Sendable (ACMESweep) -> Void

    /// - `gcInterval`: Zero or less switches the sweeper off.
    package init(
        _ context: LifecycleContext, leadership: Leadership, desk: ACMEIssuanceDesk,
        plan: @escaping @Sendable () -> ACMEPlan, gcInterval: @escaping @Sendable () -> Duration,
        swept: @escaping @Sendable (ACMESweep) -> Void
    ) {
        self.context = context
        self.leadership = leadership
        self.desk = desk
        self.plan = plan
        self.gcInterval = gcInterval
        self.swept = swept
    }

    package var loops: [Loop] {
        [
            Loop(
                name: .acmeOrders, interval: .seconds(2), budget: .minutes(5), placement: .everyReplica,
                tick: { _ in LoopOutcome(rows: try await desk.settle()) }),
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
        sweep.accounts = try await attempt(&sweep) { tx in
            try ACMEAccountStore().purge(endedBefore: end, limit: Self.batch, in: tx)
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
        let end = context.time.now + Self.budget
        do {
            while true {
                try Task.checkCancellation()
                let fence = try leadership.fence()
                let count = try await context.database.write { tx in
                    try fence.check(in: tx)
                    return try body(tx)
                }
                rows += count
                if count < Self.batch || context.time.now >= end { return rows }
            }
        } catch is DatabaseError {
            sweep.failures += 1
            return rows
        }
    }
}
