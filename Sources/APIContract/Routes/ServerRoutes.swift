import Domain
import Encoding

/// Probes, self-description and figures.
package enum ServerRoutes {
    package static let health = probe("getHealth", "/health", "Whether the process answers.", HealthBody.self)
    package static let livez = probe("getLivez", "/livez", "The same as /health.", HealthBody.self)
    package static let ready = probe("getReady", "/ready", "Whether requests are served.", ReadyBody.self)
    package static let readyz = probe("getReadyz", "/readyz", "The same as /ready.", ReadyBody.self)

    package static let version = OpenRoute(
        "getVersion", .get, "/api/v1/version", class: .probe, "What is running.",
        responses: [.json(200, VersionBody.self, "The version.")], cli: .verb("version")
    )

    package static let openAPI = OpenRoute(
        "getOpenAPI", .get, "/api/v1/openapi.json", "This description.",
        responses: [
            ResponseContent(
                status: 200, summary: "OpenAPI 3.1.", mediaType: "application/json", schema: .anyObject,
                example: ["openapi": "3.1.0"]
            )
        ],
        cli: .excluded(reason: "for programs; clients of any kind fetch it")
    )

    package static let controlPlaneCA = OpenRoute(
        "getControlPlaneCA", .get, "/api/v1/ca/control-plane", "The CA of the server's own certificate.",
        responses: [
            .text(200, "application/x-pem-file", "-----BEGIN CERTIFICATE-----\n…", "PEM."),
            .error(.notFound, "The server's certificate was supplied by the operator."),
        ],
        cli: .verb("setup")
    )

    package static let metrics = ProtectedRoute(
        "getMetrics", .get, "/api/v1/metrics", .permission(.metricsRead), "Figures of the installation.",
        responses: [.json(200, MetricsBody.self, "The figures.")], cli: .verb("status")
    )

    package static let prometheus = ProtectedRoute(
        "getPrometheusMetrics", .get, "/api/v1/metrics/prometheus", .permission(.metricsRead),
        "Figures in the Prometheus text format.",
        responses: [
            .text(
                200, "text/plain; version=0.0.4; charset=utf-8", "certctl_certificate_total 120\n",
                "Text exposition 0.0.4."
            )
        ],
        cli: .excluded(reason: "for scrapers")
    )

    package static let events = ProtectedRoute(
        "getEvents", .get, "/api/v1/events", .authenticated, isLongLived: true,
        "Changes as they happen: a stream, or a long poll with `Accept: application/json`.",
        query: [
            QueryParameter("types", .text(1...255, example: "job.*"), several: true, "Types; `*` as the last part."),
            QueryParameter("resource_type", .text(1...64, example: "job"), "Kind of resource."),
            QueryParameter("resource_id", .id, "One resource."),
            QueryParameter("since", .text(1...64, example: "0-4"), "Event id or RFC 3339 time."),
            QueryParameter("wait", .integer(0...50), default: 30, "Seconds a long poll waits."),
        ],
        responses: [
            ResponseContent(
                status: 200, summary: "Events, one block each.", mediaType: "text/event-stream",
                schema: .text(0...1_000_000),
                example: "id: 0-4\nevent: job.status_changed\ndata: {\"id\":\"0-4\"}\n\n"
            ),
            .json(200, EventPage.self, "A long-poll page."),
        ],
        cli: .excluded(reason: "used by --wait")
    )

    package static let scheduler = ProtectedRoute(
        "getScheduler", .get, "/api/v1/admin/scheduler", .permission(.schedulerAdmin),
        "Background loops and their last runs.", responses: [.json(200, SchedulerBody.self, "The loops.")],
        cli: .verb("admin scheduler")
    )

    package static let all: [Route] = [
        health.route, livez.route, ready.route, readyz.route, version.route, openAPI.route, controlPlaneCA.route,
        metrics.route, prometheus.route, events.route, scheduler.route,
    ]

    private static func probe<Body: WireValue>(
        _ id: String, _ path: PathPattern, _ summary: String, _ body: Body.Type
    ) -> OpenRoute {
        var responses = [ResponseContent.json(200, body, "It does.")]
        if body == ReadyBody.self { responses.append(.json(503, body, "Not now.")) }
        return OpenRoute(
            id, .get, path, class: .probe, summary, responses: responses, cli: .verb("status")
        )
    }
}
