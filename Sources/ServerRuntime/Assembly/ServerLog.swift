import Domain
import Settings
import Telemetry

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The loggers of the server, as its settings want them.
enum ServerLog {
    static func bootstrap(_ configuration: LoggingConfiguration, instance: String, time: TimeSource) -> LogBootstrap {
        let logs = LogBootstrap(format: format(configuration), instance: instance, time: time)
        apply(configuration, to: logs)
        return logs
    }

    /// Levels and form from now on.
    static func apply(_ configuration: LoggingConfiguration, to logs: LogBootstrap) {
        let thresholds = configuration.thresholds
        logs.levels.replace(level(thresholds.fallback), components: thresholds.components.mapValues(level))
        logs.use(format(configuration))
    }

    private static func format(_ configuration: LoggingConfiguration) -> Telemetry.LogFormat {
        switch configuration.format {
        case .text: .text
        case .json: .json
        case .auto: isatty(STDOUT_FILENO) == 1 ? .text : .json
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
