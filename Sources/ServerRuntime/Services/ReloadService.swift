import Logging
import ServiceLifecycle
import Telemetry
import UnixSignals

/// Re-reads the settings and the TLS material on SIGHUP.
struct ReloadService: Service {
    let configuration: LiveConfiguration
    let tls: ServerTLS
    let log: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                log.notice("SIGHUP: reloading")
                configuration.reload()
                await tls.refresh()
            }
        }
    }
}
