import Domain
import ServiceLifecycle

/// Looks after the listener's certificate from time to time.
struct TLSMaintenance: Service {
    /// How often a generated certificate is looked at when files are not watched.
    private static let defaultInterval = Duration.minutes(10)
    /// How late a changed interval is noticed.
    private static let longestSlice = Duration.seconds(5)

    let tls: ServerTLS
    /// How often supplied files are looked at; zero leaves them to SIGHUP.
    let interval: @Sendable () -> Duration
    let time: TimeSource

    func run() async throws {
        while !Task.isShuttingDownGracefully {
            do {
                try await cancelWhenGracefulShutdown { try await pause() }
            } catch is CancellationError {
                return
            }
            if Task.isShuttingDownGracefully { return }
            await tls.refresh(readsFiles: interval() > .zero)
        }
    }

    /// Waits for one interval, which may become shorter meanwhile.
    private func pause() async throws {
        var waited = Duration.zero
        while true {
            let interval = interval()
            let rest = (interval > .zero ? interval : Self.defaultInterval) - waited
            guard rest > .zero else { return }
            let slice = min(rest, Self.longestSlice)
            try await time.sleep(slice)
            waited += slice
        }
    }
}
