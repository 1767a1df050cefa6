import Domain
import Store
import Telemetry

/// What the ledger says about the schema, on `/metrics`.
struct SchemaMetrics: Sendable {
    private let version: MetricFamily<Gauge>
    private let duration: MetricFamily<Gauge>

    init(_ metrics: MetricsRegistry) {
        version = metrics.gauge(
            "certctl_schema_version", "Number of the newest migration that is applied to the database.")
        duration = metrics.gauge(
            "certctl_schema_migration_duration_seconds", "How long a migration took when it was applied.",
            labels: ["version"]
        )
    }

    func record(_ status: MigrationStatus) {
        let done = (status.applied + status.unknown).sorted { $0.version < $1.version }
        version.with().set(Double(done.last?.version.prefix(6) ?? "") ?? 0)
        for migration in done { duration.with(migration.version).set(migration.duration.inSeconds) }
    }
}
