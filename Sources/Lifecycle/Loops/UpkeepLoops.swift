import Domain
import Encoding
import Query
import Store

/// The loops that keep jobs, agents and tables in order; each tick is safe to repeat.
struct UpkeepLoops: Sendable {
    private static let batch = 500
    /// How long is known what became of each making of a revocation list.
    private static let generationsRetention = Duration.days(30)

    private let context: LifecycleContext
    private let leadership: Leadership
    private let outcomes: RenewalOutcome
    private let jobs = JobStore()

    init(_ context: LifecycleContext, leadership: Leadership) {
        self.context = context
        self.leadership = leadership
        outcomes = RenewalOutcome(context)
    }

    /// Repeats a fenced batch until one comes back short.
    private func drain(_ body: @escaping @Sendable (any Transaction) throws -> Int) async throws -> Int {
        var rows = 0
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
    }

    // MARK: Loop 3, job retry

    func retryJobs(_ now: Timestamp) async throws -> LoopOutcome {
        let rows = try await drain { tx in
            let started = try jobs.startRetries(limit: Self.batch, in: tx)
            for job in started {
                try context.recorder.record(.jobRetried, job.id.text, by: .system, in: tx)
            }
            return started.count
        }
        return LoopOutcome(rows: rows, wakeAt: try await nextRetry())
    }

    func nextRetry() async throws -> Timestamp? {
        try await context.database.read { tx in try jobs.nextRetry(in: tx) }
    }

    // MARK: Loop 4, job timeout

    func timeOutJobs(_ now: Timestamp) async throws -> LoopOutcome {
        let unanswered = try await drain { tx in
            let timedOut = try jobs.timeOutCSRs(
                waitingSince: tx.now - context.timing.awaitingCSRTimeout,
                retryAt: tx.now + .minutes(1),
                limit: Self.batch,
                in: tx
            )
            try settle(timedOut, .jobTimedOut, in: tx)
            return timedOut.requeued.count + timedOut.failed.count
        }
        _ = try await drain { tx in
            try jobs.shortenLeases(to: context.timing.runningLease, limit: Self.batch, in: tx)
        }
        let silent = try await drain { tx in
            let expired = try jobs.expireLeases(
                agentSilence: context.timing.agentOfflineJobTTL,
                except: context.ordersInFlight.jobs,
                limit: Self.batch,
                in: tx
            )
            try settle(expired, .jobReaped, in: tx)
            return expired.requeued.count + expired.failed.count
        }
        return LoopOutcome(rows: unanswered + silent)
    }

    private func settle(_ timedOut: TimedOutJobs, _ action: RecordedAction, in tx: any Transaction) throws {
        for job in timedOut.requeued + timedOut.failed {
            try context.recorder.record(
                action,
                job.id.text,
                details: [
                    "agent_id": .string(job.agentID?.text ?? ""), "attempts": .integer(Int64(job.attempts)),
                    "status": .string(job.status.rawValue),
                ],
                by: .system,
                in: tx
            )
        }
        for job in timedOut.failed where job.type == .issuance || job.type == .renewal {
            guard let certificate = job.certificateID else { continue }
            try outcomes.recordFailure(
                of: certificate,
                reason: job.lastError ?? "the job timed out",
                by: .system,
                in: tx
            )
        }
    }

    // MARK: Loop 5, agent health

    func refreshAgents(_ now: Timestamp) async throws -> LoopOutcome {
        let agents = AgentStore(offlineAfter: context.timing.agentOfflineAfter)
        let rows = try await drain { tx in
            let changes = try agents.refreshStatuses(limit: Self.batch, in: tx)
            for change in changes {
                try context.recorder.record(
                    .agentStatusChanged,
                    change.id.text,
                    details: ["from": .string(change.from.rawValue), "to": .string(change.to.rawValue)],
                    by: .system,
                    in: tx
                )
            }
            return changes.count
        }
        return LoopOutcome(rows: rows)
    }

    // MARK: Loop 8, expiry

    func expire(_ now: Timestamp) async throws -> LoopOutcome {
        let rows = try await drain { tx in
            let expired = try CertificateStore().markExpired(limit: Self.batch, in: tx)
            for id in expired { try context.recorder.record(.certificateExpired, id.text, by: .system, in: tx) }
            return expired.count
        }
        return LoopOutcome(rows: rows)
    }

    // MARK: Housekeeping

    func tidy(_ now: Timestamp) async throws -> LoopOutcome {
        let answers = try await drain { tx in try IdempotencyStore().purge(limit: Self.batch, in: tx) }
        let events = try await drain { tx in
            try EventOutbox().purge(before: tx.now - context.timing.eventsRetention, limit: Self.batch, in: tx)
        }
        let generations = try await drain { tx in
            try RevocationListStore().forgetGenerations(
                before: tx.now - Self.generationsRetention, limit: Self.batch, in: tx)
        }
        return LoopOutcome(rows: answers + events + generations)
    }

    /// Forgets attempts that nobody repeated for a day: every limit of them is earned anew by then.
    func sweepLimits(_ now: Timestamp) async throws -> LoopOutcome {
        let idle = Duration.hours(24)
        return LoopOutcome(
            rows: try await drain { tx in try RateCellStore().purge(before: tx.now - idle, limit: Self.batch, in: tx) })
    }
}
