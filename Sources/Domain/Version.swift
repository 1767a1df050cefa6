/// The one version of every program, reported by `certctl version`, the API, logs, metrics and heartbeats.
package enum Version {
    package static let number = "3.0.0-dev"
}
