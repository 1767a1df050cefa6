import APIContract
import Domain
import HTTPServing
import Query
import Store
import Telemetry

/// What the server says of itself: probes, version, figures, loops, its own CA.
struct ServerHandlers: Sendable {
    private static let readinessTimeout = Duration.seconds(2)

    let database: any Database
    let state: ServingState
    let registry: MetricsRegistry
    let time: TimeSource
    let startedAt: Timestamp
    let agentOfflineAfter: @Sendable () -> Duration
    let version: @Sendable () async -> VersionBody
    /// What is wrong with protocols that are switched on.
    let complaints: @Sendable () async -> [String: String]
    /// The CA of the generated TLS certificate, PEM; `nil` when the operator supplied the certificate.
    let controlPlaneCA: @Sendable () -> String?

    func register(in handlers: inout HandlerTable) {
        SelfDescription.register(
            in: &handlers, state: state, registry: registry, health: health, readiness: readiness, version: version
        )
        handlers.on(ServerRoutes.controlPlaneCA) { [controlPlaneCA] _ in
            guard let pem = controlPlaneCA() else {
                throw ServiceError(.notFound, "the server's certificate was supplied by the operator")
            }
            return .text(200, "application/x-pem-file", pem)
        }
        handlers.on(ServerRoutes.metrics, metrics)
        handlers.on(ServerRoutes.scheduler, scheduler)
        registry.addCollector("inventory") { try await samples() }
    }

    private func health() -> HealthBody {
        let now = time.now
        return HealthBody { $0.timestamp = now }
    }

    /// Asks the database; a late answer counts as none.
    private func readiness() async -> ReadyBody {
        let isReachable = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await database.ping()
                    return true
                } catch {
                    return false
                }
            }
            group.addTask {
                try? await time.sleep(Self.readinessTimeout)
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
        let complaints = isReachable ? await complaints() : [:]
        return ReadyBody {
            $0.checks = complaints
            $0.status = isReachable ? "ready" : "db_unavailable"
            if isReachable { $0.db = "reachable" }
        }
    }

    private func figures() async throws -> Figures {
        try await database.fetch { [agentOfflineAfter] tx in
            try FigureStore().figures(agentOfflineAfter: agentOfflineAfter(), in: tx)
        }
    }

    private func metrics(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let figures = try await figures()
        let now = time.now
        return .json(
            MetricsBody {
                $0.gauge = [
                    "certificate_total": figures.certificates, "certificate_active": figures.active,
                    "certificate_expiring_soon": figures.expiringSoon, "certificate_expired": figures.expired,
                    "certificate_revoked": figures.revoked, "agent_total": figures.agents,
                    "agent_online": figures.agentsOnline, "job_pending": figures.jobsPending,
                ]
                $0.counter = [
                    "job_completed_total": figures.jobsCompleted, "job_failed_total": figures.jobsFailed,
                    "notifications_dead_total": 0,
                ]
                $0.uptime = UptimeBody {
                    $0.uptimeSeconds = Int((now - startedAt).components.seconds)
                    $0.serverStarted = startedAt
                    $0.measuredAt = now
                }
            }
        )
    }

    private func samples() async throws -> [MetricSample] {
        let figures = try await figures()
        func gauge(_ name: String, _ help: String, _ value: Int) -> MetricSample {
            MetricSample(name, help, Double(value))
        }
        return [
            gauge("certctl_certificate_total", "Certificates under management.", figures.certificates),
            gauge("certctl_certificate_active", "Neither expiring, expired nor revoked.", figures.active),
            gauge("certctl_certificate_expiring_soon", "Expire within 30 days.", figures.expiringSoon),
            gauge("certctl_certificate_expired", "Expired.", figures.expired),
            gauge("certctl_certificate_revoked", "Revoked.", figures.revoked),
            gauge("certctl_agent_total", "Agents that are not retired.", figures.agents),
            gauge("certctl_agent_online", "Agents with a recent heartbeat.", figures.agentsOnline),
            gauge("certctl_job_pending", "Open jobs.", figures.jobsPending),
            gauge("certctl_uptime_seconds", "Since the start.", Int((time.now - startedAt).components.seconds)),
        ]
    }

    private func scheduler(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let (leader, loops) = try await database.fetch { tx in
            (try LeaderLease().current(in: tx), try LoopStateStore().all(in: tx))
        }
        return .json(
            SchedulerBody {
                $0.leader = leader?.holder
                $0.loops = loops.map { state in
                    SchedulerLoopBody {
                        $0.loop = state.loop
                        $0.lastStartedAt = state.lastStartedAt
                        $0.lastFinishedAt = state.lastFinishedAt
                        $0.lastResult = state.lastResult?.rawValue
                        $0.lastError = state.lastError
                        $0.nextDueAt = state.nextDueAt
                        $0.leaderEpoch = state.leaderEpoch
                    }
                }
            }
        )
    }
}
