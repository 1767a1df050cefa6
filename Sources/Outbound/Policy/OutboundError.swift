/// A request that got no answer, in classes that a caller can act upon.
package struct OutboundError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        case nameResolution = "name_resolution"
        /// Nobody listens there, or the way there is closed.
        case unreachable
        case timeout
        /// A certificate that no trust anchor vouches for, or that is for another name.
        case tlsVerification = "tls_verification"
        /// TLS failed for another reason: version, alert, or the peer does not speak TLS.
        case tlsHandshake = "tls_handshake"
        case connectionLost = "connection_lost"
        case bodyTooLarge = "body_too_large"
        case invalidRequest = "invalid_request"
        case cancelled
        /// The egress policy does not let the connection out.
        case refused
        case other

        /// Whether the same request may succeed later without a change of configuration.
        package var isTransient: Bool {
            switch self {
            case .nameResolution, .unreachable, .timeout, .connectionLost, .other: true
            case .tlsVerification, .tlsHandshake, .bodyTooLarge, .invalidRequest, .cancelled, .refused: false
            }
        }
    }

    package let kind: Kind
    /// `host:port`.
    package let endpoint: String
    package let message: String

    package init(_ kind: Kind, endpoint: String, message: String) {
        self.kind = kind
        self.endpoint = endpoint
        self.message = message
    }

    package var description: String { "\(endpoint): \(message)" }
}
