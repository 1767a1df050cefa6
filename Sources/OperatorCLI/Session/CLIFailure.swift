package import APIContract
package import Outbound

/// Why a command of the client failed. Each case has one exit code (specification, operations §1; front ends §1.5).
package enum CLIFailure: Error, Sendable {
    /// The command line cannot be carried out as written.
    case usage(String)
    /// The server answered with an error status.
    case refused(status: Int, body: ErrorBody, requestID: String?)
    /// No answer came from the server.
    case unreachable(OutboundError)
    /// An answer came that is not one of certctl.
    case malformedAnswer(String)
    case waitTimedOut(String)
    /// The awaited jobs ended in another state than `Completed`.
    case jobFailed(String)
    /// Some objects of many could not be changed.
    case partialFailure(String)
    /// A file could not be read or written.
    case file(message: String, isPermission: Bool)
    /// Configuration or trust material that cannot be used.
    case configuration(String)
    case notReady(String)
    /// A log or a bundle is not what it says of itself.
    case notSound(String)
    /// The answer to a question about rights was no.
    case denied(String)

    package var exitCode: Int32 {
        switch self {
        case .usage: 2
        case .refused(let status, _, _): Self.exitCode(status: status)
        case .unreachable: 69
        case .malformedAnswer, .notReady, .notSound: 1
        case .denied: Self.exitCode(status: 403)
        case .waitTimedOut: 9
        case .jobFailed: 12
        case .partialFailure: 10
        case .file(_, let isPermission): isPermission ? 77 : 1
        case .configuration: 78
        }
    }

    static func exitCode(status: Int) -> Int32 {
        switch status {
        case 404, 410: 3
        case 401: 4
        case 403: 5
        case 400, 405, 406, 413, 415, 422, 428, 431: 6
        case 409, 412: 7
        case 429, 503: 8
        default: 1
        }
    }

    /// What happened and, where the client knows it, what to do.
    var message: String {
        switch self {
        case .usage(let text), .malformedAnswer(let text), .waitTimedOut(let text), .jobFailed(let text),
            .configuration(let text), .notReady(let text), .notSound(let text), .denied(let text),
            .partialFailure(let text):
            text
        case .file(let text, _): text
        case .refused(let status, let body, _): Self.message(status: status, body)
        case .unreachable(let error): Self.message(error)
        }
    }

    private static func message(status: Int, _ body: ErrorBody) -> String {
        var lines = [body.message ?? (body.error.isEmpty ? "the server answered \(status)" : body.error)]
        lines += (body.errors ?? []).map { "  \($0.pointer.isEmpty ? "body" : $0.pointer): \($0.detail)" }
        lines += (body.counts ?? [:]).sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
        if status == 401 { lines.append("  set CERTCTL_API_KEY_FILE, or run: certctl setup") }
        if let permission = body.requiredPermission { lines.append("  needs the permission \(permission)") }
        return lines.joined(separator: "\n")
    }

    private static func message(_ error: OutboundError) -> String {
        switch error.kind {
        case .tlsVerification:
            "\(error)\n  give the server's CA with --ca-bundle FILE or CERTCTL_SERVER_CA_BUNDLE_PATH"
        case .unreachable, .nameResolution:
            "\(error)\n  is the server running, and is --server right?"
        case .timeout, .tlsHandshake, .connectionLost, .bodyTooLarge, .invalidRequest, .cancelled, .refused, .other:
            "\(error)"
        }
    }

    /// The name of the failure in JSON.
    var code: String {
        switch self {
        case .usage: "usage"
        case .refused(_, let body, _): body.code ?? "refused"
        case .unreachable(let error): error.kind.rawValue
        case .malformedAnswer: "malformed_answer"
        case .waitTimedOut: "wait_timed_out"
        case .jobFailed: "job_failed"
        case .file: "file"
        case .configuration: "configuration"
        case .notReady: "not_ready"
        case .notSound: "not_sound"
        case .denied: "not_allowed"
        case .partialFailure: "partial_failure"
        }
    }
}
