import Domain
import ServiceLifecycle

/// Looks after the listener's certificate from time to time.
struct TLSMaintenance: Service {
    /// How often a generated certificate is looked at when files are not watched.
    private static let defaultInterval = Duration.minutes(10)

    let tls: ServerTLS
    /// How often supplied files are looked at; zero leaves them to SIGHUP.
    let interval: Duration
    let time: TimeSource

    func run() async throws {
        let pause = interval > .zero ? interval : Self.defaultInterval
        while !Task.isShuttingDownGracefully {
            do {
                try await cancelWhenGracefulShutdown { try await time.sleep(pause) }
            } catch is CancellationError {
                return
            }
            if Task.isShuttingDownGracefully { return }
            await tls.refresh(readsFiles: interval > .zero)
        }
    }
}
