package import Domain
package import Logging

/// A fact that varies between log lines of the same message. Each has one spelling in the whole program.
package struct LogField: Sendable {
    package let key: String
    package let value: Logger.MetadataValue

    package init(_ key: StaticString, _ value: String) {
        self.key = key.description
        self.value = .string(value)
    }

    package init(_ key: StaticString, _ value: Int) {
        self.key = key.description
        self.value = .stringConvertible(value)
    }

    package init(_ key: StaticString, _ value: Double) {
        self.key = key.description
        self.value = .stringConvertible(value)
    }

    package static func certificate(_ id: CertificateID) -> LogField { LogField("certificate_id", id.text) }
    package static func issuer(_ id: IssuerID) -> LogField { LogField("issuer_id", id.text) }
    package static func agent(_ id: AgentID) -> LogField { LogField("agent_id", id.text) }
    package static func job(_ id: JobID) -> LogField { LogField("job_id", id.text) }
    package static func target(_ id: TargetID) -> LogField { LogField("target_id", id.text) }
    package static func profile(_ id: ProfileID) -> LogField { LogField("profile_id", id.text) }
    package static func acmeOrder(_ id: ACMEOrderID) -> LogField { LogField("order_id", id.text) }
    package static func request(_ id: String) -> LogField { LogField("request_id", id) }
    package static func attempt(_ number: Int) -> LogField { LogField("attempt", number) }
    package static func errorClass(_ name: String) -> LogField { LogField("error_class", name) }
    /// The words of an error. Errors never hold secrets; lengths are capped.
    package static func error(_ error: any Error) -> LogField {
        LogField("error", String("\(error)".prefix(2048)))
    }
}

extension Logger {
    package func debug(_ message: StaticString, _ fields: LogField...) { log(.debug, message, fields) }
    package func info(_ message: StaticString, _ fields: LogField...) { log(.info, message, fields) }
    package func warn(_ message: StaticString, _ fields: LogField...) { log(.warning, message, fields) }
    package func error(_ message: StaticString, _ fields: LogField...) { log(.error, message, fields) }

    /// The message is constant; what varies is in the fields.
    package func log(_ level: Logger.Level, _ message: StaticString, _ fields: [LogField]) {
        guard level >= logLevel else { return }
        let metadata = Logger.Metadata(fields.map { ($0.key, $0.value) }) { _, last in last }
        log(level: level, "\(message)", metadata: metadata)
    }
}
