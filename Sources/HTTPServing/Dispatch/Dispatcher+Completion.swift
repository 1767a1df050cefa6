import APIContract
import Domain
import HTTPTypes
import Telemetry

extension Dispatcher {
    /// Adds what every answer carries.
    func complete(
        _ response: inout OutgoingResponse, _ head: HTTPRequest, _ trace: RequestTrace, _ added: HTTPFields
    ) {
        let isProbe = trace.route?.routeClass == .probe
        for field in SecurityHeaders.fields(of: routeClass(trace), isEncrypted: trace.connection.isEncrypted) {
            response.fields[field.name] = field.value
        }
        for field in added where field.name != .setCookie { response.fields[field.name] = field.value }
        for field in added where field.name == .setCookie { response.fields.append(field) }
        if response.fields[.cacheControl] == nil {
            response.fields[.cacheControl] =
                response.fields[.eTag] == nil || response.status >= 400 ? "no-store" : "no-cache"
        }
        response.fields[.requestID] = trace.id
        response.fields[.date] = environment.dates.text(at: environment.time.now)
        environment.rules.cors.apply(to: &response.fields, origin: head.headerFields[.origin], isProbe: isProbe)
    }
}

extension Dispatcher: RefusalRendering {
    func refusal(of reason: RefusedRequest, from peerAddress: String) -> (HTTPResponse, [UInt8]) {
        let problem =
            switch reason {
            case .malformed(let detail): Problem(status: 400, code: "malformed_request", detail: detail)
            case .headerTooLarge:
                Problem(status: 431, code: "header_too_large", detail: "the header fields are too large")
            case .timedOut: Problem(status: 408, code: "request_timeout", detail: "the request took too long to arrive")
            case .unsupportedVersion:
                Problem(status: 505, code: "http_version_not_supported", detail: "HTTP/1.1 and HTTP/2 are spoken here")
            }
        let id = requestID(nil)
        var response = problem.response(requestID: id, path: "/", accepted: MediaRanges(nil))
        for field in SecurityHeaders.fields { response.fields[field.name] = field.value }
        response.fields[.cacheControl] = "no-store"
        response.fields[.requestID] = id
        response.fields[.date] = environment.dates.text(at: environment.time.now)
        response.fields[.contentLength] = String(response.octetCount)
        environment.metrics.requestRefused(status: problem.status)
        environment.logger.info(
            "request refused", .request(id), LogField("remote_addr", peerAddress), LogField("status", problem.status),
            LogField("reason", problem.detail)
        )
        guard case .octets(let body) = response.content else { return (HTTPResponse(status: .badRequest), []) }
        return (HTTPResponse(status: .init(code: problem.status), headerFields: response.fields), body)
    }
}
