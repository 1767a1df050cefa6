package import Telemetry

/// The metrics of listener and pipeline. Labels come from the route table and from status codes only.
package struct HTTPMetrics: Sendable {
    private let requests: MetricFamily<Counter>
    private let durations: MetricFamily<Histogram>
    private let inFlight: Gauge
    private let connections: Gauge
    private let refusedConnections: Counter
    private let failedConnections: Counter
    private let rateLimited: MetricFamily<Counter>

    package init(_ registry: MetricsRegistry) {
        requests = registry.counter(
            "certctl_http_requests_total", "Requests answered.", labels: ["route", "method", "code"]
        )
        durations = registry.histogram(
            "certctl_http_request_duration_seconds", "Time from request to answer.", labels: ["route", "method"]
        )
        inFlight = registry.gauge("certctl_http_in_flight", "Requests being worked on.").with()
        connections = registry.gauge("certctl_http_connections_open", "Open connections.").with()
        refusedConnections = registry.counter(
            "certctl_http_connections_refused_total", "Connections closed because their address has too many."
        ).with()
        failedConnections = registry.counter(
            "certctl_http_connections_failed_total", "Connections that broke or failed their handshake."
        ).with()
        rateLimited = registry.counter(
            "certctl_rate_limited_total", "Requests refused by a rate limit.", labels: ["limiter"]
        )
    }

    func connectionOpened() { connections.add(1) }
    func connectionClosed() { connections.add(-1) }
    func connectionRefused() { refusedConnections.add() }
    func connectionFailed() { failedConnections.add() }
    func requestBegan() { inFlight.add(1) }
    func limited(by limit: String) { rateLimited.with(limit).add() }

    /// `route` is the pattern of the path, never the path.
    func requestEnded(route: String, method: String, status: Int, seconds: Double) {
        inFlight.add(-1)
        requests.with(route, method, String(status)).add()
        durations.with(route, method).observe(seconds)
    }

    func requestRefused(status: Int) { requests.with("(refused)", "-", String(status)).add() }
}
