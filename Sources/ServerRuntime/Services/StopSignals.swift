import Logging
import ServiceLifecycle
import Telemetry
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// SIGTERM and SIGINT (specification, operations §9): the first one asks for a graceful stop, the second one does not
/// wait for it.
struct StopSignals: Sendable {
    let log: Logger

    /// Runs the services to their end, which the first signal brings about.
    func run(_ services: ServiceGroup) async throws {
        // Listened for before the services begin: no signal finds the process without ears.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await obey(signals, services) }
            defer { tasks.cancelAll() }
            try await services.run()
        }
    }

    private func obey(_ signals: UnixSignalsSequence, _ services: ServiceGroup) async {
        var isStopping = false
        for await signal in signals {
            if isStopping {
                log.warn("second signal: ending at once, without finishing what is under way", name(of: signal))
                // No exit handlers: they could wait for what is to be abandoned. Commits are durable by now.
                _exit(ExitStatus.failure.rawValue)
            }
            isStopping = true
            log.info("stopping", name(of: signal))
            await services.triggerGracefulShutdown()
        }
    }

    private func name(of signal: UnixSignal) -> LogField {
        LogField("signal", signal == .sigint ? "SIGINT" : "SIGTERM")
    }
}
