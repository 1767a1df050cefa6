import Domain
import Logging
import Settings
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The loggers of the agent, as its settings want them.
enum AgentLog {
    static func make(_ configuration: LoggingConfiguration, time: TimeSource) -> Logger {
        let thresholds = configuration.thresholds
        let bootstrap = LogBootstrap(
            format: writesText(configuration) ? .text : .json,
            levels: LogLevels(level(thresholds.fallback), components: thresholds.components.mapValues(level)),
            instance: HostFacts.hostName(),
            time: time
        )
        return bootstrap.logger("agent")
    }

    /// The service group tells every step of its work; its failures are ours to tell.
    static func ofServiceGroup(_ log: Logger) -> Logger {
        var quiet = log
        quiet.logLevel = max(.warning, log.logLevel)
        return quiet
    }

    private static func writesText(_ configuration: LoggingConfiguration) -> Bool {
        switch configuration.format {
        case .text: true
        case .json: false
        case .auto: isatty(STDOUT_FILENO) == 1
        }
    }

    private static func level(_ verbosity: LogVerbosity) -> LogThreshold {
        switch verbosity {
        case .debug: .debug
        case .info: .info
        case .warn: .warn
        case .error: .error
        }
    }
}
