/// What a runner is doing, for probes, logs and metrics.
package enum MigrationEvent: Hashable, Sendable {
    /// Another process holds the lock.
    case waitingForLock(holder: String)
    /// Mode `check`: another process has to apply what is pending.
    case waitingForOthers(pending: Int)
    /// A step begins; `position` counts from 1.
    case applying(version: String, position: Int, count: Int)
    /// The schema may be used.
    case finished(MigrationStatus)

    /// The same for a person; `nil` when nothing is left to do.
    package var text: String? {
        switch self {
        case .finished: nil
        case .waitingForLock(let holder): "waiting for \(holder), which migrates the database"
        case .waitingForOthers(let pending): "waiting for another process to apply \(pending) migrations"
        case .applying(let version, let position, let count):
            "migrating the database: \(version) (\(position) of \(count))"
        }
    }
}
