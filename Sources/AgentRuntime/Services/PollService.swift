import Domain
import Encoding
import HostEffects
import Logging
import ServiceLifecycle
import Telemetry

/// Asks the control plane for work and hands it to the job service.
struct PollService: Service, CustomStringConvertible {
    let session: AgentSession
    let isPrompt: Bool

    var description: String { "poll" }

    func run() async throws {
        await session.pause(
            Cadence(interval: session.timing.current.poll).firstDelay(prompt: isPrompt, random: session.random)
        )
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled, !session.retirement.isAnnounced {
            guard session.jobs.hasRoom else {
                await waitForRoom()
                continue
            }
            do {
                let isExhausted = try await ask()
                if failures > 0 { session.reconnected.raise() }
                failures = 0
                if isExhausted { await waitForRoom() }
            } catch is CancellationError {
                break
            } catch {
                failures += 1
                await fail(error, failures: failures)
            }
        }
        await session.untilShutdown()
    }

    private func fail(_ error: any Error, failures: Int) async {
        let failure = error as? ControlPlaneError
        if let failure, failure.kind == .retired {
            return await session.retirement.announce(failure, on: "poll")
        }
        session.log.warn("asking for work failed", .error(error))
        await session.vitals.update { record in
            record.consecutiveFailures += 1
            record.lastError = "\(error)"
        }
        let cadence = Cadence(interval: session.timing.current.poll)
        await session.pause(cadence.delay(failures: failures, retryAfter: failure?.retryAfter, random: session.random))
    }

    /// One question for work.
    ///
    /// - Returns: Whether asking again at once would bring nothing new: the control plane answered without waiting,
    ///   or named only jobs that this agent has or leaves alone.
    func ask() async throws -> Bool {
        let session = session
        let wait = session.timing.current.pollWait
        let askedAt = session.time.now
        let known = await known()
        let items = try await cancelWhenGracefulShutdown {
            try await session.controlPlane.work(wait: wait, knowing: known)
        }
        let now = session.time.now
        await session.vitals.update { record in
            record.lastPollAt = now
            record.consecutiveFailures = 0
        }
        var admitted = 0
        for item in items.prefix(JobBoard.queueLimit) where await accept(item) { admitted += 1 }
        if admitted > 0 { return false }
        return !items.isEmpty || now - askedAt < wait / 2 || wait == .zero
    }

    /// What the control plane needs to give again what did not arrive. `nil` when that cannot be told: then it waits for the
    /// end of the leases.
    ///
    /// The board is looked at before the spool: a report is in the spool before its job leaves the board, so that none is
    /// missed in between.
    private func known() async -> ControlPlane.Known? {
        let turn = session.jobs.nextTurn(at: session.time.now)
        let jobs = session.jobs.knownJobs
        do {
            let reported = try await BlockingWork.run { [spool = session.state.spool] in try spool.jobs() }
            return ControlPlane.Known(turn: turn, jobs: Set(jobs + reported).sorted())
        } catch {
            session.log.error("cannot read the spool", .error(error))
            return nil
        }
    }

    /// - Returns: Whether the item is new work for this agent.
    private func accept(_ item: JSONValue) async -> Bool {
        switch WorkIntake.assess(item) {
        case .work(let assignment):
            let admission = session.jobs.admit(assignment, at: session.time.now)
            session.log.debug(
                "work offered",
                .job(assignment.job), LogField("admission", "\(admission)")
            )
            return admission == .admitted
        case .ignored(let reason):
            session.log.debug("work item left alone", LogField("reason", "\(reason)"))
            return false
        case .unreportable(let reason):
            session.log.error("work item refused", LogField("reason", "\(reason)"))
            return false
        case .nothingToDo(let job, let attempt):
            return await settle(job, attempt: attempt, .completed)
        case .refused(let job, let attempt, let failure):
            return await settle(job, attempt: attempt, .failed(failure.code, message: failure.message))
        }
    }

    /// Reports a job that ends before it began, once for each attempt.
    private func settle(_ job: JobID, attempt: Int, _ outcome: TerminalReport.Outcome) async -> Bool {
        guard session.jobs.settleUnlessKnown(job, attempt: attempt) else { return false }
        session.log.log(
            outcome.isCompleted ? .info : .error,
            "work item settled without work",
            [.job(job), .attempt(attempt), LogField("outcome", "\(outcome)")]
        )
        await session.store(
            TerminalReport(
                job: job,
                attempt: attempt,
                outcome: outcome,
                finishedAt: session.time.now
            )
        )
        return true
    }

    private func waitForRoom() async {
        let session = session
        let cadence = Cadence(interval: session.timing.current.poll)
        let longest = cadence.delay(random: session.random)
        await session.unlessStopping { await session.jobs.freed.wait(atMost: longest, time: session.time) }
    }
}

extension AgentSession {
    /// Stores a report durably and lets the spool send it. Without a working disk the report is sent at once instead.
    func store(_ report: TerminalReport) async {
        do {
            let displaced = try await BlockingWork.run { [spool = state.spool] in try spool.store(report) }
            for lost in displaced {
                log.error(
                    "a report gave way because the spool is full",
                    .job(lost.job), .attempt(lost.attempt)
                )
                jobs.end { $0.leave(lost.job) }
            }
            reportStored.raise()
        } catch {
            log.error(
                "cannot store a report; sending it once instead",
                .job(report.job), .error(error)
            )
            do {
                _ = try await controlPlane.deliver(report)
            } catch {
                log.error("a report is lost", .job(report.job), .error(error))
                jobs.end { $0.leave(report.job) }
            }
        }
    }
}
