import Domain
import HostEffects
import Logging
import ServiceLifecycle
import Telemetry

/// Runs the jobs in hand, several at a time.
///
/// When the agent stops, nothing new starts; what runs may finish for a grace period and is then cancelled, which makes
/// a deployment restore what it found.
struct JobService: Service, CustomStringConvertible {
    /// How long running deployments may go on once the agent was told to stop (specification, targets §1.5).
    static let grace = Duration.seconds(60)

    let session: AgentSession
    let runner: JobRunner
    let grace: Duration

    var description: String { "jobs" }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await runJobs() }
            group.addTask { await endOfGrace() }
            await group.next()
            group.cancelAll()
        }
    }

    /// Returns once the agent is stopping and every started job ended.
    private func runJobs() async {
        await withDiscardingTaskGroup { group in
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                while let assignment = session.jobs.takeNext() {
                    group.addTask { await runner.run(assignment) }
                }
                let runnable = session.jobs.runnable
                await session.unlessStopping { await runnable.wait() }
            }
            for job in session.jobs.abandonQueue() {
                session.log.info("job not started before shutdown; it will be offered again", .job(job))
            }
        }
    }

    private func endOfGrace() async {
        do {
            try await gracefulShutdown()
            try await session.time.sleep(grace)
            session.log.warn("the grace period ended; running jobs are rolled back")
        } catch {
            // Cancelled: every job has ended, or the process is told to stop at once.
        }
    }
}

/// Runs one job and sees to its end: report, release of the claim, place on the board.
struct JobRunner: Sendable {
    let session: AgentSession
    let csr: @Sendable (CSRAssignment) async -> JobEnding
    let deploy: @Sendable (DeploymentAssignment) async -> JobEnding
    let test: @Sendable (TestAssignment) async -> JobEnding

    func run(_ assignment: Assignment) async {
        let log = session.log
        let ending: JobEnding
        switch assignment {
        case .csr(let work): ending = await csr(work)
        case .deployment(let work):
            await claim(work)
            ending = await deploy(work)
        case .test(let work): ending = await test(work)
        }
        switch ending {
        case .report(let report):
            log.log(
                report.outcome.isCompleted ? .info : .error,
                "job ended",
                [.job(report.job), .attempt(report.attempt), LogField("outcome", "\(report.outcome)")]
            )
            await session.store(report)
            await release(assignment.job)
            session.jobs.end { $0.settle(assignment.job, attempt: assignment.attempt) }
        case .delivered:
            session.jobs.end { $0.finish(assignment.job) }
        case .pause(let reason):
            log.warn("job paused", .job(assignment.job), LogField("reason", "\(reason)"))
            let cadence = Cadence(interval: session.timing.current.poll)
            let now = session.time.now
            session.jobs.end { [random = session.random] board in
                board.rest(assignment.job, at: now, cadence: cadence, random: random)
            }
        case .lost(let reason):
            log.warn("job left", .job(assignment.job), LogField("reason", "\(reason)"))
            await release(assignment.job)
            session.jobs.end { board in
                board.settle(assignment.job, attempt: assignment.attempt)
                board.leave(assignment.job)
            }
        case .interrupted:
            log.info("job interrupted; it is resumed at the next start", .job(assignment.job))
            session.jobs.end { $0.finish(assignment.job) }
        }
    }

    /// Puts the claim on disk before anything of the host changes, and drops reports of earlier attempts.
    private func claim(_ work: DeploymentAssignment) async {
        do {
            try await BlockingWork.run { [state = session.state] in
                try state.claims.record(work.job, item: work.item)
                try state.spool.removeReports(of: work.job, before: work.attempt)
            }
        } catch {
            session.log.warn(
                "cannot record a claim; a crash would leave the job to its lease",
                .job(work.job), .error(error)
            )
        }
    }

    private func release(_ job: JobID) async {
        do {
            try await BlockingWork.run { [state = session.state] in try state.claims.release(job) }
        } catch {
            session.log.warn("cannot remove a claim", .job(job), .error(error))
        }
    }
}

/// How a job ended on this host.
enum JobEnding: Sendable {
    /// For the spool: the control plane learns it sooner or later.
    case report(TerminalReport)
    /// The control plane has everything already.
    case delivered
    /// Nothing to report; the control plane offers the job again, and the agent waits before it takes it.
    case pause(reason: String)
    /// The job is not this agent's any more.
    case lost(reason: String)
    /// The agent stops; what the job had changed is restored.
    case interrupted
}
