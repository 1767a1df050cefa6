import Access
import Domain
import Logging
import Settings
import Telemetry

/// What a start makes sure of once it can read the database: who administers, and which risks were taken (specification,
/// security §2.6, §15.1).
struct BootGuards: Sendable {
    let demo: DemoConfiguration
    let risks: RiskRegister
    let instance: String
    let flow: BootFlow
    let log: Logger

    /// - Throws: ``StartUpFailure``: 78 when the database and the mode do not belong together.
    func check() async throws {
        for flag in risks.flags {
            log.warn("a protection is loosened", LogField("flag", flag.rawValue), LogField("meaning", flag.meaning))
        }
        if demo.isActive {
            guard try await flow.begin() else {
                throw StartUpFailure(
                    .configuration,
                    "CERTCTL_AUTH_TYPE=none: this database is no demonstration's: it holds keys, grants, certificates or a "
                        + "CA. Use api-key, or an empty database"
                )
            }
        } else {
            try await endDemonstration()
        }
        try await flow.record(risks, of: instance)
    }

    private func endDemonstration() async throws {
        let residue = try await flow.residue()
        guard residue > 0 else { return }
        guard !demo.isResidueFatal else {
            throw StartUpFailure(
                .configuration,
                "a demonstration has left its grant to \(BootFlow.actor.id) in this database, and "
                    + "CERTCTL_DEMO_MODE_RESIDUAL_STRICT is set. Start once without that setting to remove it"
            )
        }
        let removed = try await flow.end()
        log.warn("grants of an earlier demonstration were removed", LogField("grants", removed))
    }
}

/// Shows the loosened protections as `certctl_risk_flags`.
struct RiskMetrics: Sendable {
    private let flags: MetricFamily<Gauge>

    init(_ registry: MetricsRegistry) {
        flags = registry.gauge(
            "certctl_risk_flags", "1 for every protection that the settings loosen.", labels: ["flag"])
    }

    func show(_ risks: RiskRegister) {
        for flag in RiskFlag.allCases { flags.with(flag.rawValue).set(risks.flags.contains(flag) ? 1 : 0) }
    }
}
