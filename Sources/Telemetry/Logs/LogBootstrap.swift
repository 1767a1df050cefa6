package import Domain
package import Logging

/// Makes the loggers of a program. There is no global state: whoever logs is handed a logger.
package struct LogBootstrap: Sendable {
    package let levels: LogLevels
    private let identity: LogIdentity
    private let sink: LogSink

    /// `instance` names this process among replicas.
    package init(
        format: LogFormat, levels: LogLevels = LogLevels(), instance: String, version: String = Version.number,
        time: TimeSource, sink: LogSink = .standardOutput
    ) {
        self.levels = levels
        identity = LogIdentity(instance: instance, version: version, format: format, time: time)
        self.sink = sink
    }

    /// Every logger writes this form from now on.
    package func use(_ format: LogFormat) { identity.format = format }

    /// A logger whose lines say `component`.
    package func logger(_ component: String) -> Logger {
        let (identity, levels, sink) = (identity, levels, sink)
        return Logger(label: component) { label in
            LineLogHandler(component: label, identity: identity, levels: levels, sink: sink)
        }
    }

    /// Libraries that use the process-wide logging system write the same lines. Call it once, at start.
    package func installForLibraries() {
        let (identity, levels, sink) = (identity, levels, sink)
        LoggingSystem.bootstrap { label in
            LineLogHandler(component: label, identity: identity, levels: levels, sink: sink)
        }
    }
}
