import Lifecycle
import Telemetry

/// Whether this process leads, asked at each scrape (specification, operations §12.3).
enum LeadershipMetrics {
    static func register(_ leadership: Leadership, in registry: MetricsRegistry) {
        registry.addCollector("leadership") {
            let epoch = leadership.currentEpoch
            return [
                MetricSample(
                    "certctl_scheduler_leader", "1 while this server runs the background loops of the leader.",
                    epoch == nil ? 0 : 1
                ),
                MetricSample(
                    "certctl_scheduler_leader_epoch", "The term for which this server leads; 0 when it does not.",
                    Double(epoch ?? 0)
                ),
            ]
        }
    }
}
