import Domain
import HostEffects
import Logging
import Telemetry

/// Puts the host in order after an earlier process ended in the middle of something.
struct Recovery: Sendable {
    let session: AgentSession
    let keys: KeyDirectory
    /// Completes or undoes unfinished deployments; the lines are for the log.
    let recoverDeployments: @Sendable () async throws -> [String]

    /// - Returns: Whether claims of the earlier process go on.
    /// - Throws: When the state directory or the key directory cannot be used.
    func run() async throws -> Bool {
        try await BlockingWork.run { [keys, state = session.state] in
            try keys.prepare()
            try keys.removeTemporaries()
            try state.removeTemporaries()
        }
        for line in try await recoverDeployments() {
            session.log.warn("unfinished deployment found", LogField("outcome", "\(line)"))
        }
        return try await resumeClaims()
    }

    /// A claim whose report is in the spool is over; one whose lease has ended is somebody else's; the rest goes on.
    private func resumeClaims() async throws -> Bool {
        let now = session.time.now
        let resumed = try await BlockingWork.run { [state = session.state] in
            var resumed: [DeploymentAssignment] = []
            for (job, item) in try state.claims.claims() {
                guard case .work(.deployment(let work)) = WorkIntake.assess(item),
                    try !state.spool.contains(job, attempt: work.attempt),
                    work.leaseExpiresAt.map({ $0 > now }) ?? true
                else {
                    try state.claims.release(job)
                    continue
                }
                resumed.append(work)
            }
            return resumed
        }
        for work in resumed {
            session.log.info("resuming a deployment", .job(work.job), .target(work.target))
            _ = session.jobs.admit(.deployment(work), at: now)
        }
        for report in try await BlockingWork.run({ [spool = session.state.spool] in try spool.reports() }) {
            _ = session.jobs.settleUnlessKnown(report.job, attempt: report.attempt)
        }
        return !resumed.isEmpty
    }
}
