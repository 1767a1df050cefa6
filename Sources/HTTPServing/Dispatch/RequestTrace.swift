import APIContract
import Access
import Domain
import HTTPTypes
import Logging
import NIOCore
import Telemetry

/// What is learned about a request on its way; ends as one access line and as metrics.
struct RequestTrace {
    let id: String
    let method: String
    let path: String
    let connection: ConnectionInfo
    let clientAddress: String
    let userAgent: String?
    let start: NIODeadline
    var route: Route?
    var principal: Principal?
    var bytesIn = 0

    var routeName: String { route?.path.text ?? "(none)" }

    func finish(_ response: OutgoingResponse, metrics: HTTPMetrics, logger: Logger) {
        let elapsed = NIODeadline.now() - start
        let seconds = Double(elapsed.nanoseconds) / 1e9
        let known = HTTPMethod(rawValue: method) == nil && method != "HEAD" && method != "OPTIONS" ? "other" : method
        metrics.requestEnded(route: routeName, method: known, status: response.status, seconds: seconds)
        let level = level(response.status, seconds)
        guard level >= logger.logLevel else { return }
        logger.log(level, "request completed", fields(response, seconds))
    }

    /// Probes at debug, server errors at error, slow requests at warning. What the server asks itself it tells of where it judges
    /// the answer.
    private func level(_ status: Int, _ seconds: Double) -> Logger.Level {
        if connection.isInner { return .debug }
        if status >= 500, status != 503 || route?.routeClass != .probe { return .error }
        if route?.routeClass == .probe { return .debug }
        return seconds > 1 && route?.isLongLived != true ? .warning : .info
    }

    private func fields(_ response: OutgoingResponse, _ seconds: Double) -> [LogField] {
        var fields: [LogField] = [
            .request(id), LogField("method", method), LogField("route", routeName),
            LogField("path", Self.printable(path)), LogField("status", response.status),
            LogField("duration_ms", (seconds * 1_000_000).rounded() / 1000),
            LogField("remote_addr", connection.peerAddress), LogField("client_ip", clientAddress),
            LogField("bytes_in", bytesIn), LogField("bytes_out", response.octetCount),
            LogField("tls_version", connection.tlsVersion), LogField("protocol", connection.httpVersion.rawValue),
        ]
        if let userAgent { fields.append(LogField("user_agent", Self.printable(String(userAgent.prefix(256))))) }
        if let principal {
            fields.append(LogField("actor_id", principal.actor.id))
            fields.append(LogField("actor_type", principal.actor.type.rawValue))
        }
        return fields + response.logFields
    }

    /// Control characters never reach a log line as they are.
    static func printable(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        return String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : Character($0) })
    }
}
