import Domain
import HostEffects
import Logging
import ServiceLifecycle
import Telemetry

/// Sends the reports in the spool until the control plane acknowledged each.
struct SpoolService: Service, CustomStringConvertible {
    /// How long the last attempt before the end of the process may take.
    static let farewell = Duration.seconds(10)

    let session: AgentSession

    var description: String { "spool" }

    func run() async throws {
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled, !session.retirement.isAnnounced {
            let session = session
            let outcome = await cancelledByShutdown { await deliverAll() }
            failures = outcome.isClear ? 0 : failures + 1
            if Task.isShuttingDownGracefully || session.retirement.isAnnounced { break }
            if outcome.isClear {
                await session.unlessStopping { await session.reportStored.wait() }
            } else {
                let cadence = Cadence(interval: session.timing.current.poll)
                await session.pause(
                    cadence.delay(failures: failures, retryAfter: outcome.retryAfter, random: session.random)
                )
            }
        }
        await session.untilShutdown()
        await sayFarewell()
    }

    struct Outcome: Sendable {
        /// Reports that still wait.
        var waiting = 0
        var retryAfter: Duration?
        var isClear: Bool { waiting == 0 }
    }

    /// Sends every report once, oldest first; stops when nobody answers.
    func deliverAll() async -> Outcome {
        var outcome = Outcome()
        let reports: [TerminalReport]
        do {
            reports = try await BlockingWork.run { [spool = session.state.spool] in try spool.reports() }
        } catch {
            session.log.error("cannot read the spool", .error(error))
            outcome.waiting = 1
            return outcome
        }
        outcome.waiting = reports.count
        for report in reports {
            switch await deliver(report) {
            case .settled: outcome.waiting -= 1
            case .later(let retryAfter): outcome.retryAfter = retryAfter ?? outcome.retryAfter
            case .stop(let retryAfter):
                outcome.retryAfter = retryAfter ?? outcome.retryAfter
                return await publish(outcome)
            }
        }
        return await publish(outcome)
    }

    private func publish(_ outcome: Outcome) async -> Outcome {
        if session.vitals.current.waitingReports != outcome.waiting {
            await session.vitals.update { $0.waitingReports = outcome.waiting }
        }
        return outcome
    }

    private enum Delivery {
        case settled
        case later(Duration?)
        case stop(Duration?)
    }

    private func deliver(_ report: TerminalReport) async -> Delivery {
        do {
            if let refusal = try await session.controlPlane.deliver(report) {
                session.log.warn(
                    "the control plane does not take a verification",
                    .job(report.job), .error(refusal)
                )
            }
            session.log.debug("report acknowledged", .job(report.job))
            return await remove(report)
        } catch let error as ControlPlaneError {
            switch error.kind {
            case .refused, .malformed:
                session.log.warn(
                    "the control plane does not take a report",
                    .job(report.job), .attempt(report.attempt), .error(error)
                )
                return await remove(report)
            case .busy: return .later(error.retryAfter)
            case .retired:
                await session.retirement.announce(error, on: "report")
                return .stop(nil)
            case .unreachable, .untrusted, .unauthorized:
                session.log.warn(
                    "a report could not be sent; it stays in the spool",
                    .job(report.job), .error(error)
                )
                return .stop(error.retryAfter)
            }
        } catch {
            return .stop(nil)
        }
    }

    private func remove(_ report: TerminalReport) async -> Delivery {
        do {
            try await BlockingWork.run { [spool = session.state.spool] in
                try spool.remove(report.job, attempt: report.attempt)
            }
            return .settled
        } catch {
            session.log.error(
                "cannot remove an acknowledged report; it is sent again, which changes nothing",
                .job(report.job), .error(error)
            )
            return .later(nil)
        }
    }

    /// Shutdown cuts the waits of a delivery short; the farewell sends what is left.
    private func cancelledByShutdown(_ body: @escaping @Sendable () async -> Outcome) async -> Outcome {
        await cancelWhenGracefulShutdown { await body() }
    }

    private func sayFarewell() async {
        guard !session.retirement.isAnnounced else { return }
        let session = session
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await deliverAll() }
            group.addTask { try? await session.time.sleep(Self.farewell) }
            await group.next()
            group.cancelAll()
        }
    }
}
