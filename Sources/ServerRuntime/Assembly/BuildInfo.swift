import Domain
import Query
import Telemetry

/// What runs here.
enum BuildInfo {
    static let toolchain = "swift-6"

    static func register(in registry: MetricsRegistry, storage: Engine) {
        registry.gauge(
            "certctl_build_info", "What runs here; always 1.", labels: ["version", "toolchain", "storage"]
        ).with(Version.number, toolchain, storage.rawValue).set(1)
    }
}
