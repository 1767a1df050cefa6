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
        let thresholds = configuration.thresholds
        let isText =
            switch configuration.format {
            case .text: true
            case .json: false
            case .auto: isatty(STDOUT_FILENO) == 1
            }
        return LogBootstrap(
            format: isText ? .text : .json,
            levels: LogLevels(level(thresholds.fallback), components: thresholds.components.mapValues(level)),
            instance: instance,
            time: time
        )
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
