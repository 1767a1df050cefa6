import Domain
import HostEffects

/// Locks of named resources under `<state>/locks`, shared with other processes on the host.
struct ResourceLocks: Sendable {
    private static let retryInterval = Duration.milliseconds(50)

    let host: DeploymentHost

    /// Takes all locks in one order for everybody, so that overlapping plans cannot block each other.
    /// - Throws: `CancellationError`, or ``DeploymentFailure`` when the time is over.
    func acquire(_ resources: [String], within limit: Duration) async throws -> [FileLock] {
        try Task.checkCancellation()
        let directory = host.lockDirectory
        try await host.blocking { files in try files.makePrivateDirectory(directory) }
        let names = Set(resources.map { ContentDigest.of($0) }).sorted()
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var locks: [FileLock] = []
        for name in names {
            let path = PathText.join(directory, "\(name).lock")
            while true {
                if let lock = try FileLock(attempting: path, fileSystem: host.fileSystem) {
                    locks.append(lock)
                    break
                }
                guard clock.now < deadline else {
                    throw DeploymentFailure(
                        .timeout,
                        at: .lock,
                        "another deployment has used the same files or service for \(limit.components.seconds) s"
                    )
                }
                try await host.time.sleep(Self.retryInterval)
            }
        }
        return locks
    }
}
