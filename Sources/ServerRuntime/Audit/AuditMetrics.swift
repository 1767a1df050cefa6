import Domain
import Lifecycle
import Logging
import Telemetry

/// The metrics of the audit log (specification, operations §12.1), and what a person must hear of it.
struct AuditMetrics: Sendable {
    private let breaks: MetricFamily<Counter>
    private let verifications: MetricFamily<Counter>
    private let rows: MetricFamily<Gauge>
    private let lastVerified: MetricFamily<Gauge>
    private let exported: MetricFamily<Counter>
    private let failures: MetricFamily<Counter>
    private let log: Logger

    init(_ registry: MetricsRegistry, log: Logger) {
        breaks = registry.counter(
            "certctl_audit_chain_break_detected_total", "Verifications that found the audit log changed.", labels: [])
        verifications = registry.counter(
            "certctl_audit_chain_verify_total", "Verifications of the audit log that ended.", labels: [])
        rows = registry.gauge("certctl_audit_chain_rows", "Rows of the last verification.", labels: [])
        lastVerified = registry.gauge(
            "certctl_audit_chain_last_verified_at", "When the audit log was last verified; 0 means never.", labels: [])
        exported = registry.counter(
            "certctl_audit_exported_total", "Audit events and checkpoints that a receiver took.", labels: ["sink"])
        failures = registry.counter(
            "certctl_audit_export_failures_total", "Deliveries that a receiver did not take.", labels: ["sink"])
        self.log = log
        breaks.with().add(0)
        lastVerified.with().set(0)
    }

    var observers: AuditObservers {
        var observers = AuditObservers()
        observers.verified = { report in
            verifications.with().add()
            rows.with().set(Double(report.rows))
            lastVerified.with().set(Double(report.finishedAt.secondsSinceEpoch))
            guard let divergence = report.divergence else { return }
            breaks.with().add()
            log.error("the audit log is not what it was", LogField("divergence", divergence))
        }
        return observers
    }

    @Sendable
    func delivered(_ sink: String, _ count: Int, _ failure: String?) {
        let kind = String(sink.prefix { $0 != " " })
        guard let failure else { return exported.with(kind).add(count) }
        failures.with(kind).add()
        log.warn("an audit receiver does not take events", LogField("sink", sink), LogField("error", failure))
    }
}
