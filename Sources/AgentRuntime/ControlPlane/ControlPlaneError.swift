import Domain

/// Why an exchange with the control plane did not do what it was for.
struct ControlPlaneError: Error, Sendable, CustomStringConvertible {
    /// What the caller decides by.
    enum Kind: Hashable, Sendable, CaseIterable {
        /// No answer: the request may or may not have had its effect.
        case unreachable
        /// The server's certificate does not lead to a trusted anchor.
        case untrusted
        /// The server answered 429 or 5xx; the same request may succeed later.
        case busy
        /// 401 or 403: the credential is wrong, or belongs to somebody else.
        case unauthorized
        /// 410 with `agent_retired`: this agent has no future.
        case retired
        /// Any other 4xx; the same request would fail again.
        case refused
        /// A success whose body is not what the interface promises.
        case malformed
    }

    let kind: Kind
    let status: Int?
    /// The stable error code of the answer, when it has one.
    let code: String?
    let message: String
    let retryAfter: Duration?

    init(_ kind: Kind, status: Int? = nil, code: String? = nil, message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.status = status
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }

    var description: String {
        let origin = status.map { "the control plane answered \($0): " } ?? ""
        return origin + message
    }
}
