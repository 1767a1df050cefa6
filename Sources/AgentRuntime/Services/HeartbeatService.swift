import APIContract
import ConnectorKit
import Domain
import Logging
import ServiceLifecycle
import Telemetry

/// Tells the control plane that the agent lives, which jobs it holds, and what the host is.
struct HeartbeatService: Service, CustomStringConvertible {
    /// Beyond this difference of clocks certificates may look expired or not yet valid.
    static let tolerableSkew = Duration.seconds(60)

    let session: AgentSession
    let host: HostFacts
    let isPrompt: Bool

    var description: String { "heartbeat" }

    func run() async throws {
        await pause(
            Cadence(interval: session.timing.current.heartbeat).firstDelay(prompt: isPrompt, random: session.random)
        )
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled, !session.retirement.isAnnounced {
            var retryAfter: Duration?
            do {
                let answer = try await send()
                failures = 0
                await accept(answer)
            } catch is CancellationError {
                break
            } catch {
                failures += 1
                retryAfter = await fail(error)
            }
            if session.retirement.isAnnounced { break }
            let cadence = Cadence(interval: session.timing.current.heartbeat)
            await pause(cadence.delay(failures: failures, retryAfter: retryAfter, random: session.random))
        }
        await session.untilShutdown()
    }

    private func send() async throws -> HeartbeatAnswer {
        let lastError = session.vitals.current.lastError
        let heldJobs = session.jobs.heldJobs
        let clock = session.time.now
        let beat = HeartbeatRequest { beat in
            beat.softwareVersion = host.softwareVersion
            beat.agentVersion = host.softwareVersion
            beat.hostname = host.name
            beat.os = host.os
            beat.architecture = host.architecture
            beat.ipAddress = host.address
            beat.capabilities = host.capabilities
            beat.runningJobs = heldJobs
            beat.clock = clock
            beat.lastError = lastError
        }
        return try await session.controlPlane.heartbeat(beat)
    }

    private func accept(_ answer: HeartbeatAnswer) async {
        let now = session.time.now
        let wasSilent = session.vitals.current.lastHeartbeatAt == nil
        if let config = answer.config { apply(config) }
        if let serverTime = answer.clock { warn(aboutSkew: now - serverTime) }
        if wasSilent {
            session.log.info("first heartbeat acknowledged", .agent(session.controlPlane.agent))
        }
        let heldJobs = session.jobs.heldJobs
        await session.vitals.update { record in
            record.lastHeartbeatAt = now
            record.heartbeatInterval = session.timing.current.heartbeat
            record.consecutiveFailures = 0
            record.lastError = nil
            record.heldJobs = heldJobs
        }
    }

    private func apply(_ config: AgentRuntimeConfig) {
        if session.targetDefaults.apply(config) {
            let defaults = session.targetDefaults.current
            session.log.info(
                "the control plane set other deployment defaults",
                LogField("verifies", "\(defaults.verifies)"), LogField("verify_delay", "\(defaults.verifyDelay)"),
                LogField("verify_timeout", "\(defaults.verifyTimeout)"),
                LogField("backup_retention", "\(defaults.backupRetention)")
            )
        }
        let hasChanged = session.timing.apply(
            heartbeat: config.heartbeatIntervalSeconds.map { .seconds($0) },
            poll: config.pollIntervalSeconds.map { .seconds($0) }
        )
        guard hasChanged else { return }
        let intervals = session.timing.current
        session.log.info(
            "the control plane set other intervals",
            LogField("heartbeat", "\(intervals.heartbeat)"), LogField("poll", "\(intervals.poll)")
        )
    }

    private func warn(aboutSkew skew: Duration) {
        guard skew > Self.tolerableSkew || skew < .zero - Self.tolerableSkew else { return }
        session.log.warn(
            "this host's clock differs from the control plane's; set up time synchronisation",
            LogField("skew_seconds", "\(skew.inSeconds)")
        )
    }

    /// - Returns: How long the control plane asked to be left alone.
    private func fail(_ error: any Error) async -> Duration? {
        let failure = error as? ControlPlaneError
        if let failure, failure.kind == .retired {
            await session.retirement.announce(failure, on: "heartbeat")
            return nil
        }
        session.log.warn("the heartbeat failed", .error(error))
        await session.vitals.update { record in
            record.consecutiveFailures += 1
            record.lastError = "\(error)"
        }
        return failure?.retryAfter
    }

    /// Waits; a reconnection shortens the wait, shutdown ends it.
    private func pause(_ duration: Duration) async {
        let session = session
        await session.unlessStopping { await session.reconnected.wait(atMost: duration, time: session.time) }
    }
}

extension AgentSession {
    /// Returns when it is this service's turn to stop: a service that ends out of turn ends the others at once.
    func untilShutdown() async {
        do {
            try await gracefulShutdown()
        } catch {
            // Cancelled, which is an end as well.
        }
    }

    /// Runs `wait` until it returns or the agent begins to stop.
    func unlessStopping(_ wait: @escaping @Sendable () async -> Void) async {
        await cancelWhenGracefulShutdown { await wait() }
    }

    /// Sleeps for `duration`; ends early when the agent begins to stop.
    func pause(_ duration: Duration) async {
        let time = time
        await unlessStopping {
            // Being cut short is what the caller asked for.
            try? await time.sleep(duration)
        }
    }
}
