package import Domain
import Encoding

/// `GET /health` and `GET /livez`.
package struct HealthBody: WireValue {
    package var status = "healthy"
    package var timestamp: Timestamp?

    package init() {}

    package static let contract = Contract<Self>(
        "Health", "The process answers.",
        [
            .required("status", \.status, .choice(["healthy"]), "Always the same."),
            .optional("timestamp", \.timestamp, "The server's time."),
        ]
    )
}

/// `GET /ready` and `GET /readyz`.
package struct ReadyBody: WireValue {
    package var status = "ready"
    package var db: String?
    package var step: String?
    package var error: String?
    package var checks: [String: String] = [:]

    package init() {}

    package static let contract = Contract<Self>(
        "Ready", "Whether requests are served.",
        [
            .required("status", \.status, ReadyBody.statuses, "ready, or why not."),
            .optional("db", \.db, .choice(["reachable", "not_configured", "unreachable"]), "The database."),
            .optional("step", \.step, "What start-up is doing."),
            .optional("error", \.error, "Fixed category; details are in the log."),
            .defaulted("checks", \.checks, "Component to ok or what is wrong."),
        ]
    )

    private static let statuses = Schema.choice([
        "ready", "starting", "draining", "db_unavailable", "migrations_pending",
    ])
}

/// `GET /api/v1/version`.
package struct VersionBody: WireValue {
    package var version = ""
    package var commit = ""
    package var isModified = false
    package var buildTime = ""
    package var goVersion = ""
    package var runtime: String?
    package var toolchain: String?
    package var apiVersions: [String] = ["v1"]
    package var schemaVersion: String?

    package init() {}

    package static let contract = Contract<Self>(
        "Version", "What is running.",
        [
            .required("version", \.version, .text(0...64, example: "1.0.0"), "Release, else commit, else dev."),
            .required("commit", \.commit, .text(0...64, example: ""), "Source revision."),
            .required("modified", \.isModified, "Whether the source differed from it."),
            .required("build_time", \.buildTime, .text(0...64, example: ""), "When that revision was committed."),
            .required(
                "go_version", \.goVersion, .text(0...64, example: "swift-6.3"), "The toolchain, for older clients."),
            .optional("runtime", \.runtime, "The same as toolchain."),
            .optional("toolchain", \.toolchain, "Compiler."),
            .defaulted("api_versions", \.apiVersions, "Versions of the API served."),
            .optional("schema_version", \.schemaVersion, "Last applied migration."),
        ]
    )
}

/// `GET /api/v1/metrics`.
package struct MetricsBody: WireValue {
    package var gauge: [String: Int] = [:]
    package var counter: [String: Int] = [:]
    package var uptime = UptimeBody()

    package init() {}

    package static let contract = Contract<Self>(
        "Metrics", "Figures of the installation.",
        example: [
            "gauge": [
                "certificate_total": 120, "certificate_active": 100, "certificate_expiring_soon": 12,
                "certificate_expired": 5, "certificate_revoked": 3, "agent_total": 9, "agent_online": 8,
                "job_pending": 4,
            ],
            "counter": ["job_completed_total": 900, "job_failed_total": 7, "notifications_dead_total": 0],
            "uptime": [
                "uptime_seconds": 86_400, "server_started": "2026-05-16T10:00:00Z",
                "measured_at": "2026-05-17T10:00:00Z",
            ],
        ],
        [
            .required("gauge", \.gauge, "Present values."),
            .required("counter", \.counter, "Totals that only grow."),
            .required("uptime", \.uptime, "Since when."),
        ]
    )
}

package struct UptimeBody: WireValue {
    package var uptimeSeconds = 0
    package var serverStarted = Timestamp.epoch
    package var measuredAt = Timestamp.epoch

    package init() {}

    package static let contract = Contract<Self>(
        "Uptime", "Since when the server runs.",
        [
            .required("uptime_seconds", \.uptimeSeconds, "Whole seconds."),
            .required("server_started", \.serverStarted, "Start."),
            .required("measured_at", \.measuredAt, "Now."),
        ]
    )
}

/// One background loop in `GET /api/v1/admin/scheduler`.
package struct SchedulerLoopBody: WireValue {
    package var loop = ""
    package var lastStartedAt: Timestamp?
    package var lastFinishedAt: Timestamp?
    package var lastResult: String?
    package var lastError: String?
    package var nextDueAt: Timestamp?
    package var leaderEpoch: Int?

    package init() {}

    package static let contract = Contract<Self>(
        "SchedulerLoop", "A background loop and its last run.",
        [
            .required("loop", \.loop, .text(1...64, example: "renewal"), "Name."),
            .optional("last_started_at", \.lastStartedAt, "Start of the last run."),
            .optional("last_finished_at", \.lastFinishedAt, "End of the last run."),
            .optional("last_result", \.lastResult, "success or failed."),
            .optional("last_error", \.lastError, .longText, "Why it failed."),
            .optional("next_due_at", \.nextDueAt, "Next run."),
            .optional("leader_epoch", \.leaderEpoch, "Under which leadership it ran."),
        ]
    )
}

/// `GET /api/v1/admin/scheduler`.
package struct SchedulerBody: WireValue {
    package var leader: String?
    package var loops: [SchedulerLoopBody] = []

    package init() {}

    package static let contract = Contract<Self>(
        "Scheduler", "The background loops.",
        [
            .optional("leader", \.leader, "Instance that runs them."),
            .required("loops", \.loops, "By name."),
        ]
    )
}
