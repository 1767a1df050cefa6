import Domain
import Logging
import ServiceLifecycle
import Telemetry
import UnixSignals

/// Reads credentials and trust anchors anew on SIGHUP. Running jobs go on.
struct ReloadService: Service, CustomStringConvertible {
    let connection: ControlPlaneConnection
    let log: Logger

    var description: String { "reload" }

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            do {
                try await connection.reload()
                log.info("credentials and trust anchors were read anew", LogField("signal", "SIGHUP"))
            } catch {
                log.error(
                    "cannot read credentials and trust anchors anew; the old ones stay in force",
                    .error(error)
                )
            }
        }
    }
}
