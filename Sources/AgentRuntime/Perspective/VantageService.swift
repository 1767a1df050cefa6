import APIContract
import Domain
import Logging
import ServiceLifecycle
import Telemetry

/// Looks at proofs of names for the ACME server of the control plane, and tells what it sees (protocol-servers §2.8).
///
/// A look that this host does not finish is lost: the control plane asks again in its next attempt.
struct VantageService: Service, CustomStringConvertible {
    /// Looks at a time; while there are as many, no more are asked for.
    static let mostAtOnce = 32
    /// How often a vote is sent that did not arrive.
    private static let mostDeliveries = 3
    private static let deliveryPause = Duration.milliseconds(500)

    let session: AgentSession
    let vantage: String
    let lookout: Lookout

    var description: String { "vantage" }

    func run() async throws {
        await cancelWhenGracefulShutdown { await watch() }
        await session.untilShutdown()
    }

    private func watch() async {
        var (failures, underWay) = (0, 0)
        var wasAppointed: Bool?
        await withTaskGroup(of: Void.self) { group in
            while !Task.isCancelled, !session.retirement.isAnnounced {
                while underWay >= Self.mostAtOnce, await group.next() != nil { underWay -= 1 }
                let wait = session.timing.current.pollWait
                let askedAt = ContinuousClock.now
                do {
                    let answer = try await session.controlPlane.checks(at: vantage, wait: wait)
                    failures = 0
                    if answer.isAppointed != wasAppointed { tell(answer.isAppointed) }
                    wasAppointed = answer.isAppointed
                    for check in answer.checks {
                        underWay += 1
                        group.addTask { await vote(on: check) }
                    }
                    // Whoever is answered at once with nothing asks later.
                    if answer.checks.isEmpty, wait == .zero || ContinuousClock.now - askedAt < wait / 2 {
                        await rest(failures: 0)
                    }
                } catch is CancellationError {
                    break
                } catch {
                    failures += 1
                    await fail(error, failures: failures)
                }
            }
            group.cancelAll()
        }
    }

    private func tell(_ isAppointed: Bool) {
        if isAppointed {
            session.log.info("this host looks at proofs of names", LogField("vantage", vantage))
        } else {
            session.log.warn(
                "the control plane does not ask this agent about proofs; its setting acme.server.perspectives would name it",
                LogField("vantage", vantage), .agent(session.controlPlane.agent))
        }
    }

    private func fail(_ error: any Error, failures: Int) async {
        let failure = error as? ControlPlaneError
        if let failure, failure.kind == .retired {
            return await session.retirement.announce(failure, on: "vantage")
        }
        session.log.warn("asking for proofs to look at failed", .error(error))
        await rest(failures: failures, retryAfter: failure?.retryAfter)
    }

    private func rest(failures: Int, retryAfter: Duration? = nil) async {
        let cadence = Cadence(interval: session.timing.current.poll)
        try? await session.time.sleep(
            cadence.delay(failures: failures, retryAfter: retryAfter, random: session.random))
    }

    private func vote(on check: PerspectiveCheckBody) async {
        guard let vote = await lookout.vote(on: check) else { return }
        session.log.info(
            "a proof of a name was looked at", LogField("check", "\(check.id)"),
            LogField("purpose", check.purpose.rawValue), LogField("type", check.type.rawValue),
            LogField("identifier", check.identifier),
            LogField("verdict", vote.verdict.rawValue), LogField("reason", vote.detail ?? ""))
        for delivery in 1...Self.mostDeliveries {
            do {
                return try await session.controlPlane.vote(vote, on: check.id, within: .seconds(5))
            } catch let error as ControlPlaneError
                where [.unreachable, .busy].contains(error.kind) && delivery < Self.mostDeliveries
            {
                try? await session.time.sleep(Self.deliveryPause)
            } catch {
                session.log.warn("a vote on a proof was not taken", LogField("check", "\(check.id)"), .error(error))
                return
            }
        }
    }
}
