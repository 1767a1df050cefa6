package import Domain

/// The background loops, by the name under which `scheduler_state` and the metrics know them.
package enum LoopName: String, Sendable, CaseIterable {
    case renewalCheck = "renewal_check"
    case jobRetry = "job_retry"
    case jobTimeout = "job_timeout"
    case agentHealth = "agent_health"
    case expiry = "short_lived_expiry"
    case orders = "upstream_orders"
    case housekeeping
    case auditSequencer = "audit_sequencer"
    case auditVerification = "audit_chain_verify"
    case auditRetention = "audit_retention"
    case auditExport = "audit_export"
    case auditRefusals = "audit_refusals"
    case backfill
    case sessionGC = "session_gc"
    case sessionKeys = "session_keys"
    case userRetention = "user_retention"
    case approvalExpiry = "approval_expiry"
    case approvedIssuance = "approved_issuance"
    case rateLimitJanitor = "rate_limit_janitor"
    case apiKeys = "api_key_upkeep"
    case replicaCensus = "replica_census"
    case operations
    case revocationLists = "crl_generation"
    case upstreamRevocations = "upstream_revocations"
    case trustUpkeep = "trust_upkeep"
    case ocspResponders = "ocsp_responders"
    case ocspPresigning = "ocsp_presigning"
    case acmeOrders = "acme_orders"
    case acmeGC = "acme_gc"
}

/// Where a loop runs (specification, domain §8.2).
package enum LoopClass: Sendable {
    /// On every replica: rows are claimed with a lease.
    case everyReplica
    /// On the leader alone.
    case leader
}

/// What one run of a loop did.
package struct LoopOutcome: Hashable, Sendable {
    /// Rows that were changed.
    package let rows: Int
    /// When there is work again, if that is before the loop's next regular run.
    package let wakeAt: Timestamp?

    package init(rows: Int, wakeAt: Timestamp? = nil) {
        self.rows = rows
        self.wakeAt = wakeAt
    }
}

/// One row of the loop table: what runs, how often, where, and for how long at most.
package struct Loop: Sendable {
    package let name: LoopName
    package var interval: Duration { readInterval() }
    /// Whether it is due at its very first start; later starts go by the stored due time.
    package let isDueAtFirstStart: Bool
    /// The time limit of one run; what is left undone then is done by the next.
    package let budget: Duration
    package let placement: LoopClass
    /// One run at the given time. Running it twice in a row changes nothing the second time.
    package let tick: @Sendable (Timestamp) async throws -> LoopOutcome
    /// The next instant at which there is work before the regular run, asked about twice a minute.
    package let nextWork: (@Sendable () async throws -> Timestamp?)?
    private let readInterval: @Sendable () -> Duration

    /// - `interval`: Asked each time, because its setting changes while the server runs.
    package init(
        name: LoopName,
        interval: @autoclosure @escaping @Sendable () -> Duration,
        isDueAtFirstStart: Bool = true,
        budget: Duration,
        placement: LoopClass,
        tick: @escaping @Sendable (Timestamp) async throws -> LoopOutcome,
        nextWork: (@Sendable () async throws -> Timestamp?)? = nil
    ) {
        self.name = name
        readInterval = interval
        self.isDueAtFirstStart = isDueAtFirstStart
        self.budget = budget
        self.placement = placement
        self.tick = tick
        self.nextWork = nextWork
    }
}

/// One finished run of a loop, for metrics and logs.
package struct LoopRun: Sendable {
    package enum Result: Hashable, Sendable {
        case succeeded(rows: Int)
        case failed(reason: String)
        /// The budget ended first.
        case outOfTime
        /// Another replica leads by now; nothing was written.
        case lostLeadership
    }

    package let loop: LoopName
    package let startedAt: Timestamp
    package let finishedAt: Timestamp
    package let result: Result

    package init(loop: LoopName, startedAt: Timestamp, finishedAt: Timestamp, result: Result) {
        self.loop = loop
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.result = result
    }
}
