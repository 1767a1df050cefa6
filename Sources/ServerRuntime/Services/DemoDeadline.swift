import Domain
import Logging
import ServiceLifecycle
import Telemetry

/// Ends a demonstration when its acknowledgement ends: the process stops, and starts again only with a fresh one.
struct DemoDeadline: Service {
    let end: Timestamp
    let time: TimeSource
    let log: Logger

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                while time.now < end { try await time.sleep(min(.minutes(1), end - time.now)) }
            }
        } catch is CancellationError {
            return
        }
        if Task.isShuttingDownGracefully { return }
        log.warn("the demonstration ends: its acknowledgement is a day old", LogField("ended", end.rfc3339))
        throw StartUpFailure(
            .configuration,
            "the demonstration has ended: CERTCTL_DEMO_MODE_ACK_TS is older than 24 hours. Acknowledge it again with "
                + "CERTCTL_DEMO_MODE_ACK_TS=$(date +%s), or use CERTCTL_AUTH_TYPE=api-key"
        )
    }
}
