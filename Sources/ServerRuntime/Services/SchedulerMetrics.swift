import Domain
import Lifecycle
import Telemetry

/// The metrics of the background loops (specification, operations §12.3).
struct SchedulerMetrics: Sendable {
    private let ticks: MetricFamily<Counter>
    private let durations: MetricFamily<Histogram>
    private let lastSuccess: MetricFamily<Gauge>

    init(_ registry: MetricsRegistry) {
        ticks = registry.counter(
            "certctl_scheduler_ticks_total", "Runs of background loops.", labels: ["loop", "result"]
        )
        durations = registry.histogram(
            "certctl_scheduler_tick_duration_seconds", "Time that a run took.", labels: ["loop"]
        )
        lastSuccess = registry.gauge(
            "certctl_scheduler_last_success_timestamp_seconds", "When a loop last succeeded.", labels: ["loop"]
        )
    }

    @Sendable
    func observe(_ run: LoopRun) {
        let loop = run.loop.rawValue
        let result =
            switch run.result {
            case .succeeded: "ok"
            case .failed: "error"
            case .outOfTime: "timeout"
            case .lostLeadership: "skipped"
            }
        ticks.with(loop, result).add()
        durations.with(loop).observe((run.finishedAt - run.startedAt).inSeconds)
        if case .succeeded = run.result { lastSuccess.with(loop).set(Double(run.finishedAt.secondsSinceEpoch)) }
    }
}
