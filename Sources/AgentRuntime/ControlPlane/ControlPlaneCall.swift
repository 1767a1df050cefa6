import Domain
import Encoding

/// One request of the agent.
struct ControlPlaneCall: Sendable {
    enum Method: String, Sendable { case get = "GET", post = "POST" }

    /// The time for a request that waits for nothing (specification, targets §1.3).
    static let defaultTimeout = Duration.seconds(30)

    let method: Method
    /// Path and query, beginning with `/api/v1/`.
    let path: String
    let body: JSONValue?
    let timeout: Duration

    init(_ method: Method, _ path: String, body: JSONValue? = nil, timeout: Duration = Self.defaultTimeout) {
        self.method = method
        self.path = path
        self.body = body
        self.timeout = timeout
    }
}

/// The answer to a call, whatever its status.
struct ControlPlaneAnswer: Sendable {
    let status: Int
    let body: [UInt8]
    let retryAfter: Duration?

    init(status: Int, body: [UInt8], retryAfter: Duration? = nil) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
    }

    /// The body of a success; throws what a failure means.
    func success() throws(ControlPlaneError) -> JSONValue {
        guard (200..<300).contains(status) else { throw failure() }
        if body.isEmpty { return .object(JSONObject()) }
        do {
            return try JSONValue(parsing: body)
        } catch {
            throw ControlPlaneError(.malformed, status: status, message: "the answer is not JSON: \(error)")
        }
    }

    /// Reads both renderings of errors (specification, rest-api §3.2) and the bodies of proxies.
    private func failure() -> ControlPlaneError {
        let json = try? JSONValue(parsing: body)
        let code = json?["code"]?.stringValue
        let text = json?["message"]?.stringValue ?? json?["detail"]?.stringValue ?? json?["error"]?.stringValue
        let kind: ControlPlaneError.Kind =
            switch status {
            case 410 where code == ErrorCode.agentRetired.rawValue: .retired
            case 401, 403: .unauthorized
            case 408, 429, 500...: .busy
            default: .refused
            }
        return ControlPlaneError(
            kind,
            status: status,
            code: code,
            message: Self.printable(text ?? "no explanation", problems: json?["errors"]),
            retryAfter: retryAfter
        )
    }

    /// At most 2 KiB without control characters: the text ends up in logs and reports.
    private static func printable(_ text: String, problems: JSONValue?) -> String {
        let details = (problems?.arrayValue ?? []).prefix(20).compactMap { problem -> String? in
            guard let detail = problem["detail"]?.stringValue else { return nil }
            return (problem["pointer"]?.stringValue).map { "\($0) \(detail)" } ?? detail
        }
        let whole = ([text] + details).joined(separator: "; ")
        let scalars = whole.unicodeScalars.lazy.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(2048)
        return String(String.UnicodeScalarView(scalars))
    }
}

/// Sends calls to the control plane. A failure to get any answer is thrown; an answer of any status is returned.
struct Transport: Sendable {
    private let exchange: @Sendable (ControlPlaneCall) async throws -> ControlPlaneAnswer

    init(_ exchange: @escaping @Sendable (ControlPlaneCall) async throws -> ControlPlaneAnswer) {
        self.exchange = exchange
    }

    /// - Throws: ``ControlPlaneError``, or `CancellationError`.
    func send(_ call: ControlPlaneCall) async throws -> JSONValue { try await exchange(call).success() }
}
