import CAssets
import Domain
import Query
import Telemetry

/// What runs here.
enum BuildInfo {
    #if compiler(>=6.4)
        static let toolchain = "swift-6.4"
    #elseif compiler(>=6.3)
        static let toolchain = "swift-6.3"
    #else
        static let toolchain = "swift-6.2"
    #endif

    /// The revision that was built; empty when no release was.
    static let commit = String(cString: cassets_build().commit)
    /// When that revision was committed, RFC 3339; empty when no release was built.
    static let time = String(cString: cassets_build().time)
    /// Whether files differed from the revision.
    static let isModified = cassets_build().is_modified

    static func register(in registry: MetricsRegistry, storage: Engine) {
        registry.gauge(
            "certctl_build_info", "What runs here; always 1.", labels: ["version", "commit", "toolchain", "storage"]
        ).with(Version.number, commit, toolchain, storage.rawValue).set(1)
    }
}
