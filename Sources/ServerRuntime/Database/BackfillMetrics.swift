import Lifecycle
import Logging
import Store
import Telemetry

/// How far backfills have come, on `/metrics` of the leader and in the log.
struct BackfillMetrics: Sendable {
    private let rows: MetricFamily<Gauge>
    private let unfinished: MetricFamily<Gauge>
    private let log: Logger

    init(_ registry: MetricsRegistry, log: Logger) {
        rows = registry.gauge("certctl_backfill_rows", "Rows that a backfill has been through.", labels: ["name"])
        unfinished = registry.gauge(
            "certctl_backfill_unfinished", "1 until a backfill has been through all rows.", labels: ["name"]
        )
        self.log = log
    }

    /// `observers` that also tell of backfills.
    func observing(_ observers: LifecycleObservers) -> LifecycleObservers {
        var observers = observers
        observers.backfillSeen = record
        observers.backfillAdvanced = { progress in
            record(progress)
            guard progress.state == .finished else { return }
            log.notice("backfill finished", metadata: ["name": "\(progress.name)", "rows": "\(progress.rows)"])
        }
        return observers
    }

    @Sendable
    private func record(_ progress: BackfillProgress) {
        rows.with(progress.name).set(Double(progress.rows))
        unfinished.with(progress.name).set(progress.state == .finished ? 0 : 1)
    }
}
