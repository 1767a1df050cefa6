import Domain
import Logging
package import Settings
import Synchronization
import Telemetry

/// Loads the configuration from the sources that this process was started with.
package typealias ConfigurationLoader =
    @Sendable () throws(InvalidConfiguration) -> LoadedConfiguration<ServerConfiguration>

/// The configuration as the running server follows it (specification, operations §3.3).
///
/// Consumers of a setting of the class `hot` ask for it each time, or follow changes. All others read their settings
/// once, at the start: what is read here may be newer than what they do.
final class LiveConfiguration: Sendable {
    private struct State {
        var configuration: ServerConfiguration
        /// What the server does, by key: of settings that need a restart, the value of the start.
        var inForce: [String: EffectiveSetting]
        var followers: [@Sendable (ServerConfiguration) -> Void] = []
    }

    private let state: Mutex<State>
    private let load: ConfigurationLoader
    private let log: Logger
    private let reloads: MetricFamily<Counter>
    private let pending: Gauge

    init(
        _ started: LoadedConfiguration<ServerConfiguration>,
        load: @escaping ConfigurationLoader,
        metrics: MetricsRegistry,
        log: Logger
    ) {
        let inForce = started.effective.map { ($0.declaration.key, $0) }
        state = Mutex(
            State(configuration: started.configuration, inForce: Dictionary(inForce, uniquingKeysWith: { $1 }))
        )
        self.load = load
        self.log = log
        reloads = metrics.counter(
            "certctl_config_reload_total", "Times that the settings were read again.", labels: ["result"]
        )
        pending = metrics.gauge(
            "certctl_config_pending_restart", "Settings whose new value needs a restart."
        ).with()
    }

    func read<Value>(_ part: (ServerConfiguration) -> Value) -> Value {
        state.withLock { part($0.configuration) }
    }

    /// Calls `follower` with every configuration that replaces the present one.
    func follow(_ follower: @escaping @Sendable (ServerConfiguration) -> Void) {
        state.withLock { $0.followers.append(follower) }
    }

    /// Reads all sources again. What is invalid changes nothing; what is valid takes effect at once, as far as its
    /// settings can change while the server runs.
    func reload() {
        let loaded: LoadedConfiguration<ServerConfiguration>
        do throws(InvalidConfiguration) {
            loaded = try load()
        } catch {
            for violation in error.violations {
                log.error(
                    "settings not reloaded; those in use stay", LogField("setting", violation.subject),
                    LogField("error", violation.message)
                )
            }
            reloads.with("error").add()
            return
        }
        let changed = state.withLock { state in
            loaded.effective.filter { !$0.hasSameValue(as: state.inForce[$0.declaration.key]) }
        }
        for setting in changed { report(setting) }
        let followers = state.withLock { state in
            for setting in changed where setting.declaration.reload == .hot {
                state.inForce[setting.declaration.key] = setting
            }
            state.configuration = loaded.configuration
            return state.followers
        }
        for follower in followers { follower(loaded.configuration) }
        let waiting = changed.filter { $0.declaration.reload == .restart }.count
        pending.set(Double(waiting))
        reloads.with("ok").add()
        log.info(
            "settings reloaded", LogField("changed", changed.count - waiting), LogField("pending_restart", waiting))
    }

    private func report(_ setting: EffectiveSetting) {
        let name = LogField("setting", setting.declaration.key)
        switch setting.declaration.reload {
        case .hot:
            let value = setting.declaration.isSecret ? "(secret)" : setting.text ?? "(unset)"
            log.info("setting changed", name, LogField("value", value))
        case .restart:
            log.warn("setting changed in its source; the old value stays until a restart", name)
        }
    }
}

extension EffectiveSetting {
    fileprivate func hasSameValue(as other: EffectiveSetting?) -> Bool {
        guard let other, text == other.text else { return false }
        switch (secret, other.secret) {
        case (nil, nil): return true
        case (let own?, let others?): return own.matches(others)
        case (nil, _?), (_?, nil): return false
        }
    }
}
