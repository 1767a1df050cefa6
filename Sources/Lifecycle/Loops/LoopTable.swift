package import Domain

/// How often the loops run (specification, domain §8.1).
package struct LoopIntervals: Sendable {
    /// `CERTCTL_SCHEDULER_RENEWAL_CHECK_INTERVAL`.
    package var renewalCheck = Duration.hours(1)
    /// `CERTCTL_SCHEDULER_RETRY_INTERVAL`.
    package var jobRetry = Duration.minutes(5)
    /// `CERTCTL_JOB_TIMEOUT_INTERVAL`.
    package var jobTimeout = Duration.minutes(10)
    /// `CERTCTL_SCHEDULER_AGENT_HEALTH_CHECK_INTERVAL`.
    package var agentHealth = Duration.minutes(2)
    /// `CERTCTL_SHORT_LIVED_EXPIRY_CHECK_INTERVAL`.
    package var expiry = Duration.seconds(30)
    /// `CERTCTL_SCHEDULER_JOB_PROCESSOR_INTERVAL`.
    package var orders = Duration.seconds(30)
    /// `CERTCTL_RATE_LIMIT_JANITOR_INTERVAL`.
    package var rateLimitJanitor = Duration.minutes(5)

    package init() {}
}

/// The loops of the sealed audit log.
package struct AuditLoops: Sendable {
    package let plan: AuditPlan
    package let sequencer: AuditSequencer
    package let verifier: AuditVerifier
    package let retention: AuditRetention
    package let exporter: AuditExporter
    package let refusals: RefusalAudit

    package init(
        plan: AuditPlan, sequencer: AuditSequencer, verifier: AuditVerifier, retention: AuditRetention,
        exporter: AuditExporter, refusals: RefusalAudit
    ) {
        self.plan = plan
        self.sequencer = sequencer
        self.verifier = verifier
        self.retention = retention
        self.exporter = exporter
        self.refusals = refusals
    }

    var loops: [Loop] {
        let all = [
            Loop(
                name: .auditRefusals,
                interval: .minutes(1),
                budget: .seconds(30),
                placement: .everyReplica,
                tick: refusals.tick
            ),
            Loop(
                name: .auditSequencer,
                interval: .seconds(1),
                budget: .minutes(5),
                placement: .leader,
                tick: sequencer.tick
            ),
            Loop(
                name: .auditVerification,
                interval: plan.verifyInterval,
                isDueAtFirstStart: false,
                budget: .minutes(30),
                placement: .leader,
                tick: verifier.tick
            ),
            Loop(
                name: .auditRetention,
                interval: plan.retention > .zero ? min(plan.retention, .hours(1)) : .hours(1),
                budget: .minutes(30),
                placement: .leader,
                tick: retention.tick
            ),
        ]
        guard exporter.isNeeded else { return all }
        return all + [
            Loop(
                name: .auditExport,
                interval: .seconds(1),
                budget: .minutes(5),
                placement: .leader,
                tick: exporter.tick
            )
        ]
    }
}

/// The loop table: every timer of the control plane has its row here and nowhere else.
package enum LoopTable {
    /// - `permits`: Whether an approved job may be issued for now.
    /// - `census`: Counts the replicas of a shared database; `nil` where there can be no other.
    /// - `intervals`: Asked each time, because the settings change while the server runs.
    package static func loops(
        _ context: LifecycleContext,
        leadership: Leadership,
        recovery: OrderRecovery,
        issue: IssueFlow,
        permits: @escaping @Sendable (JobID) async throws -> Bool,
        approvals: ApprovalFlow,
        audit: AuditLoops,
        keys: KeyLoop,
        census: ReplicaCensus? = nil,
        intervals: @autoclosure @escaping @Sendable () -> LoopIntervals = LoopIntervals()
    ) -> [Loop] {
        let renewal = RenewalLoop(context, leadership: leadership)
        let upkeep = UpkeepLoops(context, leadership: leadership)
        let backfill = BackfillLoop(context, leadership: leadership)
        let submissionTimeout = context.timing.submissionTimeout
        return [
            Loop(
                name: .renewalCheck,
                interval: intervals().renewalCheck,
                budget: .minutes(5),
                placement: .leader,
                tick: renewal.tick,
                nextWork: renewal.nextWork
            ),
            Loop(
                name: .jobRetry,
                interval: intervals().jobRetry,
                budget: .minutes(2),
                placement: .leader,
                tick: upkeep.retryJobs,
                nextWork: upkeep.nextRetry
            ),
            Loop(
                name: .jobTimeout,
                interval: intervals().jobTimeout,
                budget: .minutes(2),
                placement: .leader,
                tick: upkeep.timeOutJobs
            ),
            Loop(
                name: .agentHealth,
                interval: intervals().agentHealth,
                budget: .minutes(1),
                placement: .leader,
                tick: upkeep.refreshAgents
            ),
            Loop(
                name: .expiry,
                interval: intervals().expiry,
                budget: .seconds(30),
                placement: .leader,
                tick: upkeep.expire
            ),
            Loop(
                name: .orders,
                interval: intervals().orders,
                budget: .minutes(1),
                placement: .everyReplica,
                tick: { _ in
                    let lost = try await recovery.abandonLost(
                        olderThan: submissionTimeout, orSilentFor: census?.silence, by: census?.instance)
                    return LoopOutcome(rows: lost + (try await recovery.pollDue()))
                }
            ),
            Loop(
                name: .approvalExpiry,
                interval: .minutes(1),
                budget: .seconds(30),
                placement: .leader,
                tick: { _ in
                    var rows = 0
                    while true {
                        try Task.checkCancellation()
                        let fence = try leadership.fence()
                        let count = try await approvals.expireDue { tx in try fence.check(in: tx) }
                        rows += count
                        if count < ApprovalFlow.sweepBatch { return LoopOutcome(rows: rows) }
                    }
                }
            ),
            Loop(
                name: .approvedIssuance,
                interval: .seconds(5),
                budget: .minutes(1),
                placement: .everyReplica,
                tick: { _ in LoopOutcome(rows: try await issue.issueApproved(where: permits)) }
            ),
            Loop(
                name: .housekeeping,
                interval: .hours(1),
                budget: .minutes(5),
                placement: .leader,
                tick: upkeep.tidy
            ),
            Loop(
                name: .backfill,
                interval: .hours(1),
                budget: .minutes(1),
                placement: .leader,
                tick: backfill.tick,
                nextWork: backfill.nextWork
            ),
            Loop(
                name: .rateLimitJanitor,
                interval: intervals().rateLimitJanitor,
                budget: .minutes(1),
                placement: .leader,
                tick: upkeep.sweepLimits
            ),
            keys.loop(leadership),
        ] + audit.loops + (census.map { [$0.loop] } ?? [])
    }
}
